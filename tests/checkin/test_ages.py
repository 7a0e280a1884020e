"""An age is what somebody is on the slot's own date: the day it starts on, where it starts."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.checkin.gate import book, change, scan
from tests.world import add_slot


@pytest.mark.parametrize(
    ("starts_at", "language", "text"),
    [
        # Late in the evening in New York, tomorrow already in UTC; and the night before, with the other offset.
        ("2026-12-01T03:30Z", "en", "A minor: check the age, at most 11 on 2026-11-30."),
        ("2026-12-01T05:30Z", "en", "A minor: check the age, at most 11 on 2026-12-01."),
        ("2026-07-01T03:59Z", "de", "Minderjährig: bitte das Alter prüfen, höchstens 11 am 2026-06-30."),
        ("2026-07-01T04:00Z", "de", "Minderjährig: bitte das Alter prüfen, höchstens 11 am 2026-07-01."),
    ],
)
async def test_the_gate_says_on_which_day_an_age_counts(api, world, starts_at, language, text):
    moment = datetime.fromisoformat(starts_at)
    async with world.runtime.pool.acquire() as db:
        slot_id = await add_slot(db, world.org.org_id, world.flight, moment, minutes=360)
    party = await book(world, slot_id, ("adult", "child"), product=world.flight, names=("Ada", "Bo"))
    headers = {**world.agent, "Accept-Language": language}
    seen = await scan(api, headers, party.codes[1])
    assert {"code": "minor", "text": text} in seen["attention"]
    assert "minor" not in {notice["code"] for notice in (await scan(api, headers, party.codes[0]))["attention"]}


async def test_the_day_follows_a_slot_that_moved(api, world):
    now = datetime.now(UTC)
    async with world.runtime.pool.acquire() as db:
        slot_id = await add_slot(db, world.org.org_id, world.flight, now + timedelta(days=30), minutes=360)
    party = await book(world, slot_id, ("infant",), product=world.flight, names=("Zoë",))
    moved = datetime(2030, 1, 1, 2, tzinfo=UTC)
    await change(world, "update slot set starts_at = $3, ends_at = $3 where org_id = $1 and id = $2", slot_id, moved)
    (minor,) = [
        notice for notice in (await scan(api, world.agent, party.codes[0]))["attention"] if notice["code"] == "minor"
    ]
    assert minor["text"] == "A minor: check the age, at most 1 on 2029-12-31."


async def test_the_description_says_what_an_age_is(api):
    schemas = (await api.get("/openapi.json")).json()["components"]["schemas"]
    said = [
        str(schema["properties"][name])
        for schema in schemas.values()
        for name in ("min_age", "max_age")
        if name in schema.get("properties", {})
    ]
    assert said
    assert all("slot's local date" in text for text in said)
