"""Stock can't be taken hostage: each bound at its limit and one beyond it, and who isn't held to any."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.app import create_app
from booking_api.bookings import holding_rules as rules
from booking_api.bookings.jobs import apply_retention
from booking_api.bookings.operations.expire import end_holds_on
from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.core.settings import Settings
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import confirm, end_hold, hold, owner_of, party, visit
from tests.world import Headers, World

SLOT, CUSTOMER, CONTACT, ADDRESS = 3, 5, 7, 20


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, unpaid_places_per_slot=SLOT, unpaid_places_per_customer=CUSTOMER, unpaid_places_per_contact=CONTACT,
        unpaid_places_per_address=ADDRESS, trusted_proxies=1,
    )  # fmt: skip


def adults(number: int) -> list[str]:
    return ["adult"] * number


async def refused(api: httpx.AsyncClient, headers: Headers, wish: dict[str, Any], path: str = "/v1/bookings") -> Any:
    answer = await api.post(path, json=wish, headers=headers)
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert problem["code"] == "too_many_holds", problem
    return problem["because"], problem["limit"], problem["held"]


# a customer -------------------------------------------------------------------------------------------------------


async def test_a_customer_keeps_so_many_places_of_one_slot_and_no_more(api, world: World):
    me = world.customer()
    await hold(api, me, visit(world, *adults(2)))
    assert await refused(api, me, visit(world, *adults(2))) == ("slot", SLOT, 2)
    await hold(api, me, visit(world, "child"))
    assert await refused(api, me, visit(world, "child")) == ("slot", SLOT, 3)
    await hold(api, world.customer(), visit(world, *adults(3)))  # Never a slot as a whole.


async def test_a_customer_keeps_so_many_places_in_all(api, world: World):
    me = world.customer()
    await hold(api, me, visit(world, *adults(3)))
    assert await refused(api, me, visit(world, *adults(3), slot=world.tower_slots[1])) == ("customer", CUSTOMER, 3)
    await hold(api, me, visit(world, *adults(2), slot=world.tower_slots[1]))
    assert await refused(api, me, party(world, "adult")) == ("customer", CUSTOMER, 5)


async def test_an_order_of_several_counts_whole(api, world: World):
    me = world.customer()
    one, two = world.tower_slots[:2]
    twice_one = {"bookings": [visit(world, *adults(2), slot=one), visit(world, *adults(2), slot=one)]}
    assert await refused(api, me, twice_one, "/v1/orders") == ("slot", SLOT, 0)
    both = {"bookings": [visit(world, *adults(3), slot=one), visit(world, *adults(3), slot=two)]}
    assert await refused(api, me, both, "/v1/orders") == ("customer", CUSTOMER, 0)
    fits = {"bookings": [visit(world, *adults(3), slot=one), visit(world, *adults(2), slot=two)]}
    assert (await api.post("/v1/orders", json=fits, headers=me)).status_code == 201


async def test_a_lap_infant_takes_no_place_and_counts_for_none(api, world: World):
    me = world.customer()
    await hold(api, me, party(world, *adults(3), "infant", "infant"))
    assert await refused(api, me, party(world, "adult")) == ("slot", SLOT, 3)


async def test_the_first_order_under_a_publishable_key_is_bounded_too(api, world: World):
    assert await refused(api, world.app, visit(world, *adults(4))) == ("slot", SLOT, 0)
    booking = await hold(api, world.app, visit(world, *adults(3)))
    assert await refused(api, owner_of(booking), visit(world, "adult")) == ("slot", SLOT, 3)


@pytest.mark.parametrize("who", ["key", "agent", "manager", "owner"])
async def test_staff_and_keys_have_no_bounds(api, world: World, who: str):
    contact = {"name": "Office", "email": "office@example.org"}
    for _ in range(4):
        await hold(api, getattr(world, who), visit(world, *adults(4), contact=contact))
    # Nor do theirs count against somebody who has the same contact.
    await hold(api, world.customer(), visit(world, "adult", contact=contact))


async def test_twins_of_one_customer_in_one_moment(api, world: World):
    me = world.customer()
    answers = await asyncio.gather(
        *(api.post("/v1/bookings", json=visit(world, "adult"), headers=me) for _ in range(12))
    )
    codes = [answer.status_code for answer in answers]
    held = codes.count(201)
    assert SLOT <= held <= SLOT + 1, codes  # What comes before the first batch has ended may not see it.
    assert await refused(api, me, visit(world, "adult")) == ("slot", SLOT, held)


async def test_two_processes_share_the_counts(api, world: World, settings: Settings):
    me = world.customer()
    other = create_app(settings)
    async with open_runtime(settings) as runtime:
        other.state.runtime = runtime
        async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url="http://testserver") as second:
            await hold(api, me, visit(world, *adults(2)))
            await hold(second, me, visit(world, "adult"))
            assert await refused(api, me, visit(world, "adult")) == ("slot", SLOT, 3)
            assert await refused(second, me, visit(world, "adult")) == ("slot", SLOT, 3)


async def test_the_same_request_again_is_no_further_hold(api, world: World):
    me = world.customer()
    wish = visit(world, *adults(3), id=str(new_id()))
    await hold(api, me, wish)
    assert (await api.post("/v1/bookings", json=wish, headers=me)).status_code == 200


# what counts, and for how long ------------------------------------------------------------------------------------


async def test_what_is_given_back_makes_room_at_once(api, world: World):
    me = world.customer()
    booking = await hold(api, me, visit(world, *adults(3)))
    await refused(api, me, visit(world, "adult"))
    assert (await api.post(f"/v1/bookings/{booking['id']}/cancel", headers=me)).status_code == 200
    await hold(api, me, visit(world, *adults(3)))


@pytest.mark.parametrize("swept", [False, True])
async def test_ended_holds_count_no_more_swept_or_not(api, world: World, swept: bool):
    me = world.customer()
    booking = await hold(api, me, visit(world, *adults(3)))
    await end_hold(world, booking["order_id"])
    if swept:
        await end_holds_on(world.runtime, world.org.org_id, [world.tower_slots[0]])
    await hold(api, me, visit(world, *adults(3)))


async def test_an_extended_hold_counts_on(api, world: World):
    me = world.customer()
    booking = await hold(api, me, visit(world, *adults(3)))
    async with world.runtime.pool.acquire() as db:  # As if half of its time had gone by.
        await db.execute(
            "update booking_order set expires_at = expires_at - interval '5 minutes', "
            "unpaid_until = unpaid_until - interval '9 minutes 59.9 seconds'"
        )
    assert (await api.post(f"/v1/bookings/{booking['id']}/extend", headers=me)).status_code == 200
    await asyncio.sleep(0.2)
    await refused(api, me, visit(world, "adult"))


async def test_places_to_be_paid_on_site_count_until_they_are_paid(api, world: World):
    me = world.customer()
    booking = await confirm(api, me, await hold(api, me, visit(world, *adults(3))))
    assert booking["payment"]["status"] == "due_on_site"
    assert await refused(api, me, visit(world, "adult")) == ("slot", SLOT, 3)
    half = {"amount": 1000, "currency": "EUR"}
    paid = f"/v1/bookings/{booking['id']}/payments"
    assert (await api.post(paid, json={"method": "cash", "amount": half}, headers=world.agent)).status_code < 300
    await refused(api, me, visit(world, "adult"))
    rest = {**half, "amount": booking["price"]["due_on_site"]["amount"] - 1000}
    assert (await api.post(paid, json={"method": "cash", "amount": rest}, headers=world.agent)).status_code < 300
    await hold(api, me, visit(world, *adults(3)))


async def test_places_to_be_paid_on_site_count_until_they_are_cancelled(api, world: World):
    me = world.customer()
    booking = await confirm(api, me, await hold(api, me, visit(world, *adults(3))))
    await refused(api, me, visit(world, "adult"))
    assert (await api.post(f"/v1/bookings/{booking['id']}/cancel", headers=me)).status_code == 200
    await hold(api, me, visit(world, *adults(3)))


async def test_an_express_booking_to_be_paid_on_site_counts_like_a_hold(api, world: World):
    me = world.customer()
    express = {"confirm": True, "contact": {"name": "A", "email": "a@example.org"}, "payment": {"method": "on_site"}}
    await hold(api, me, visit(world, *adults(3), **express))
    assert await refused(api, me, visit(world, "adult", **express)) == ("slot", SLOT, 3)
    assert await refused(api, me, visit(world, "adult")) == ("slot", SLOT, 3)


async def test_a_visit_that_is_over_counts_no_more(api, world: World):
    me = world.customer()
    await confirm(api, me, await hold(api, me, visit(world, *adults(3))))
    async with world.runtime.pool.acquire() as db:
        until = await db.fetchval("select unpaid_until from booking_order")
        assert until == await db.fetchval("select visit_ends_at from booking")
        await db.execute("update booking_order set unpaid_until = $1", datetime.now(UTC) - timedelta(seconds=1))
    await hold(api, me, visit(world, *adults(3)))


# a contact --------------------------------------------------------------------------------------------------------


async def test_a_contact_is_bounded_however_it_is_written_and_whoever_gives_it(api, world: World):
    for email in ("zoe@bücher.example", "ZOE@XN--BCHER-KVA.example"):
        contact = {"name": "Zoe", "email": email}
        await hold(api, world.customer(), visit(world, *adults(3), contact=contact))
    assert await refused(api, world.customer(), visit(world, *adults(2), contact=contact)) == ("contact", CONTACT, 6)
    await hold(api, world.customer(), visit(world, "adult", contact=contact))
    await hold(api, world.customer(), visit(world, *adults(3), contact={"name": "Zoe", "email": "zoe@example.net"}))


async def test_a_phone_number_is_a_contact_too(api, world: World):
    for phone in ("+49 30 1234567", "+49301234567"):
        await hold(api, world.customer(), visit(world, *adults(3), contact={"name": "Bo", "phone": phone}))
    wish = visit(world, *adults(2), contact={"name": "Bo", "phone": "+49 (30) 123-4567"})
    assert await refused(api, world.customer(), wish) == ("contact", CONTACT, 6)


@pytest.mark.parametrize("path", ["bookings", "orders"])
async def test_a_contact_that_is_remembered_is_bounded_too(api, world: World, path: str):
    """On the path shared with others, and on the plain one, which orders of several take."""
    on_site = {"payment": {"method": "on_site"}}
    contact = {"name": "Cy", "email": "cy@example.org"}
    known = world.customer()
    first = await hold(api, known, visit(world, "adult", contact=contact, confirm=True, **on_site))
    await api.post(f"/v1/bookings/{first['id']}/cancel", headers=known)
    for slot in world.tower_slots[:2]:  # Others keep six of the seven places.
        await hold(api, world.customer(), visit(world, *adults(3), slot=slot, contact=contact, confirm=True, **on_site))

    async def held(number: int) -> str:
        if path == "bookings":
            booking = await hold(api, known, visit(world, *adults(number), slot=world.tower_slots[3]))
            return f"/v1/bookings/{booking['id']}/confirm"
        parts = [visit(world, "adult", slot=slot) for slot in world.tower_slots[3 : 3 + number]]
        order = (await api.post("/v1/orders", json={"bookings": parts}, headers=known)).json()
        return f"/v1/orders/{order['id']}/confirm"

    confirm_path = await held(2)
    assert await refused(api, known, on_site, confirm_path) == ("contact", CONTACT, 6)
    other = {**on_site, "contact": {"name": "Di", "email": "di@example.org"}}
    assert (await api.post(confirm_path, json=other, headers=known)).status_code == 200
    stranger = world.customer()
    assert (await api.post(await held(1), json=on_site, headers=known)).status_code == 200
    booking = await hold(api, stranger, visit(world, "adult"))  # Of whom nothing is remembered.
    answer = await api.post(f"/v1/bookings/{booking['id']}/confirm", json=on_site, headers=stranger)
    assert answer.json()["code"] == "details_missing"


async def test_confirmations_that_share_a_batch_are_each_counted_by_their_own_contact(api, world: World):
    on_site = {"payment": {"method": "on_site"}}
    crowded, free = ({"name": name, "email": f"{name}@example.org"} for name in ("cy", "di"))
    for slot in world.tower_slots[:2]:
        await hold(api, world.customer(), visit(world, *adults(3), slot=slot, contact=crowded, confirm=True, **on_site))
    calls = []
    for number, contact in enumerate([crowded, free] * 3):
        known = world.customer()
        first = await hold(
            api, known, visit(world, "adult", slot=world.tower_slots[3], contact=free, confirm=True, **on_site)
        )
        await api.post(f"/v1/bookings/{first['id']}/cancel", headers=known)
        async with world.runtime.pool.acquire() as db:
            await db.execute(
                "update customer set name = $1, email = $2 where email = $3 and id = (select customer_id from booking where id = $4)",
                contact["name"],
                contact["email"],
                free["email"],
                first["id"],
            )
        booking = await hold(api, known, visit(world, *adults(2), slot=world.tower_slots[4 + number % 3]))
        calls.append(api.post(f"/v1/bookings/{booking['id']}/confirm", json=on_site, headers=known))
    answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers[::2]] == [409] * 3
    assert {answer.json()["because"] for answer in answers[::2]} == {"contact"}
    assert [answer.status_code for answer in answers[1::2]] == [200] * 3


@pytest.mark.parametrize("together", [True, False])
async def test_a_contact_that_comes_with_the_confirmation_is_bounded(api, world: World, together: bool):
    """On the path shared with others, and on the plain one, which orders of several take."""
    confirmation = {"contact": {"name": "Cy", "email": "cy@example.org"}, "payment": {"method": "on_site"}}

    async def held(number: int) -> tuple[Headers, str]:
        me = world.customer()
        if together:
            booking = await hold(api, me, visit(world, *adults(number)))
            return me, f"/v1/bookings/{booking['id']}/confirm"
        parts = [visit(world, "adult", slot=slot) for slot in world.tower_slots[:number]]
        order = (await api.post("/v1/orders", json={"bookings": parts}, headers=me)).json()
        return me, f"/v1/orders/{order['id']}/confirm"

    for _ in range(2):
        me, path = await held(3)
        assert (await api.post(path, json=confirmation, headers=me)).status_code == 200
    me, path = await held(2)
    assert await refused(api, me, confirmation, path) == ("contact", CONTACT, 6)
    other = {**confirmation, "contact": {"name": "Di", "email": "di@example.org"}}
    assert (await api.post(path, json=other, headers=me)).status_code == 200
    me, path = await held(1)
    assert (await api.post(path, json=confirmation, headers=me)).status_code == 200
    assert (await api.post(path, json=confirmation, headers=me)).status_code == 200  # A repeat in its final state.


async def test_no_personal_data_is_kept_in_clear(api, world: World):
    booking = await hold(
        api, world.customer(), visit(world, "adult", contact={"name": "E", "email": "eve@example.org"})
    )
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow("select to_jsonb(o)::text as clear, o.* from booking_order o")
        assert row["contact_digest"] is not None
        assert row["address_digest"] is not None
        assert "eve" not in row["clear"]
        assert "127.0.0.1" not in row["clear"]
    assert booking["contact"]["email"] == "eve@example.org"


@pytest.mark.parametrize("how", ["visit", "person"])
async def test_the_digests_are_erased_with_the_contact(api, world: World, how: str):
    me = new_id()
    await hold(api, world.customer(me), visit(world, "adult", contact={"name": "E", "email": "eve@example.org"}))
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select contact_digest is not null and address_digest is not null from booking_order")
        await db.execute("update organisation set retention_days = 1")
        await db.execute("update booking set visit_ends_at = $1", datetime.now(UTC) - timedelta(days=2))
    if how == "visit":
        assert await apply_retention(world.runtime) == 1
    else:
        erased = await api.post("/v1/persons/erase", json={"customer_id": str(me)}, headers=world.owner)
        assert erased.json()["bookings"] == 1, erased.text
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow("select contact_digest, address_digest from booking_order")
        assert list(row) == [None, None]


# a network address ------------------------------------------------------------------------------------------------


def behind(headers: Headers, address: str) -> Headers:
    return {**headers, "X-Forwarded-For": address}


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.8"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ("::ffff:203.0.113.5", "203.0.113.5", "203.0.113.6"),
    ],
)
async def test_an_address_is_bounded_whoever_comes_from_it(api, world: World, first: str, same: str, other: str):
    for number in range(6):
        slot = world.tower_slots[number // 5]
        await hold(
            api, behind(world.app if number % 2 else world.customer(), first), visit(world, *adults(3), slot=slot)
        )
    wish = visit(world, *adults(3), slot=world.tower_slots[3])
    assert await refused(api, behind(world.app, same), wish) == ("address", ADDRESS, 18)
    assert await refused(api, behind(world.customer(), same), wish) == ("address", ADDRESS, 18)
    await hold(api, behind(world.app, other), wish)
    await hold(api, behind(world.agent, same), wish)
    await hold(api, behind(world.app, same), visit(world, *adults(2), slot=world.tower_slots[4]))


async def test_the_refusal_is_said_in_german(api, world: World):
    headers = {**world.customer(), "Accept-Language": "de"}
    answer = await api.post("/v1/bookings", json=visit(world, *adults(4)), headers=headers)
    assert answer.json()["title"] == "Zu viele Plätze sind belegt, ohne bezahlt zu sein"


# the decision -----------------------------------------------------------------------------------------------------

ME, ONE, TWO = new_id(), new_id(), new_id()
KEEPER = rules.Keeper(ME, b"contact", b"address")
MOST: dict[rules.Bound, int] = {"slot": 4, "customer": 6, "contact": 8, "address": 10}


@pytest.mark.parametrize(
    ("places", "held", "most", "expected"),
    [
        ({ONE: 4}, {}, {}, None),
        ({ONE: 5}, {}, {}, ("slot", 4, 0)),
        ({ONE: 1}, {("slot", ME, ONE): 3}, {}, None),
        ({ONE: 2}, {("slot", ME, ONE): 3}, {}, ("slot", 4, 3)),
        ({ONE: 2}, {("slot", ME, TWO): 4}, {}, None),
        ({ONE: 2}, {("slot", TWO, ONE): 4}, {}, None),
        ({ONE: 3, TWO: 3}, {}, {}, None),
        ({ONE: 4, TWO: 3}, {}, {}, ("customer", 6, 0)),
        ({ONE: 1}, {("customer", ME, None): 6}, {}, ("customer", 6, 6)),
        ({ONE: 1}, {("contact", b"contact", None): 7}, {}, None),
        ({ONE: 2}, {("contact", b"contact", None): 7}, {}, ("contact", 8, 7)),
        ({ONE: 2}, {("contact", b"address", None): 8}, {}, None),
        ({ONE: 2}, {("address", b"address", None): 8}, {}, None),
        ({ONE: 3}, {("address", b"address", None): 8}, {}, ("address", 10, 8)),
        ({ONE: 99}, {}, {"slot": 0, "customer": 0, "contact": 0, "address": 0}, None),
        ({ONE: 99}, {}, {"slot": 0}, ("customer", 6, 0)),
        ({ONE: 0}, {("customer", ME, None): 60}, {}, None),
    ],
)
def test_which_bound_stands_in_the_way(places, held, most, expected):
    found = rules.excess(rules.counted(KEEPER, places), held, {**MOST, **most})
    assert (None if found is None else (found.bound, found.limit, found.held)) == expected


def test_what_is_not_known_is_not_counted():
    assert rules.counted(rules.Keeper(ME), {ONE: 2, TWO: 1}) == {
        ("slot", ME, ONE): 2, ("slot", ME, TWO): 1, ("customer", ME, None): 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "bounded"),
    [("app", True), ("customer", True), ("staff", False), ("key", False), ("system", False), ("anonymous", False)],
)
def test_who_is_held_to_the_bounds(kind, bounded):
    assert rules.is_bounded(Caller(kind=kind, credential_id=ME)) is bounded


def test_until_when_an_order_counts():
    now = datetime.now(UTC)
    early, late = now + timedelta(minutes=1), now + timedelta(minutes=2)
    visits: Any = [SimpleNamespace(visit_ends_at=late), SimpleNamespace(visit_ends_at=early)]

    def until(status: str, bookings: Any = visits) -> datetime | None:
        order: Any = SimpleNamespace(status=status, expires_at=early, pending_until=late)
        return rules.unpaid_until(order, bookings)

    assert until("on_hold") == early
    assert until("pending") == late
    assert until("confirmed") == late
    assert until("confirmed", []) is None
    assert [until(status) for status in ("cancelled", "expired", "rejected")] == [None, None, None]
