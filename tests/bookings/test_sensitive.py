"""Answers to sensitive questions: with their booking alone, gone as soon as the visit is over, and nothing else with them."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from booking_api.bookings import jobs
from booking_api.bookings.details import holds_sensitive, without_sensitive
from booking_api.catalog.schemas import Choice, QuestionDefinition
from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from tests.bookings.journey import confirm, hold, owner_of, visit
from tests.world import World, add_product

LABEL = {"en": "Tell us", "de": "Sagen Sie es uns"}


def question(
    code: str, kind: Any, per: Any, *, sensitive: bool, required: bool = False, **more: Any
) -> QuestionDefinition:
    return QuestionDefinition(
        id=new_id(), code=code, type=kind, required=required, per=per, label=LABEL, sensitive=sensitive, **more
    )


QUESTIONS = [
    question("mobility", "text", "booking", sensitive=True, required=True),
    question("language", "text", "booking", sensitive=False),
    question("weight", "number", "item", sensitive=True),
    question("pregnant", "boolean", "item", sensitive=True),
    question("shirt", "choice", "item", sensitive=False, choices=[Choice("m", LABEL), Choice("l", LABEL)]),
    question("due", "date", "item", sensitive=True),
]
SAID = {"mobility": "wheelchair Zyx", "language": "de"}
SAID_PER_ITEM = [
    {"weight": 0, "pregnant": False, "shirt": "m"},
    {"due": "2031-05-06", "weight": 81.25},
    {"shirt": "l"},
]
OPEN, OPEN_PER_ITEM = {"language": "de"}, [{"shirt": "m"}, None, {"shirt": "l"}]
NEEDLES = ("wheelchair", "mobility", "weight", "pregnant", "2031-05-06", "81.25")


@pytest.fixture
async def asking(world: World) -> World:
    """The tower with questions of every type, on sale as its second version."""
    definition = msgspec.structs.replace(world.tower, questions=QUESTIONS)
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, definition, version=2)
    return world


def wish(world: World, **more: Any) -> dict[str, Any]:
    body = visit(world, "adult", "child", "adult", answers=SAID, **more)
    body["items"] = [{**item, "answers": said} for item, said in zip(body["items"], SAID_PER_ITEM, strict=True)]
    return body


def answers_of(booking: dict[str, Any]) -> tuple[Any, list[Any]]:
    return booking.get("answers"), [item.get("answers") for item in booking["items"]]


async def get(api, url: str, headers, **query: Any) -> Any:
    answer = await api.get(url, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def visits_end(world: World, **before: float) -> None:
    """Ends the visit of every booking of the tower, and its slots with it."""
    ended = utc_now() - timedelta(**before)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set visit_ends_at = $1", ended)
        await db.execute(
            "update slot set starts_at = $1, ends_at = $2, booking_closes_at = $1", ended - timedelta(hours=1), ended
        )


async def stored(world: World) -> str:
    """All that bookings and items have, as text."""
    async with world.runtime.pool.acquire() as db:
        rows = [*await db.fetch("select answers from booking"), *await db.fetch("select answers from item")]
    return json.dumps([row["answers"] for row in rows])


async def test_they_are_shown_with_the_booking_and_its_order_and_nowhere_else(api, asking: World):
    held = await hold(api, asking.app, wish(asking))
    owner, url = owner_of(held), f"/v1/bookings/{held['id']}"
    assert answers_of(held) == (SAID, SAID_PER_ITEM)
    booking = await confirm(api, owner, held)
    for headers in (owner, asking.agent, asking.owner):
        assert answers_of(await get(api, url, headers)) == (SAID, SAID_PER_ITEM)
        (in_order,) = (await get(api, f"/v1/orders/{held['order_id']}", headers))["bookings"]
        assert answers_of(in_order) == (SAID, SAID_PER_ITEM)
    (listed,) = (await get(api, "/v1/me/bookings", owner))["items"]
    (synced,) = [one["data"] for one in (await get(api, "/v1/sync", owner))["items"] if one["type"] == "booking"]
    for one in (listed, synced):
        assert answers_of(one) == (OPEN, OPEN_PER_ITEM)
        assert one["version"] == booking["version"]
        assert not [needle for needle in NEEDLES if needle in json.dumps(one)]
    changed = await api.patch(url, json={"answers": {"mobility": "a stick"}}, headers=owner)
    assert changed.json()["answers"] == {"mobility": "a stick", "language": "de"}
    (after,) = (await get(api, "/v1/me/bookings", owner))["items"]
    assert (after["answers"], after["version"]) == (OPEN, changed.json()["version"])


async def test_the_stream_has_none_at_first_and_none_at_a_change(app, api, asking: World):
    held = await hold(api, asking.app, wish(asking))
    owner, url = owner_of(held), f"/v1/bookings/{held['id']}"
    sent, done = [], asyncio.Event()

    async def receive():
        await done.wait()
        return {"type": "http.disconnect"}

    body = asyncio.Queue()

    async def send(message):
        if message["type"] == "http.response.body" and message.get("body", b"").startswith(b"id:"):
            await body.put(message["body"].decode())

    scope = {
        "type": "http", "method": "GET", "path": f"{url}/stream", "raw_path": f"{url}/stream".encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1),
        "root_path": "", "headers": [(name.lower().encode(), value.encode()) for name, value in owner.items()],
    }  # fmt: skip
    task = asyncio.create_task(app(scope, receive, send))
    sent.append(await asyncio.wait_for(body.get(), 20))
    answer = await api.patch(url, json={"answers": {"mobility": "crutches Zyx", "language": "en"}}, headers=owner)
    assert answer.status_code == 200
    sent.append(await asyncio.wait_for(body.get(), 20))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    told = [json.loads(one.split("data: ", 1)[1]) for one in sent]
    assert [answers_of(one) for one in told] == [(OPEN, OPEN_PER_ITEM), ({"language": "en"}, OPEN_PER_ITEM)]
    assert "Zyx" not in "".join(sent)


async def test_the_gate_is_told_nothing(api, asking: World):
    held = await hold(api, asking.app, wish(asking))
    booking = await confirm(api, owner_of(held), held)
    found = await api.get("/v1/gate/lookup", params={"reference": booking["reference"]}, headers=asking.manager)
    assert found.status_code == 200, found.text
    assert booking["reference"] in found.text
    scan = {"code": booking["items"][0]["pass"]["code"], "nonce": str(new_id()), "override": {"reason": "early"}}
    scanned = await api.post("/v1/scans", json=scan, headers=asking.manager)
    assert scanned.status_code == 200, scanned.text
    assert not [needle for needle in NEEDLES if needle in found.text + scanned.text]


async def test_a_required_one_counts_as_given_though_a_list_does_not_show_it(api, asking: World):
    without = await hold(api, asking.app, {**wish(asking), "answers": {"language": "de"}})
    owner = owner_of(without)
    pointers = lambda one: [m["pointer"] for m in one["missing"]]  # noqa: E731
    (listed,) = (await get(api, "/v1/me/bookings", owner))["items"]
    assert "/answers/mobility" in pointers(listed)
    refused = await api.patch(f"/v1/bookings/{without['id']}", json={"answers": {"mobility": None}}, headers=owner)
    assert "/answers/mobility" in pointers(refused.json())
    given = await api.patch(f"/v1/bookings/{without['id']}", json={"answers": {"mobility": "none"}}, headers=owner)
    assert "/answers/mobility" not in pointers(given.json())
    (listed,) = (await get(api, "/v1/me/bookings", owner))["items"]
    assert listed["missing"] == given.json()["missing"]
    assert "mobility" not in json.dumps(listed)


@pytest.mark.parametrize("state", ["confirmed", "on_hold", "cancelled"])
async def test_they_are_erased_when_the_visit_is_over_and_the_others_stay(api, asking: World, state: str):
    """Whatever became of the booking, and though nothing else is ever erased here."""
    held = await hold(api, asking.app, wish(asking))
    owner, url = owner_of(held), f"/v1/bookings/{held['id']}"
    if state != "on_hold":
        await confirm(api, owner, held)
    if state == "cancelled":
        assert (await api.post(f"{url}/cancel", headers=owner)).status_code == 200
    await jobs.apply_retention(asking.runtime)
    before = await get(api, url, owner)
    assert answers_of(before) == (SAID, SAID_PER_ITEM), "the visit is ahead"
    await visits_end(asking, seconds=5)
    assert await jobs.apply_retention(asking.runtime) == 1
    after = await get(api, url, owner)
    assert answers_of(after) == (OPEN, OPEN_PER_ITEM)
    assert after["version"] > before["version"]
    assert after.get("contact") == before.get("contact")
    assert [item.get("name") for item in after["items"]] == [item.get("name") for item in before["items"]]
    assert not [needle for needle in NEEDLES if needle in await stored(asking)]
    assert await jobs.apply_retention(asking.runtime) == 0
    assert (await get(api, url, owner))["version"] == after["version"]


async def test_one_said_later_and_one_said_of_a_person_alone_are_erased_too(api, asking: World):
    late = await hold(api, asking.app, visit(asking, "adult", answers={"mobility": "none"}))
    owner, url = owner_of(late), f"/v1/bookings/{late['id']}"
    for said in ({"mobility": None}, {"language": "fr"}):
        assert (await api.patch(url, json={"answers": said}, headers=owner)).status_code == 200
    person = {"id": late["items"][0]["id"], "answers": {"pregnant": True, "shirt": "l"}}
    assert (await api.patch(url, json={"items": [person]}, headers=owner)).status_code == 200
    nothing = await hold(api, asking.app, visit(asking, "adult", answers={"language": "fr"}))
    before = (await get(api, f"/v1/bookings/{nothing['id']}", owner_of(nothing)))["version"]
    await visits_end(asking, days=2)
    assert await jobs.apply_retention(asking.runtime) == 1
    assert answers_of(await get(api, url, owner)) == ({"language": "fr"}, [{"shirt": "l"}])
    untouched = await get(api, f"/v1/bookings/{nothing['id']}", owner_of(nothing))
    assert (untouched["version"], untouched["answers"]) == (before, {"language": "fr"})


async def test_of_an_order_only_the_visits_that_are_over_are_concerned(api, asking: World):
    customer = asking.customer()
    wishes = [wish(asking, slot=slot) for slot in asking.tower_slots[:2]]
    answer = await api.post(
        "/v1/orders", json={"bookings": wishes}, headers={**customer, "Idempotency-Key": str(uuid4())}
    )
    assert answer.status_code == 201, answer.text
    first, second = answer.json()["bookings"]
    ended = utc_now() - timedelta(minutes=1)
    async with asking.runtime.pool.acquire() as db:
        await db.execute("update booking set visit_ends_at = $1 where id = $2", ended, UUID(first["id"]))
    assert await jobs.apply_retention(asking.runtime) == 0, "its slot was moved, and isn't over"
    async with asking.runtime.pool.acquire() as db:
        await db.execute(
            "update slot set starts_at = $1, ends_at = $2, booking_closes_at = $1 where id = $3",
            ended - timedelta(hours=1), ended, asking.tower_slots[0],
        )  # fmt: skip
    assert await jobs.apply_retention(asking.runtime) == 1
    now_first, now_second = [await get(api, f"/v1/bookings/{one['id']}", customer) for one in (first, second)]
    assert answers_of(now_first) == (OPEN, OPEN_PER_ITEM)
    assert answers_of(now_second) == (SAID, SAID_PER_ITEM)
    assert now_second["version"] == second["version"]


async def test_a_booking_keeps_to_the_questions_that_it_was_asked(api, asking: World):
    """What was no secret when it was answered is none later; a catalogue that is imported anew counts from then on."""
    plain = msgspec.structs.replace(
        asking.tower, questions=[msgspec.structs.replace(one, sensitive=False, required=False) for one in QUESTIONS]
    )
    held = await hold(api, asking.app, wish(asking))
    async with asking.runtime.pool.acquire() as db:
        await add_product(db, asking.org.org_id, plain, version=3)
    owner = owner_of(held)
    (listed,) = (await get(api, "/v1/me/bookings", owner))["items"]
    assert answers_of(listed) == (OPEN, OPEN_PER_ITEM)
    later = await hold(api, asking.app, wish(asking))
    (listed,) = (await get(api, "/v1/me/bookings", owner_of(later)))["items"]
    assert answers_of(listed) == (SAID, SAID_PER_ITEM)


async def test_an_export_names_what_it_withholds_and_an_erasure_leaves_nothing_to_do(api, asking: World):
    held = await hold(api, asking.app, wish(asking))
    owner = owner_of(held)
    booking = await confirm(api, owner, held)
    answer = await api.post("/v1/persons/export", json={"email": booking["contact"]["email"]}, headers=asking.owner)
    assert answer.status_code == 200, answer.text
    (known,) = answer.json()["bookings"]
    assert known["withheld_answers"] == ["due", "mobility", "pregnant", "weight"]
    assert answers_of(known) == (OPEN, OPEN_PER_ITEM)
    assert not [needle for needle in ("wheelchair", "81.25", "2031") if needle in answer.text]
    await visits_end(asking, hours=1)
    erased = await api.post("/v1/persons/erase", json={"email": booking["contact"]["email"]}, headers=asking.owner)
    assert erased.status_code == 200, erased.text
    assert await jobs.apply_retention(asking.runtime) == 0


async def test_a_product_says_which_questions_are_sensitive_in_every_language(api, asking: World):
    for language in ("en", "de", "fr;q=0.3, de"):
        answer = await api.get(f"/v1/products/{asking.tower.id}", headers={**asking.app, "Accept-Language": language})
        found = {one["code"]: one.get("sensitive", False) for one in answer.json()["questions"]}
        assert found == {one.code: one.sensitive for one in QUESTIONS}


def test_what_is_sensitive_is_decided_by_code(world: World):
    asked = msgspec.structs.replace(world.tower, questions=QUESTIONS)
    assert without_sensitive(asked, None) is None
    assert without_sensitive(asked, {}) == {}
    assert without_sensitive(asked, {"mobility": "x"}) is None
    assert without_sensitive(asked, {"shirt": "m", "weight": 3, "language": "de"}) == {"shirt": "m", "language": "de"}
    assert without_sensitive(world.tower, {"mobility": "x"}) == {"mobility": "x"}


def test_whether_a_booking_holds_something_sensitive(world: World):
    asked = msgspec.structs.replace(world.tower, questions=QUESTIONS)

    class Said:
        def __init__(self, answers: Any) -> None:
            self.answers = answers

    cases: list[tuple[Any, list[Any], bool]] = [
        (None, [], False), ({}, [None, {}], False), ({"language": "de"}, [{"shirt": "m"}], False),
        ({"mobility": ""}, [], True), (None, [{"shirt": "m"}, {"pregnant": False}], True), (None, [{"weight": 0}], True),
    ]  # fmt: skip
    for said, of_items, expected in cases:
        items: Any = [Said(answers) for answers in of_items]
        booking: Any = Said(said)
        assert holds_sensitive(asked, booking, items) is expected
        assert not holds_sensitive(world.tower, booking, items)
