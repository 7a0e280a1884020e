"""What a receiver hears, in which order, and what becomes of what it doesn't take."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from standardwebhooks import WebhookVerificationError

from booking_api.bookings.operations import retention
from booking_api.core.clock import utc_now
from booking_api.webhooks import jobs
from tests.bookings.journey import confirm, hold, owner_of, party, visit
from tests.core.outbound import test_client as bad
from tests.webhooks.hearing import deliveries, hearing, later, relay, relay_and_tell, status, subscribe, tell


async def journey(api, world):
    """Held, extended by details, confirmed, cancelled."""
    held = await hold(api, world.app, party(world, "adult"))
    owner = owner_of(held)
    booking = await confirm(api, owner, held)
    answer = await api.post(f"/v1/bookings/{booking['id']}/cancel", json={}, headers=owner)
    assert answer.status_code == 200
    return booking


async def test_a_journey_is_heard_in_order_and_verified(api, world, runtime):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, heard.url)
        booking = await journey(api, world)
        await relay_and_tell(runtime)
        about = [body["type"] for body in heard.bodies if body["order_key"] == booking["id"]]
        assert about == ["booking.held", "booking.confirmed", "booking.cancelled"]
        for place, body in enumerate(heard.bodies):
            assert heard.verify(hook["secret"], place) == body
        with pytest.raises(WebhookVerificationError):
            heard.verify("whsec_" + "A" * 43 + "=")
        assert len(set(heard.ids)) == len(heard.ids)
        shown = await deliveries(api, world.owner, hook)
        assert {one["status"] for one in shown} == {"delivered"}
        assert {one["answer_status"] for one in shown} == {200}
        await tell(runtime)
        assert len(heard.ids) == len(shown)


async def test_a_thin_message_has_ids_alone_and_a_full_one_the_booking_without_credentials(api, world, runtime):
    async with hearing() as thin, hearing() as full:
        await subscribe(api, world.owner, thin.url, events=["booking.confirmed"])
        await subscribe(api, world.owner, full.url, events=["booking.confirmed"], payload="full")
        held = await hold(api, world.app, visit(world, "adult"))
        booking = await confirm(api, owner_of(held), held)
        await relay_and_tell(runtime)
    [said], [told] = thin.bodies, full.bodies
    assert set(said) == {"type", "timestamp", "order_key", "data"}
    assert set(said["data"]) == {"order_id", "slot_id", "customer_id"}
    assert "Ada" not in str(said)
    assert told["booking"]["contact"]["name"] == "Ada Lovelace"
    assert told["booking"]["version"] == booking["version"]
    text = str(told)
    assert booking["items"][0]["pass"]["code"] not in text
    assert "qr.svg" not in text
    assert "next_action" not in text


async def test_what_was_erased_meanwhile_is_in_no_message(api, world, runtime):
    async with hearing() as heard:
        await subscribe(api, world.owner, heard.url, payload="full", events=["booking.confirmed"])
        held = await hold(api, world.app, visit(world, "adult"))
        booking = await confirm(api, owner_of(held), held)
        await relay(runtime)
        async with runtime.pool.acquire() as db:
            await retention.erase(db, world.org.org_id, [UUID(booking["id"])], utc_now())
        await tell(runtime)
    [told] = heard.bodies
    assert "contact" not in told["booking"]
    assert "Ada" not in str(told)


async def test_only_what_is_wanted_is_sent_and_nothing_to_others(api, world, runtime):
    from tests.world import build_world

    other = await build_world(runtime, "Westwind")
    async with hearing() as heard, hearing() as foreign:
        await subscribe(api, world.owner, heard.url, events=["booking.cancelled"])
        await subscribe(api, other.owner, foreign.url)
        await journey(api, world)
        await relay_and_tell(runtime)
    assert heard.types == ["booking.cancelled"]
    assert foreign.types == []


BAD = {
    "hangs": bad.hang,
    "drips": bad.drip_head,
    "dies": b"",
    "nonsense": b"hello\r\n\r\n",
    "500": status(500),
    "302": status(302, "location: http://127.0.0.1:1/"),
    "endless head": bad.endless_head,
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_receiver_that_does_not_take_it_gets_it_again(api, world, runtime, kind):
    async with hearing(BAD[kind]) as heard:
        hook = await subscribe(api, world.owner, heard.url, events=["booking.held"])
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        [first] = await deliveries(api, world.owner, hook)
        assert (first["status"], first["tries"]) == ("waiting", 1)
        assert "failure" in first
        await tell(runtime)
        assert len(heard.ids) == 1, "nothing is tried again before its time"
        await later(runtime, timedelta(seconds=10))
        await tell(runtime)
        assert len(heard.ids) == 2
        assert len(set(heard.ids)) == 1


@pytest.mark.parametrize("answer", [bad.much, bad.drip_body])
async def test_what_else_a_receiver_says_is_not_read(api, world, runtime, answer):
    async with hearing(answer) as heard:
        hook = await subscribe(api, world.owner, heard.url, events=["booking.held"])
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
    assert [one["status"] for one in await deliveries(api, world.owner, hook)] == ["delivered"]


async def test_names_that_lead_inside_are_not_called(api, world, runtime, monkeypatch):
    async with hearing() as heard:
        hook = await subscribe(api, world.owner, "https://inside.example/", events=["booking.held"])
        bad.names(monkeypatch, ["10.0.0.1"])
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        [one] = await deliveries(api, world.owner, hook)
    assert (one["status"], one["failure"]) == ("waiting", "forbidden_address")
    assert heard.ids == []


async def test_events_of_a_booking_come_in_order_although_the_first_is_missed(api, world, runtime):
    async with hearing(lambda number: status(503 if number == 1 else 200)) as heard:
        hook = await subscribe(api, world.owner, heard.url)
        booking = await journey(api, world)
        await relay_and_tell(runtime)
        assert heard.types == ["booking.held"]
        waiting = await deliveries(api, world.owner, hook, status="waiting")
        assert [one["tries"] for one in waiting] == [1, 0, 0]
        await later(runtime, timedelta(seconds=10))
        await tell(runtime)
    assert heard.types == ["booking.held", "booking.held", "booking.confirmed", "booking.cancelled"]
    assert {body["order_key"] for body in heard.bodies} == {booking["id"]}


async def test_another_booking_does_not_wait(api, world, runtime):
    missed = set()

    async with hearing(lambda number: status(503 if heard.bodies[-1]["order_key"] in missed else 200)) as heard:
        await subscribe(api, world.owner, heard.url)
        held = await hold(api, world.app, party(world, "adult"))
        missed.add(held["id"])
        await journey(api, world)
        await relay_and_tell(runtime)
    assert heard.types.count("booking.cancelled") == 1


async def test_an_event_waits_for_an_earlier_one_that_no_relay_has_reached(api, world, runtime):
    async with hearing() as heard:
        await subscribe(api, world.owner, heard.url)
        booking = await journey(api, world)
        await relay(runtime)
        async with runtime.pool.acquire() as db:
            first = await db.fetchval(
                "select min(event_id::text)::uuid from webhook_delivery where order_key = $1", booking["id"]
            )
            row = await db.fetchrow("delete from webhook_delivery where event_id = $1 returning *", first)
            await db.execute("update event set relayed_at = null where id = $1", first)
        await tell(runtime, 3)
        assert heard.ids == []
        await relay_and_tell(runtime)
    assert heard.ids[0] == str(row["event_id"])
    assert heard.types == ["booking.held", "booking.confirmed", "booking.cancelled"]


async def test_two_workers_send_it_once(api, world, runtime):
    async with hearing() as heard:
        await subscribe(api, world.owner, heard.url)
        await journey(api, world)
        await asyncio.gather(relay(runtime), relay(runtime))
        await asyncio.gather(tell(runtime), tell(runtime), tell(runtime))
        await tell(runtime)
    assert heard.types == ["booking.held", "booking.confirmed", "booking.cancelled"]


async def test_a_receiver_that_says_gone_is_paused_and_the_owners_are_told(api, world, runtime):
    async with hearing(status(410)) as gone, hearing() as other:
        hook = await subscribe(api, world.owner, gone.url, events=["booking.held", "booking.cancelled"])
        await subscribe(api, world.owner, other.url, events=["webhook.paused"])
        await journey(api, world)
        await relay_and_tell(runtime)
        await relay_and_tell(runtime)
        assert gone.types == ["booking.held"]
        assert [body["data"] for body in other.bodies] == [{"because": "gone"}]
        shown = (await api.get(f"/v1/webhooks/{hook['id']}", headers=world.owner)).json()
        assert (shown["status"], shown["paused_because"]) == ("paused", "gone")
        assert "resume" in shown["available_actions"]
    async with runtime.pool.acquire() as db:
        event = await db.fetchrow("select * from event where type = 'webhook.paused'")
    from booking_api.core.db.event_queries import find_events

    async with runtime.pool.acquire() as db:
        [stored] = await find_events(db, world.org.org_id, [event["id"]])
    await jobs.tell_owners(runtime, stored)
    await jobs.tell_owners(runtime, stored)
    async with runtime.pool.acquire() as db:
        mail = await db.fetch("select recipient, body from mailbox")
    assert len(mail) == 1
    assert hook["url"] in mail[0]["body"]


async def test_an_endpoint_that_takes_nothing_for_three_days_is_paused_and_loses_nothing(api, world, runtime):
    well = False
    async with hearing(lambda _: status(200 if well else 500)) as heard:
        hook = await subscribe(api, world.owner, heard.url)
        await journey(api, world)
        await relay_and_tell(runtime)
        for _ in range(50):
            await later(runtime, timedelta(hours=2))
            await tell(runtime)
        shown = (await api.get(f"/v1/webhooks/{hook['id']}", headers=world.owner)).json()
        assert (shown["status"], shown["paused_because"]) == ("paused", "failing")
        tries = len(heard.ids)
        assert 10 <= tries <= 14
        await journey(api, world)
        await relay_and_tell(runtime)
        assert len(heard.ids) == tries
        well = True
        answer = await api.patch(f"/v1/webhooks/{hook['id']}", json={"status": "active"}, headers=world.owner)
        assert answer.status_code == 200, answer.text
        await tell(runtime)
    journeys = ["booking.held", "booking.confirmed", "booking.cancelled"]
    for key in {body["order_key"] for body in heard.bodies} - {hook["id"]}:
        assert [body["type"] for body in heard.bodies[tries:] if body["order_key"] == key] == journeys
    assert all(one["status"] == "delivered" for one in await deliveries(api, world.owner, hook))


async def test_one_message_that_is_never_taken_is_given_up_and_the_others_go_on(api, world, runtime):
    poison = await hold(api, world.app, party(world, "adult"))
    async with hearing(lambda _: status(400 if heard.bodies[-1]["order_key"] == poison["id"] else 200)) as heard:
        hook = await subscribe(api, world.owner, heard.url)
        await relay_and_tell(runtime)
        assert heard.types == []  # What happened before it was there isn't sent.
        answer = await api.post(f"/v1/bookings/{poison['id']}/cancel", json={}, headers=owner_of(poison))
        assert answer.status_code == 200
        await relay_and_tell(runtime)
        # Three days of pauses, a tenth longer at most, each of which is over up to two hours before it is looked at.
        for _ in range(54):
            await later(runtime, timedelta(hours=2))
            await journey(api, world)
            await relay_and_tell(runtime)
        shown = (await api.get(f"/v1/webhooks/{hook['id']}", headers=world.owner)).json()
        failed = await deliveries(api, world.owner, hook, status="failed")
    assert shown["status"] == "active"
    assert [(one["order_key"], one["answer_status"]) for one in failed] == [(poison["id"], 400)]


async def test_retry_after_is_honoured(api, world, runtime):
    async with hearing(lambda number: status(429, "retry-after: 3600") if number == 1 else status(200)) as heard:
        await subscribe(api, world.owner, heard.url, events=["booking.held"])
        await hold(api, world.app, party(world, "adult"))
        await relay_and_tell(runtime)
        await later(runtime, timedelta(minutes=30))
        await tell(runtime)
        assert len(heard.ids) == 1
        await later(runtime, timedelta(minutes=40))
        await tell(runtime)
        assert len(heard.ids) == 2


async def test_while_a_receiver_fails_it_is_only_probed_and_catches_up_at_once(api, world, runtime):
    well = False
    async with hearing(lambda _: status(200 if well else 500)) as heard:
        hook = await subscribe(api, world.owner, heard.url, events=["booking.held"])
        for slot in world.tower_slots * 2:
            await hold(api, world.app, visit(world, "adult", slot=slot))
        await relay_and_tell(runtime)
        assert len(heard.ids) <= 10
        before = len(heard.ids)
        await later(runtime, timedelta(minutes=6))
        await tell(runtime)
        assert len(heard.ids) == before + 1
        well = True
        await later(runtime, timedelta(minutes=6))
        await tell(runtime)
    assert {one["status"] for one in await deliveries(api, world.owner, hook)} == {"delivered"}
    assert len({body["order_key"] for body in heard.bodies}) == len(world.tower_slots) * 2
