"""A slot that is cancelled or moved under a confirmed booking: what its customer may choose, and what silence means."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import jobs
from tests.bookings.journey import confirm, hold, owner_of, party, taken, visit
from tests.bookings.test_delays import heard, passes_of, see
from tests.bookings.test_paying import pay, relay
from tests.inventory.helpers import news_of, patch_slot, slot_row
from tests.world import Headers, World

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


class Booked(NamedTuple):
    booking: dict[str, Any]
    me: Headers
    slot: UUID
    starts_at: datetime


async def book(api: httpx.AsyncClient, world: World, number: int = 4, *units: str) -> Booked:
    """A paid flight that can't be refunded, some days from now."""
    slot = world.flight_slots[number]
    held = await hold(api, world.app, party(world, *(units or ("adult",)), slot=slot, option="light"))
    booking = await confirm(api, owner_of(held), held)
    paid = {"method": "cash", "amount": booking["price"]["due_on_site"]}
    answer = await api.post(f"/v1/bookings/{booking['id']}/payments", json=paid, headers=world.agent)
    return Booked(answer.json(), owner_of(held), slot, datetime.fromisoformat(booking["slot"]["starts_at"]))


async def move(api: httpx.AsyncClient, world: World, booked: Booked, by: timedelta, **more: Any) -> dict[str, Any]:
    """Moves the slot from where it was booked, and lets its bookings hear of it; the booking."""
    await patch_slot(api, world.manager, booked.slot, starts_at=booked.starts_at + by, **more)
    await heard_last(world, booked.slot)
    return await see(api, booked.booking, booked.me)


async def heard_last(world: World, slot: UUID) -> None:
    """Lets the worker bring the last news of a slot to its bookings, twice, as it may."""
    event = [event for event in await news_of(world, slot) if event.type == "slot.changed"][-1]
    for _ in range(2):
        await jobs.follow_slot(world.runtime, event)


async def keep(api: httpx.AsyncClient, booked: Booked, headers: Headers | None = None, **more: Any) -> httpx.Response:
    body = {"choice": "keep", **more}
    return await api.post(f"/v1/bookings/{booked.booking['id']}/slot-change", json=body, headers=headers or booked.me)


async def cancel(api: httpx.AsyncClient, booked: Booked, **wish: Any) -> httpx.Response:
    return await api.post(f"/v1/bookings/{booked.booking['id']}/cancel", json=wish, headers=booked.me)


async def let_time_pass(world: World, booked: Booked) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set decide_by = now() where id = $1", UUID(booked.booking["id"]))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def full(booked: Booked) -> dict[str, Any]:
    return booked.booking["price"]["total"]


# moved ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [61 * MINUTE, 3 * HOUR, 40 * DAY, -11 * MINUTE, -20 * HOUR])
async def test_a_slot_that_moved_too_far_may_be_kept_or_given_back(api, world, by):
    booked = await book(api, world)
    before = booked.booking
    assert before["cancellation"]["refund"]["amount"] == 0
    assert "slot_change" not in before
    after = await move(api, world, booked, by)
    change = after["slot_change"]
    assert change["kind"] == "moved"
    assert change["choices"] == ["keep", "refund"]
    assert {"keep", "cancel"} <= set(after["available_actions"])
    assert (change["from"]["starts_at"], change["from"]["ends_at"]) == (
        before["slot"]["starts_at"],
        before["slot"]["ends_at"],
    )
    assert (change["to"]["starts_at"], change["to"]["ends_at"]) == (
        after["slot"]["starts_at"],
        after["slot"]["ends_at"],
    )
    assert at(change["to"]["starts_at"]) == booked.starts_at + by
    now = datetime.now(UTC)
    assert now < at(change["decide_by"]) <= now + 7 * DAY
    assert at(change["decide_by"]) <= max(booked.starts_at, booked.starts_at + by)
    assert after["cancellation"] == {
        "until": change["decide_by"], "fee": {"amount": 0, "currency": "USD"}, "refund": full(booked)
    }  # fmt: skip
    assert after["version"] > before["version"]
    cancelled = (await cancel(api, booked, expected_refund=full(booked))).json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["payment"]["status"] in ("refunded", "refund_pending")
    assert "slot_change" not in cancelled


@pytest.mark.parametrize("by", [60 * MINUTE, MINUTE, -10 * MINUTE])
async def test_a_slot_that_moved_a_little_is_agreed(api, world, by):
    booked = await book(api, world)
    after = await move(api, world, booked, by)
    assert "slot_change" not in after
    assert "keep" not in after["available_actions"]
    assert after["cancellation"]["refund"]["amount"] == 0
    assert at(after["slot"]["starts_at"]) == booked.starts_at + by
    assert after["version"] > booked.booking["version"]
    valid_from = at(after["items"][0]["pass"]["valid_from"])
    assert valid_from == at(booked.booking["items"][0]["pass"]["valid_from"]) + by
    assert (await keep(api, booked)).status_code == 409


async def test_small_moves_count_from_what_was_agreed_last(api, world):
    """Each is told; two of them are no move beyond the threshold by stealth, because each was agreed to by itself."""
    booked = await book(api, world)
    assert "slot_change" not in await move(api, world, booked, 50 * MINUTE)
    assert "slot_change" not in await move(api, world, booked, 100 * MINUTE)
    assert (await move(api, world, booked, 89 * MINUTE))["slot_change"]["kind"] == "moved", "eleven minutes earlier"


async def test_an_end_that_moves_far_counts_and_one_that_comes_earlier_does_not(api, world):
    booked = await book(api, world)
    ends_at = at(booked.booking["slot"]["ends_at"])
    after = await move(api, world, booked, timedelta(0), ends_at=ends_at - 2 * HOUR)
    assert "slot_change" not in after
    after = await move(api, world, booked, timedelta(0), ends_at=ends_at)
    assert after["slot_change"]["kind"] == "moved"
    assert at(after["slot_change"]["to"]["ends_at"]) == ends_at


async def test_the_organisation_says_what_a_move_is(api, world):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update organisation set moved_later_minutes = 5, moved_earlier_minutes = 0")
    booked = await book(api, world)
    assert (await move(api, world, booked, 6 * MINUTE))["slot_change"]["kind"] == "moved"
    assert "slot_change" not in await move(api, world, booked, timedelta(0))
    assert (await move(api, world, booked, -MINUTE))["slot_change"]["kind"] == "moved"


async def test_another_place_is_another_slot(api, world):
    booked = await book(api, world)
    async with world.runtime.pool.acquire() as db:
        other = await db.fetchval("select id from place where org_id = $1 and code = 'TOWER'", world.org.org_id)
        await db.execute("update slot set destination_id = $2 where id = $1", booked.slot, other)
    await patch_slot(api, world.manager, booked.slot, gate="C1")
    await heard_last(world, booked.slot)
    change = (await see(api, booked.booking, booked.me))["slot_change"]
    assert change["kind"] == "moved"
    assert change["to"]["destination_id"] == str(other)
    assert change["from"]["destination_id"] != str(other)


async def test_the_choice_is_there_before_anybody_was_told(api, world):
    """Between the change and its news a booking says the same, and cancelling gives the same."""
    booked = await book(api, world)
    await patch_slot(api, world.manager, booked.slot, starts_at=booked.starts_at + 5 * HOUR)
    seen = await see(api, booked.booking, booked.me)
    assert seen["slot_change"]["kind"] == "moved"
    assert seen["version"] == booked.booking["version"]
    assert (await cancel(api, booked, expected_refund=full(booked))).status_code == 200


# keeping ----------------------------------------------------------------------------------------------------------


async def test_keeping_agrees_to_the_new_time_and_can_be_repeated(api, world):
    booked = await book(api, world)
    moved = await move(api, world, booked, 5 * HOUR)
    kept = await keep(api, booked, expected_starts_at=moved["slot"]["starts_at"])
    assert kept.status_code == 200, kept.text
    assert kept.headers["ETag"] == f'"{kept.json()["version"]}"'
    assert kept.json()["version"] == moved["version"] + 1
    assert "slot_change" not in kept.json()
    assert "keep" not in kept.json()["available_actions"]
    assert kept.json()["cancellation"]["refund"]["amount"] == 0, "the conditions hold again"
    assert kept.json()["items"] == moved["items"]
    again = await keep(api, booked)
    assert (again.status_code, again.json()["version"]) == (200, kept.json()["version"])
    await heard_last(world, booked.slot)
    assert (await see(api, booked.booking, booked.me))["cancellation"]["refund"]["amount"] == 0
    back = await move(api, world, booked, timedelta(0))
    assert back["slot_change"]["kind"] == "moved", "that was agreed to is the new time"
    assert at(back["slot_change"]["from"]["starts_at"]) == booked.starts_at + 5 * HOUR


async def test_keeping_what_was_not_shown_is_refused(api, world):
    booked = await book(api, world)
    moved = await move(api, world, booked, 5 * HOUR)
    await patch_slot(api, world.manager, booked.slot, starts_at=booked.starts_at + 6 * HOUR)
    refused = await keep(api, booked, expected_starts_at=moved["slot"]["starts_at"])
    assert (refused.status_code, refused.json()["code"]) == (409, "slot_changed")
    assert at(refused.json()["slots"][0]["slot"]["starts_at"]) == booked.starts_at + 6 * HOUR
    late = await api.post(
        f"/v1/bookings/{booked.booking['id']}/slot-change", json={"choice": "keep"},
        headers={**booked.me, "If-Match": f'"{booked.booking["version"]}"'},
    )  # fmt: skip
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert (await see(api, booked.booking, booked.me))["slot_change"]["kind"] == "moved"


async def test_where_there_is_nothing_to_decide_nothing_is_decided(api, world):
    booked = await book(api, world)
    refused = await keep(api, booked)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    held = await hold(api, booked.me, visit(world, "adult"))
    refused = await api.post(f"/v1/bookings/{held['id']}/slot-change", json={"choice": "keep"}, headers=booked.me)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    for body in ({}, {"choice": "refund"}, {"choice": "move"}, {"choice": "keep", "until": None}):
        assert (
            await api.post(f"/v1/bookings/{held['id']}/slot-change", json=body, headers=booked.me)
        ).status_code == 400


async def test_staff_may_choose_for_a_customer(api, world):
    booked = await book(api, world)
    await move(api, world, booked, 5 * HOUR)
    assert (await keep(api, booked, world.agent)).status_code == 200


# more than one change ---------------------------------------------------------------------------------------------


async def test_moved_again_before_anybody_chose(api, world):
    booked = await book(api, world)
    first = await move(api, world, booked, 2 * HOUR)
    second = await move(api, world, booked, 9 * DAY)
    change = second["slot_change"]
    assert change["from"] == first["slot_change"]["from"]
    assert at(change["to"]["starts_at"]) == booked.starts_at + 9 * DAY
    assert at(change["decide_by"]) >= at(first["slot_change"]["decide_by"])


async def test_what_is_no_move_does_not_give_more_time(api, world):
    booked = await book(api, world, 9)
    first = await move(api, world, booked, 20 * DAY)
    await patch_slot(api, world.manager, booked.slot, gate="C9")
    await heard_last(world, booked.slot)
    second = await see(api, booked.booking, booked.me)
    assert second["slot_change"] == first["slot_change"]


@pytest.mark.parametrize("back", [timedelta(0), 30 * MINUTE])
async def test_moved_back_there_is_nothing_to_choose(api, world, back):
    booked = await book(api, world)
    await move(api, world, booked, 2 * HOUR)
    after = await move(api, world, booked, back)
    assert "slot_change" not in after
    assert after["cancellation"]["refund"]["amount"] == 0
    await let_time_pass_for_nothing(world)
    assert at(after["slot"]["starts_at"]) == booked.starts_at + back


async def let_time_pass_for_nothing(world: World) -> None:
    assert await jobs.decide_for_silent(world.runtime) == 0


async def test_cancelled_after_it_moved(api, world):
    booked = await book(api, world)
    await move(api, world, booked, 2 * HOUR)
    await patch_slot(api, world.manager, booked.slot, status="cancelled")
    await heard_last(world, booked.slot)
    after = await see(api, booked.booking, booked.me)
    assert after["slot_change"]["kind"] == "cancelled"
    assert "to" not in after["slot_change"]
    assert at(after["slot_change"]["from"]["starts_at"]) == booked.starts_at
    assert after["slot_change"]["choices"] == ["refund"]


async def test_opened_again_it_is_as_it_was(api, world):
    booked = await book(api, world)
    await patch_slot(api, world.manager, booked.slot, status="cancelled")
    await heard_last(world, booked.slot)
    assert (await keep(api, booked)).status_code == 409
    await patch_slot(api, world.manager, booked.slot, status="open")
    await heard_last(world, booked.slot)
    after = await see(api, booked.booking, booked.me)
    assert "slot_change" not in after
    assert after["cancellation"]["refund"]["amount"] == 0
    assert after["items"] == booked.booking["items"]


async def test_opened_again_for_another_time_it_moved(api, world):
    booked = await book(api, world)
    await patch_slot(api, world.manager, booked.slot, status="cancelled")
    await heard_last(world, booked.slot)
    after = await move(api, world, booked, 2 * DAY, status="open")
    assert after["slot_change"]["kind"] == "moved"
    assert at(after["slot_change"]["from"]["starts_at"]) == booked.starts_at


# silence ----------------------------------------------------------------------------------------------------------


async def test_who_does_not_choose_keeps_what_moved(api, world):
    booked = await book(api, world)
    moved = await move(api, world, booked, 5 * HOUR)
    assert await jobs.decide_for_silent(world.runtime) == 0
    await let_time_pass(world, booked)
    late = await see(api, booked.booking, booked.me)
    assert "slot_change" not in late, "the time is over, whether a worker has been there or not"
    assert late["cancellation"]["refund"]["amount"] == 0
    assert await jobs.decide_for_silent(world.runtime) == 1
    after = await see(api, booked.booking, booked.me)
    assert after["status"] == "confirmed"
    assert after["items"] == moved["items"]
    assert (await keep(api, booked)).status_code == 200, "that is so already"
    assert await jobs.decide_for_silent(world.runtime) == 0


async def test_who_does_not_choose_gets_the_money_back_for_what_was_cancelled(api, world):
    booked = await book(api, world, 4, "adult", "child")
    other = await book(api, world, 4)
    await patch_slot(api, world.manager, booked.slot, status="cancelled")
    await heard_last(world, booked.slot)
    seen = await see(api, booked.booking, booked.me)
    now = datetime.now(UTC)
    assert now + DAY - MINUTE < at(seen["slot_change"]["decide_by"]) <= now + 7 * DAY
    sync = (await api.get("/v1/sync", headers=booked.me)).json()
    await let_time_pass(world, booked)
    assert (await see(api, booked.booking, booked.me))["cancellation"]["refund"] == full(booked)
    assert await jobs.decide_for_silent(world.runtime) == 1
    after = await see(api, booked.booking, booked.me)
    assert after["status"] == "cancelled"
    assert after["status_reason"]["code"] == "slot_cancelled"
    async with world.runtime.pool.acquire() as db:
        refund = await db.fetchval("select refund_amount from booking where id = $1", UUID(after["id"]))
    assert refund == full(booked)["amount"]
    order = (await api.get(f"/v1/orders/{after['order_id']}", headers=booked.me)).json()
    assert (order["status"], order["status_reason"]["code"]) == ("cancelled", "slot_cancelled")
    news = (await api.get("/v1/sync", params={"since": sync["next_since"]}, headers=booked.me)).json()["items"]
    assert [item["data"]["status"] for item in news if item["id"] == after["id"]] == ["cancelled"]
    assert (await see(api, other.booking, other.me))["status"] == "confirmed"
    assert (await taken(world, booked.slot))[0] == 1


async def test_silence_is_judged_by_the_slot_as_it_is(api, world):
    """Opened again, and the news not brought yet: nobody is cancelled."""
    booked = await book(api, world)
    await patch_slot(api, world.manager, booked.slot, status="cancelled")
    await heard_last(world, booked.slot)
    await patch_slot(api, world.manager, booked.slot, status="open")
    await let_time_pass(world, booked)
    await jobs.decide_for_silent(world.runtime)
    after = await see(api, booked.booking, booked.me)
    assert after["status"] == "confirmed"
    assert "slot_change" not in after
    assert await jobs.decide_for_silent(world.runtime) == 0


async def test_one_of_several_bookings_is_served_alone(api, world):
    wish = {
        "bookings": [party(world, "adult", slot=slot, option="light") for slot in world.flight_slots[3:5]],
        "confirm": True, "contact": {"name": "Ada", "email": "ada@example.org"}, "payment": {"method": "on_site"},
    }  # fmt: skip
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    me = {"Authorization": f"Bearer {order['access_token']}"}
    await patch_slot(api, world.manager, world.flight_slots[3], status="cancelled")
    await heard_last(world, world.flight_slots[3])
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set decide_by = now() where decide_by is not null")
    assert await jobs.decide_for_silent(world.runtime) == 1
    order = (await api.get(f"/v1/orders/{order['id']}", headers=me)).json()
    assert order["status"] == "confirmed"
    assert [booking["status"] for booking in order["bookings"]] == ["cancelled", "confirmed"]
    assert "status_reason" not in order


# imports and holds ------------------------------------------------------------------------------------------------


async def test_a_hold_has_nothing_to_choose(api, world):
    slot = world.flight_slots[6]
    held = await hold(api, world.app, party(world, "adult", slot=slot))
    await patch_slot(api, world.manager, slot, starts_at=(await slot_row(world, slot))["starts_at"] + 5 * HOUR)
    await heard(world, slot)
    after = await see(api, held, owner_of(held))
    assert "slot_change" not in after
    assert "keep" not in after["available_actions"]


async def test_news_come_with_an_import_as_with_a_patch(api, world, monkeypatch):
    from booking_api.inventory.write_schemas import NewSlot
    from booking_api.inventory.writing import save_slots

    booked = await book(api, world)
    row = await slot_row(world, booked.slot)
    given: dict[str, Any] = {name: row[name] for name in NewSlot.__struct_fields__ if name in dict(row)}
    given |= {"starts_at": row["starts_at"] + 4 * HOUR, "ends_at": row["ends_at"] + 4 * HOUR, "status": None}
    light = world.option(world.flight, "light")
    async with world.runtime.pool.acquire() as db, db.transaction():
        saved = await save_slots(db, world.org.org_id, [NewSlot(**given, quotas=((light, 4),))], datetime.now(UTC))
    assert saved.changed == 1
    assert (await slot_row(world, booked.slot))["version"] == row["version"] + 1
    issued = await passes_of(world)
    await heard_last(world, booked.slot)
    after = await see(api, booked.booking, booked.me)
    assert after["slot_change"]["kind"] == "moved"
    assert len(await passes_of(world)) == len(issued) + 1, "one for the new window, however often it is heard"


@pytest.mark.parametrize("by", [2 * MINUTE, 5 * HOUR])
async def test_who_was_paying_while_it_moved_may_choose_however_little_it_was(api, world, provider, by):
    slot = world.flight_slots[3]
    held = await hold(api, world.app, party(world, "adult", slot=slot, option="light"))
    pending = await pay(api, held, "tok_redirect")
    await patch_slot(api, world.manager, slot, starts_at=at(held["slot"]["starts_at"]) + by)
    await heard_last(world, slot)
    await provider.decide(pending.json()["payment"]["next_action"]["url"])
    await provider.deliver(api)
    await relay(world)
    shown = await see(api, held, owner_of(held))
    assert (shown["status"], shown["slot_change"]["kind"]) == ("confirmed", "moved")
    assert shown["slot_change"]["from"]["starts_at"] == held["slot"]["starts_at"]
    assert shown["slot_change"]["choices"] == ["keep", "refund"]
    kept = await api.post(f"/v1/bookings/{held['id']}/slot-change", json={"choice": "keep"}, headers=owner_of(held))
    assert kept.status_code == 200
    assert kept.json()["cancellation"]["refund"]["amount"] == 0
