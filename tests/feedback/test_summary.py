"""What staff read: lists, and summaries against a model of plain Python."""

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from booking_api.core.ids import new_id
from booking_api.feedback import operations, rules
from booking_api.feedback.summary_schemas import ScoreCount
from tests.feedback.helpers import configure, prompt
from tests.world import build_world

PATH = "/v1/feedback/summary"
CHANNELS = ("ios", "android", "web")
BERLIN = ZoneInfo("Europe/Berlin")


async def put(
    world, at: datetime, kind: str = "csat", score: int | None = 5, *, step: str = "confirmed", product_id: UUID | None = None,
    channel: str = "ios", text: str | None = None, asked_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """Feedback as if it had been given at that moment."""
    feedback_id = new_id()
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            """
            insert into feedback (org_id, id, step, kind, score, text, product_id, channel, asked_id, retention_from, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
            """,
            world.org.org_id, feedback_id, step, kind, score, text, product_id, channel, asked_id, at,
        )  # fmt: skip
    return feedback_id


async def put_ask(
    world, prompt_id: UUID, at: datetime, *, step="confirmed", kind="csat", product_id=None, channel="ios"
) -> UUID:
    asked_id = new_id()
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            """
            insert into feedback_asked (org_id, id, customer_id, number, prompt_id, step, kind, product_id, channel, asked_at)
            values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9)
            """,
            world.org.org_id, asked_id, new_id(), prompt_id, step, kind, product_id, channel, at,
        )  # fmt: skip
    return asked_id


async def summary(api, world, query: str) -> dict:
    answer = await api.get(f"{PATH}?{query}", headers=world.manager)
    assert answer.status_code == 200, answer.text
    return answer.json()


# by hand ----------------------------------------------------------------------------------------------------------


async def test_numbers_by_hand(api, world):
    [row] = await configure(world, prompt(kind="nps"))
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    for n, score in enumerate((10, 9, 9, 8, 6, 0)):
        asked_id = await put_ask(world, row.id, at, kind="nps") if n < 3 else None
        await put(world, at + timedelta(days=n), "nps", score, asked_id=asked_id)
    await put_ask(world, row.id, at, kind="nps")
    await put(world, at, "text", None, text="Hm.")
    await put(world, at, "ces", 2, step="search")
    found = await summary(api, world, "from=2026-03-01&to=2026-03-31&by=step")
    assert (found["from"], found["to"], found["by"], found["time_zone"]) == (
        "2026-03-01",
        "2026-03-31",
        "step",
        "Europe/Berlin",
    )
    assert [group["key"] for group in found["items"]] == ["search", "confirmed"]
    search, confirmed = found["items"]
    assert search == {
        "key": "search", "count": 1, "asked": 0, "answered": 0,
        "kinds": [{
            "kind": "ces", "count": 1, "mean": 2.0, "asked": 0, "answered": 0,
            "distribution": {"1": 0, "2": 1, "3": 0, "4": 0, "5": 0, "6": 0, "7": 0},
            "trend": [{"week": "2026-W11", "starts_on": "2026-03-09", "count": 1, "mean": 2.0}],
        }],
    }  # fmt: skip
    assert (confirmed["count"], confirmed["asked"], confirmed["answered"], confirmed["response_rate"]) == (
        7,
        4,
        3,
        0.75,
    )
    nps, text = confirmed["kinds"]
    assert (nps["count"], nps["mean"], nps["nps"], nps["response_rate"]) == (6, 7.0, 16.7, 0.75)
    assert nps["distribution"] == {
        "0": 1,
        "1": 0,
        "2": 0,
        "3": 0,
        "4": 0,
        "5": 0,
        "6": 1,
        "7": 0,
        "8": 1,
        "9": 2,
        "10": 1,
    }
    assert nps["trend"] == [
        {"week": "2026-W11", "starts_on": "2026-03-09", "count": 6, "mean": 7.0, "nps": 16.7},
    ]
    assert text == {
        "kind": "text", "count": 1, "distribution": {}, "asked": 0, "answered": 0,
        "trend": [{"week": "2026-W11", "starts_on": "2026-03-09", "count": 1}],
    }  # fmt: skip


async def test_asks_without_an_answer_have_a_group(api, world):
    [row] = await configure(world, prompt())
    await put_ask(world, row.id, datetime(2026, 3, 10, tzinfo=UTC), step="visit", product_id=world.tower.id)
    for by, key in (("step", "visit"), ("product", str(world.tower.id)), ("channel", "ios"), ("week", "2026-W11")):
        [group] = (await summary(api, world, f"from=2026-03-01&to=2026-03-31&by={by}"))["items"]
        assert (group["key"], group["count"], group["asked"], group["response_rate"]) == (key, 0, 1, 0.0)


async def test_products_have_titles_and_what_is_about_none_has_no_key(api, world):
    at = datetime(2026, 3, 10, tzinfo=UTC)
    for product_id in (world.tower.id, world.tower.id, world.flight.id, None):
        await put(world, at, product_id=product_id)
    answer = await api.get(
        f"{PATH}?from=2026-03-01&to=2026-03-31&by=product", headers={**world.key, "Accept-Language": "de"}
    )
    groups = answer.json()["items"]
    assert (groups[0]["key"], groups[0]["title"], groups[0]["count"]) == (str(world.tower.id), "Turmbesuch", 2)
    assert {(group.get("key"), group.get("title")) for group in groups[1:]} == {
        (None, None),
        (str(world.flight.id), "OS 101"),
    }


# weeks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        ("2026-12-28T00:00+01:00", "2026-W53"),
        ("2026-12-31T23:59+01:00", "2026-W53"),
        ("2027-01-01T00:00+01:00", "2026-W53"),
        ("2027-01-03T23:59+01:00", "2026-W53"),
        ("2027-01-04T00:00+01:00", "2027-W01"),
        # Summer time begins on Sunday 29 March 2026 in Berlin, and ends on Sunday 25 October.
        ("2026-03-22T22:59Z", "2026-W12"),
        ("2026-03-22T23:00Z", "2026-W13"),
        ("2026-03-29T21:59Z", "2026-W13"),
        ("2026-03-29T22:00Z", "2026-W14"),
        ("2026-10-25T22:59Z", "2026-W43"),
        ("2026-10-25T23:00Z", "2026-W44"),
    ],
)
async def test_weeks_are_the_organisations(api, world, moment, week):
    at = datetime.fromisoformat(moment).astimezone(UTC)
    await put(world, at)
    day = at.astimezone(BERLIN).date()
    [group] = (await summary(api, world, f"from={day}&to={day}&by=week"))["items"]
    assert (group["key"], group["kinds"][0]["trend"][0]["week"]) == (week, week)
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert (await summary(api, world, f"from={other}&to={other}&by=week"))["items"] == []


def test_a_local_day_has_its_hours():
    def hours(day: date) -> timedelta:
        return rules.local_midnight(day + timedelta(days=1), "Europe/Berlin") - rules.local_midnight(
            day, "Europe/Berlin"
        )

    assert hours(date(2026, 3, 29)) == timedelta(hours=23)
    assert hours(date(2026, 10, 25)) == timedelta(hours=25)
    assert rules.local_day(datetime(2026, 3, 29, 22, tzinfo=UTC), "Europe/Berlin") == date(2026, 3, 30)


# against a model --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
async def test_numbers_against_a_model(api, world, seed):
    chance = random.Random(seed)
    [row] = await configure(world, prompt())
    first, last = date(2025, 10, 20), date(2026, 4, 5)
    inside: list[tuple] = []
    asked: list[tuple] = []
    for _ in range(150):
        at = datetime(2025, 10, 10, tzinfo=UTC) + timedelta(minutes=chance.randrange(190 * 24 * 60))
        kind = chance.choice(("ces", "csat", "nps", "text"))
        scores = rules.RANGES.get(kind)
        score = chance.choice(scores) if scores else None
        step, channel = (
            chance.choice(("search", "hold", "details", "payment", "confirmed", "visit")),
            chance.choice(CHANNELS),
        )
        product_id = chance.choice((world.tower.id, world.flight.id, None))
        answered = chance.random() < 0.7
        asked_id = None
        if chance.random() < 0.5:
            asked_id = await put_ask(world, row.id, at, step=step, kind=kind, product_id=product_id, channel=channel)
        if answered or asked_id is None:
            await put(world, at, kind, score, step=step, product_id=product_id, channel=channel, asked_id=asked_id)
        local = at.astimezone(BERLIN).date()
        if first <= local <= last:
            iso = local.isocalendar()
            keys = {
                "step": step,
                "channel": channel,
                "product": product_id and str(product_id),
                "week": f"{iso.year}-W{iso.week:02}",
            }
            if answered or asked_id is None:
                inside.append((keys, kind, score))
            if asked_id:
                asked.append((keys, kind, answered))
    for by in ("step", "product", "channel", "week"):
        found = await summary(api, world, f"from={first}&to={last}&by={by}")
        model: dict[tuple, Counter] = defaultdict(Counter)
        weeks: dict[tuple, Counter] = defaultdict(Counter)
        for keys, kind, score in inside:
            model[keys[by], kind][score] += 1
            weeks[keys[by], kind][keys["week"]] += 1
        asks = Counter((keys[by], kind) for keys, kind, _ in asked)
        answers = Counter((keys[by], kind) for keys, kind, answered in asked if answered)
        seen = {(group.get("key"), kind["kind"]): kind for group in found["items"] for kind in group["kinds"]}
        assert set(seen) == set(model) | set(asks)
        for key, kind in seen.items():
            scores = Counter({score: times for score, times in model[key].items() if score is not None})
            assert kind["count"] == model[key].total()
            assert {int(score): times for score, times in kind["distribution"].items() if times} == dict(scores)
            assert (kind["asked"], kind["answered"]) == (asks[key], answers[key])
            assert {point["week"]: point["count"] for point in kind["trend"]} == dict(weeks[key])
            if scores:
                assert abs(kind["mean"] - sum(scores.elements()) / scores.total()) < 0.00501
            if scores and key[1] == "nps":
                above, below = sum(s >= 9 for s in scores.elements()), sum(s <= 6 for s in scores.elements())
                assert abs(kind["nps"] - 100 * (above - below) / scores.total()) < 0.0501
        if by == "week":
            assert [group["key"] for group in found["items"]] == sorted({keys["week"] for keys, *_ in inside + asked})


def test_nps_at_its_ends():
    assert rules.nps_of("nps", {9: 3, 10: 1}) == 100.0
    assert rules.nps_of("nps", {0: 1, 6: 1}) == -100.0
    assert rules.nps_of("nps", {7: 1, 8: 1}) == 0.0
    assert rules.nps_of("csat", {5: 1}) is None
    assert rules.nps_of("nps", {}) is None
    assert rules.mean_of({}) is None


def test_an_empty_summary():
    assert rules.summarise([], [], [], {}) == []
    [group] = rules.summarise(["visit"], [ScoreCount("visit", "csat", date(2026, 3, 9), 4, 2)], [], {})
    assert (group.key, group.count, group.response_rate) == ("visit", 2, None)


# bounds and callers -----------------------------------------------------------------------------------------------


async def test_the_period_is_bounded(api, world):
    for query, pointer in (
        ("from=2026-03-02&to=2026-03-01", "/query/to"),
        ("from=2025-01-01&to=2026-03-01", "/query/to"),
        ("from=9999-12-31&to=9999-12-31", "/query/to"),
        ("from=0001-01-01&to=0001-01-01", "/query/from"),
        ("to=0001-01-01", "/query/to"),
        ("from=yesterday", "/query/from"),
        ("by=colour", "/query/by"),
        ("limit=0", "/query/limit"),
        ("cursor=WzUuNV0", "/query/cursor"),
        ("cursor=Wy0xXQ", "/query/cursor"),
        ("more=1", "/query/more"),
    ):
        refused = await api.get(f"{PATH}?{query}", headers=world.manager)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer), query
    assert len((await summary(api, world, "from=2025-01-01&to=2026-02-04"))["items"]) == 0
    default = await summary(api, world, "")
    assert date.fromisoformat(default["to"]) - date.fromisoformat(default["from"]) == timedelta(days=27)


async def test_groups_are_paged(api, world):
    at = datetime(2026, 3, 10, tzinfo=UTC)
    for n, product_id in enumerate((world.tower.id, world.flight.id, world.consultant.id)):
        for _ in range(3 - n):
            await put(world, at, product_id=product_id)
    keys, cursor = [], ""
    for _ in range(2):
        page = await summary(api, world, f"from=2026-03-01&to=2026-03-31&by=product&limit=2{cursor}")
        keys += [group["key"] for group in page["items"]]
        cursor = f"&cursor={page.get('next_cursor')}"
    assert keys == [str(product.id) for product in (world.tower, world.flight, world.consultant)]
    assert "next_cursor" not in page


async def test_who_may(api, world):
    other = await build_world(world.runtime, "Westwind")
    await put(world, datetime.now(UTC), text="Ours.")
    for path in (PATH, "/v1/feedback"):
        for headers, status in (
            (world.agent, 403),
            (world.app, 403),
            (world.customer(), 403),
            ({}, 401),
            (world.owner, 200),
            (world.key, 200),
        ):
            assert (await api.get(path, headers=headers)).status_code == status
        assert (await api.get(path, headers=other.owner)).json()["items"] == []


# the list ---------------------------------------------------------------------------------------------------------


async def test_the_list_is_newest_first_filtered_and_paged(api, world):
    start = datetime(2026, 3, 9, 23, tzinfo=UTC)  # Midnight in Berlin.
    made = [
        await put(world, start + timedelta(hours=n // 2), "csat", 1 + n % 5, step="visit" if n % 2 else "search",
                  product_id=world.tower.id if n % 3 else None, text=f"Number {n}." if n % 4 else None)
        for n in range(12)
    ]  # fmt: skip
    newest = [str(feedback_id) for feedback_id in reversed(made)]

    async def ids(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            answer = await api.get(f"/v1/feedback?{query}{cursor}", headers=world.manager)
            assert answer.status_code == 200, answer.text
            found += [item["id"] for item in answer.json()["items"]]
            if "next_cursor" not in answer.json():
                return found
            cursor = f"&cursor={answer.json()['next_cursor']}"

    assert await ids("limit=5") == newest
    assert await ids("limit=1&step=visit") == newest[::2]
    assert await ids("max_score=1") == [str(made[n]) for n in (10, 5, 0)]
    assert await ids("has_text=false") == [str(made[n]) for n in (8, 4, 0)]
    assert len(await ids("has_text=true&limit=2")) == 9
    assert await ids(f"product_id={world.tower.id}") == [str(made[n]) for n in range(11, -1, -1) if n % 3]
    assert await ids("from=2026-03-10&to=2026-03-10") == newest
    assert await ids("to=2026-03-09") == []
    assert await ids("from=2026-03-11") == []
    for bad in (
        "from=2026-03-02&to=2026-03-01",
        "max_score=11",
        "limit=201",
        "step=x",
        "cursor=x",
        "has_text=perhaps",
        "to=9999-12-31",
    ):
        assert (await api.get(f"/v1/feedback?{bad}", headers=world.manager)).status_code == 400, bad


async def test_the_list_shows_what_was_erased(api, world):
    at = datetime(2026, 3, 10, tzinfo=UTC)
    await put(world, at, score=2, text="Private.")
    async with world.runtime.pool.acquire() as db:
        assert (
            await operations.erase_feedback(
                db, world.org.org_id, at + timedelta(days=1), 10, now=at + timedelta(days=2)
            )
            == 1
        )
    [item] = (await api.get("/v1/feedback", headers=world.manager)).json()["items"]
    assert "text" not in item
    assert (item["score"], item["erased_at"]) == (2, "2026-03-12T00:00:00Z")
    assert item["available_actions"] == []
