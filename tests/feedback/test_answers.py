"""Giving, changing and erasing feedback."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from booking_api.core.ids import new_id
from booking_api.feedback import operations
from tests.feedback.helpers import add_booking, ask, configure, count, low_events, post, prompt
from tests.world import World, build_world


async def age(world, feedback_id: str, by: timedelta) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute("update feedback set created_at = created_at - $2::interval where id = $1", feedback_id, by)


# giving -----------------------------------------------------------------------------------------------------------


async def test_unasked_feedback_of_a_customer(api, world):
    headers = world.customer()
    given = await post(
        api, headers, step="payment", kind="ces", score=6, text="Good, but slow.", product_id=world.tower.id
    )
    assert given.status_code == 201
    found = given.json()
    assert (found["step"], found["kind"], found["score"], found["text"]) == ("payment", "ces", 6, "Good, but slow.")
    assert (found["product_id"], found["channel"], found["available_actions"]) == (str(world.tower.id), "web", ["edit"])
    assert "prompt_id" not in found
    assert "booking_id" not in found
    assert (await post(api, headers, step="payment", kind="ces", score=6)).status_code == 201
    assert await low_events(world) == []


async def test_an_app_speaks_before_anyone_is_known(api, world):
    given = await post(api, world.app, step="search", kind="text", score=None, text="I can't find my town.")
    assert given.status_code == 201
    assert given.json()["available_actions"] == []
    assert "editable_until" not in given.json()
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select customer_id from feedback") is None
        booking = await add_booking(db, world, new_id())
    refused = await post(api, world.app, booking_id=booking)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    for headers in (world.customer(), world.app):
        assert (
            await api.patch(f"/v1/feedback/{given.json()['id']}", json={"text": "x"}, headers=headers)
        ).status_code in (403, 404)


@pytest.mark.parametrize(
    ("kind", "good", "bad"), [("ces", (1, 7), (0, 8)), ("csat", (1, 5), (0, 6, 10)), ("nps", (0, 10), ())]
)
async def test_each_kind_has_its_scores(api, world, kind, good, bad):
    for score in good:
        assert (await post(api, world.customer(), kind=kind, score=score)).status_code == 201
    for score in (*bad, None):
        refused = await post(api, world.customer(), kind=kind, score=score)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/score")
    for score in (-1, 11, 2**70, "5", 4.5, True):
        refused = await post(api, world.customer(), kind=kind, score=score)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/score")


async def test_text_alone(api, world):
    headers = world.customer()
    assert (await post(api, headers, kind="text", score=None, text="ü" * 2000)).status_code == 201
    for change, status, pointer in (
        ({"text": "x" * 2001}, 400, "/text"),
        ({"text": " \n"}, 422, "/text"),
        ({"text": None}, 422, "/text"),
        ({"text": "Fine.", "score": 3}, 422, "/score"),
        ({"text": "Fi\0ne."}, 400, ""),
    ):
        refused = await post(api, headers, **{"kind": "text", "score": None, **change})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer), change
    assert await count(world, "feedback") == 1


async def ask_about(world: World, customer: UUID, booking: UUID) -> UUID:
    """A prompt that this customer was asked about a booking."""
    await configure(world, prompt())
    asked = await ask(world, customer, booking_id=booking)
    assert asked is not None
    return asked.id


async def test_what_it_is_about_must_exist_and_be_ones_own(api, world):
    customer = new_id()
    headers = world.customer(customer)
    other = await build_world(world.runtime, "Westwind")
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer)
        strangers = await add_booking(db, world, new_id())
        elsewhere = await add_booking(db, other, customer)
    own = await ask_about(world, customer, booking)
    theirs = await ask_about(world, new_id(), strangers)
    for about in (
        {"booking_id": strangers}, {"booking_id": elsewhere}, {"booking_id": new_id()}, {"product_id": other.tower.id},
        {"product_id": new_id()}, {"prompt_id": new_id()}, {"prompt_id": theirs},
        # Whose it is comes before whether it fits: nothing is told of what is somebody else's.
        {"booking_id": strangers, "product_id": world.flight.id}, {"booking_id": strangers, "prompt_id": own},
        {"booking_id": booking, "prompt_id": theirs}, {"booking_id": booking, "product_id": other.tower.id},
        {"prompt_id": own, "product_id": other.tower.id}, {"prompt_id": theirs, "step": "visit", "kind": "nps"},
    ):  # fmt: skip
        refused = await post(api, headers, **about)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), about
        assert "errors" not in refused.json()
    refused = await post(api, headers, booking_id=booking, product_id=world.flight.id)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/product_id")
    assert (await post(api, headers, step="elsewhere")).status_code == 400
    assert (await post(api, headers, booking_id="1")).status_code == 400
    assert (await post(api, headers, stars=5)).status_code == 400
    assert (await post(api, {})).status_code == 401
    assert (await post(api, world.owner)).status_code == 403
    assert await count(world, "feedback") == 0
    given = await post(api, headers, booking_id=booking)
    assert (given.json()["booking_id"], given.json()["product_id"]) == (str(booking), str(world.tower.id))


async def test_a_secret_key_speaks_for_the_customer_of_a_booking(api, world):
    customer = new_id()
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer)
    given = await post(api, world.key, booking_id=booking)
    assert given.status_code == 201
    assert given.json()["channel"] == "partner"
    edited = await api.patch(f"/v1/feedback/{given.json()['id']}", json={"score": 3}, headers=world.customer(customer))
    assert edited.status_code == 200


# answering a prompt -----------------------------------------------------------------------------------------------


async def test_a_prompt_is_answered_once(api, world):
    await configure(world, prompt())
    customer = new_id()
    headers = world.customer(customer)
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer)
    asked = await ask(world, customer, booking_id=booking, product_id=world.tower.id)
    first = await post(api, headers, score=4, text="Good.", prompt_id=asked.id)
    assert first.status_code == 201
    assert (first.json()["prompt_id"], first.json()["booking_id"]) == (str(asked.id), str(booking))
    assert first.json()["product_id"] == str(world.tower.id)
    again = await post(api, headers, score=4, text="Good.", prompt_id=asked.id)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await post(api, headers, score=5, prompt_id=asked.id)
    assert (other.status_code, other.json()["code"], other.json()["feedback_id"]) == (
        409,
        "already_answered",
        first.json()["id"],
    )
    assert await count(world, "feedback") == 1


async def test_an_answer_fits_its_prompt(api, world):
    await configure(world, prompt())
    customer = new_id()
    headers = world.customer(customer)
    async with world.runtime.pool.acquire() as db:
        booking, another = await add_booking(db, world, customer), await add_booking(db, world, customer)
    asked = await ask(world, customer, booking_id=booking)
    for change, pointer in (
        ({"step": "visit"}, "/step"),
        ({"kind": "nps"}, "/kind"),
        ({"booking_id": another}, "/booking_id"),
        ({"product_id": world.flight.id}, "/product_id"),
    ):
        refused = await post(api, headers, prompt_id=asked.id, **change)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), change
    for headers in (world.customer(), world.app, world.key):
        refused = await post(api, headers, prompt_id=asked.id)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_ten_answers_at_once_are_one(api, world):
    await configure(world, prompt())
    customer = new_id()
    asked = await ask(world, customer)
    headers = world.customer(customer)
    same = await asyncio.gather(*(post(api, headers, score=1, prompt_id=asked.id) for _ in range(10)))
    assert sorted(answer.status_code for answer in same) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in same}) == 1
    assert len(await low_events(world)) == 1
    differing = await asyncio.gather(*(post(api, headers, score=1 + n, prompt_id=asked.id) for n in range(5)))
    assert sorted(answer.status_code for answer in differing) == [200, 409, 409, 409, 409]


async def test_an_idempotency_key_makes_unasked_feedback_safe_to_repeat(api, world):
    headers = {**world.app, "Idempotency-Key": str(new_id())}
    one, two = await post(api, headers, step="search"), await post(api, headers, step="search")
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json() == two.json()
    assert two.headers["idempotency-replayed"] == "true"
    assert await count(world, "feedback") == 1


# changing ---------------------------------------------------------------------------------------------------------


async def test_feedback_is_its_authors_to_change_for_an_hour(api, world):
    headers = world.customer()
    given = (await post(api, headers, score=5, text="Good.")).json()
    path = f"/v1/feedback/{given['id']}"
    changed = await api.patch(path, json={"score": 4}, headers=headers)
    assert (changed.status_code, changed.json()["score"], changed.json()["text"]) == (200, 4, "Good.")
    assert changed.json()["edited_at"]
    cleared = await api.patch(path, json={"text": None}, headers=headers)
    assert "text" not in cleared.json()
    for body, status, pointer in (
        ({"score": 6}, 422, "/score"), ({"score": None}, 422, "/score"), ({"score": "4"}, 400, "/score"),
        ({"text": "x" * 2001}, 400, "/text"), ({"step": "visit"}, 400, "/step"),
    ):  # fmt: skip
        refused = await api.patch(path, json=body, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (status, pointer), body

    await age(world, given["id"], timedelta(minutes=59))
    assert (await api.patch(path, json={"score": 3}, headers=headers)).status_code == 200
    await age(world, given["id"], timedelta(minutes=1))
    late = await api.patch(path, json={"score": 2}, headers=headers)
    assert (late.status_code, late.json()["code"]) == (409, "no_longer_editable")
    same = await api.patch(path, json={"score": 3}, headers=headers)
    assert (same.status_code, same.json()["available_actions"]) == (200, [])


async def test_nobody_else_may_change_it(api, world):
    customer = new_id()
    given = (await post(api, world.customer(customer))).json()
    other = await build_world(world.runtime, "Westwind")
    for headers, status in (
        (world.customer(), 404), (other.customer(customer), 404), (world.app, 403), (world.owner, 403), (world.key, 403), ({}, 401),
    ):  # fmt: skip
        assert (
            await api.patch(f"/v1/feedback/{given['id']}", json={"score": 1}, headers=headers)
        ).status_code == status
    assert (
        await api.patch(f"/v1/feedback/{new_id()}", json={"score": 1}, headers=world.customer(customer))
    ).status_code == 404
    assert await low_events(world) == []


# low scores -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "low", "fair"), [("ces", 3, 4), ("csat", 2, 3), ("nps", 6, 7)])
async def test_a_low_score_is_told_once(api, world, kind, low, fair):
    customer = new_id()
    headers = world.customer(customer)
    given = (await post(api, headers, kind=kind, score=fair, text="So so.", product_id=world.tower.id)).json()
    assert await low_events(world) == []
    for score in (low, low - 1):
        await api.patch(f"/v1/feedback/{given['id']}", json={"score": score}, headers=headers)
    [event] = await low_events(world)
    assert str(event["subject_id"]) == given["id"]
    assert event["data"] == {
        "step": "confirmed", "kind": kind, "score": low, "customer_id": str(customer), "booking_id": None,
        "product_id": str(world.tower.id), "channel": "web",
    }  # fmt: skip
    await post(api, headers, kind=kind, score=low)
    assert len(await low_events(world)) == 2


# retention --------------------------------------------------------------------------------------------------------


async def test_texts_are_erased_after_the_visit_and_scores_stay(api, world):
    customer = new_id()
    headers = world.customer(customer)
    now = datetime.now(UTC)
    other = await build_world(world.runtime, "Westwind")
    async with world.runtime.pool.acquire() as db:
        past = await add_booking(db, world, customer, visit_ends_at=now - timedelta(days=40))
        future = await add_booking(db, world, customer, visit_ends_at=now + timedelta(days=40))
        for booking in (past, past, past, future, None):
            assert (await post(api, headers, text="My name is Ada.", booking_id=booking)).status_code == 201
        before = now - timedelta(days=30)
        assert await operations.erase_feedback(db, other.org.org_id, before, 200, now=now) == 0
        assert await operations.erase_feedback(db, world.org.org_id, before, 2, now=now) == 2
        assert await operations.erase_feedback(db, world.org.org_id, before, 200, now=now) == 1
        assert await operations.erase_feedback(db, world.org.org_id, before, 200, now=now) == 0
        left = await db.fetch("select booking_id, text, score, erased_at from feedback")
    assert sum(row["text"] is None for row in left) == 3
    assert all((row["text"] is None) == (row["booking_id"] == past) == (row["erased_at"] is not None) for row in left)
    assert {row["score"] for row in left} == {5}
