"""Many clients at once: what is taken is always the sum of the live claims, and never more than there is."""

import asyncio
import random
from collections import Counter

from booking_api.bookings import jobs
from tests.bookings.journey import CONTACT, end_hold, hold, owner_of, party, taken, visit
from tests.world import World, add_slot


async def test_a_flash_sale_sells_exactly_what_there_is(api, world: World):
    """A thousand buyers at once, three hundred seats: exactly three hundred get one, nobody gets a 5xx."""
    async with world.runtime.pool.acquire() as db:
        slot = await add_slot(db, world.org.org_id, world.tower, _tomorrow(), capacity=300)
    answers = await asyncio.gather(
        *(
            api.post("/v1/bookings", json=visit(world, "adult", slot=slot), headers=world.app, timeout=300)
            for _ in range(1000)
        )
    )
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {201: 300, 409: 700}
    assert (await taken(world, slot))[:2] == (300, 300)


def _tomorrow():
    from datetime import timedelta

    from booking_api.core.clock import utc_now

    return utc_now() + timedelta(days=1)


async def test_everything_at_once_keeps_the_books(api, world: World):
    """Hold, confirm, cancel, expire and sweep in any order at once, on few places, with seats and quotas."""
    dice = random.Random(7)
    slots = world.flight_slots[:2]

    async def customer(number: int) -> None:
        for _ in range(4):
            slot, option = dice.choice(slots), dice.choice(["light", "flex"])
            wish = party(world, *["adult"] * dice.randint(1, 3), slot=slot, option=option)
            if dice.random() < 0.3:
                wish["items"][0]["seat"] = f"{dice.randint(1, 5)}{dice.choice('AB')}"
            answer = await api.post("/v1/bookings", json=wish, headers=world.app)
            assert answer.status_code in {201, 409}, answer.text
            if answer.status_code != 201:
                continue
            booking = answer.json()
            url, owner = f"/v1/bookings/{booking['id']}", owner_of(booking)
            confirmation = {"contact": CONTACT, "payment": {"method": "on_site"}}
            match dice.randint(0, 5):
                case 0:
                    await asyncio.gather(
                        api.post(f"{url}/cancel", headers=owner),
                        api.post(f"{url}/confirm", headers=owner, json=confirmation),
                    )
                case 1:
                    await end_hold(world, booking["order_id"])
                    await asyncio.gather(
                        jobs.sweep_ended_holds(world.runtime), api.post(f"{url}/cancel", headers=owner)
                    )
                case 2:
                    await asyncio.gather(*(api.post(f"{url}/cancel", headers=owner) for _ in range(3)))
                case 3:
                    await api.post(f"{url}/confirm", headers=owner, json=confirmation)
                    await api.post(f"{url}/cancel", headers=owner)
                case _:
                    await api.post(f"{url}/confirm", headers=owner, json=confirmation)

    await asyncio.gather(*(customer(number) for number in range(12)))
    for slot in slots:
        total, claimed, seated = await taken(world, slot)
        assert total == claimed <= 10
        assert seated <= claimed
    async with world.runtime.pool.acquire() as db:
        wrong = await db.fetch(
            """
            select b.id, b.status, c.id as claim from booking b
            left join claim c on c.org_id = b.org_id and c.id = b.id
            where (b.status in ('on_hold', 'pending', 'confirmed')) is distinct from (c.id is not null)
            """
        )
        quotas = await db.fetch(
            """
            select q.taken, coalesce(sum(c.quota_places), 0) as claimed from quota q
            left join claim c on c.org_id = q.org_id and c.slot_id = q.slot_id and c.option_id = q.option_id
            group by q.org_id, q.slot_id, q.option_id, q.taken
            """
        )
    assert wrong == []
    assert all(quota["taken"] == quota["claimed"] for quota in quotas)


async def test_one_seat_goes_to_one_party(api, world: World):
    wish = party(world, "adult")
    wish["items"][0]["seat"] = "3A"
    answers = await asyncio.gather(*(api.post("/v1/bookings", json=wish, headers=world.app) for _ in range(8)))
    codes = Counter(answer.json().get("code") for answer in answers)
    assert codes == {None: 1, "seat_taken": 7}
    assert await taken(world, world.flight_slots[0]) == (1, 1, 1)


async def test_orders_over_the_same_slots_do_not_deadlock(api, world: World):
    """Out and return, and the other way round, at once: slots are locked in id order whatever the order says."""
    out, back = world.flight_slots[0], world.flight_slots[1]

    async def order(first, second):
        return await api.post(
            "/v1/orders", headers=world.app,
            json={"bookings": [party(world, "adult", slot=first), party(world, "adult", slot=second)]},
        )  # fmt: skip

    answers = await asyncio.gather(*(order(out, back) if n % 2 else order(back, out) for n in range(16)))
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {201: 10, 409: 6}
    assert (await taken(world, out))[:2] == (await taken(world, back))[:2] == (10, 10)


async def test_a_hold_swept_while_it_is_confirmed_is_one_or_the_other(api, world: World):
    for _ in range(6):
        held = await hold(api, world.app, visit(world, "adult"))
        confirmation = {"contact": CONTACT, "payment": {"method": "on_site"}}
        url, owner = f"/v1/bookings/{held['id']}", owner_of(held)
        done, _, _ = await asyncio.gather(
            api.post(f"{url}/confirm", headers=owner, json=confirmation),
            end_hold(world, held["order_id"]),
            jobs.sweep_ended_holds(world.runtime),
        )
        await jobs.sweep_ended_holds(world.runtime)
        shown = (await api.get(url, headers=owner)).json()
        assert shown["status"] in {"confirmed", "expired"}
        assert (done.status_code == 200) == (shown["status"] == "confirmed")
    total, claimed, _ = await taken(world, world.tower_slots[0])
    assert total == claimed
