"""The search over HTTP: shapes, statuses, holds, quotas, and order."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from booking_api.catalog.schemas import PriceRule, UnitDefinition
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.identity import operations as identity
from tests.inventory.helpers import change_slot, take
from tests.world import Headers, World, add_product, add_slot, bearer, build_world

Answer = dict[str, object]


async def find(api: httpx.AsyncClient, headers: Headers, **query: object) -> Answer:
    answer = await api.get(
        "/v1/availability", params={k.rstrip("_"): str(v) for k, v in query.items()}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def the(found: Answer, slot_id: UUID) -> Answer:
    return next(item for item in found["items"] if item["slot_id"] == str(slot_id))


def days(world: World, slot_count: int = 12) -> dict[str, str]:
    """A range that has all of the world's slots: from today in New York on."""
    today = datetime.now(ZoneInfo("America/New_York")).date()
    return {"from_": str(today), "to": str(today + timedelta(days=slot_count))}


async def test_an_item_has_everything(api: httpx.AsyncClient, world: World):
    found = await find(api, world.app, origin="JFK", destination="LAX", units="adult:2,child:1,infant:1", **days(world))
    assert [item["slot_id"] for item in found["items"]] == [str(slot) for slot in world.flight_slots]
    assert "next_cursor" not in found
    item = found["items"][0]
    starts_at = datetime.fromisoformat(item["starts_at"])
    assert starts_at.hour == 9
    assert starts_at.utcoffset() == starts_at.astimezone(ZoneInfo("America/New_York")).utcoffset()
    ends_at = datetime.fromisoformat(item["ends_at"])
    assert ends_at - starts_at == timedelta(hours=6)
    assert ends_at.utcoffset() == ends_at.astimezone(ZoneInfo("America/Los_Angeles")).utcoffset()
    assert datetime.fromisoformat(item["admit_from"]) == starts_at - timedelta(minutes=60)
    assert datetime.fromisoformat(item["admit_until"]) == starts_at - timedelta(minutes=10)
    assert datetime.fromisoformat(item["booking_closes_at"]) == starts_at - timedelta(minutes=10), "as the last gate"
    units = {unit.code: str(unit.id) for unit in world.flight.units}
    usd = lambda amount: {"amount": amount, "currency": "USD"}  # noqa: E731
    assert {name: item[name] for name in item if not name.endswith(("_at", "_from", "_until"))} == {
        "slot_id": str(world.flight_slots[0]),
        "product_id": str(world.flight.id),
        "time_zone": "America/New_York",
        "end_time_zone": "America/Los_Angeles",
        "status": "available",
        "vacancies": 10,
        "gate": "B7",
        "seat_layout_id": str(world.layout_id),
        "options": [
            {
                "option_id": str(world.option(world.flight, "light")),
                "vacancies": 4,
                "units": [
                    {"unit_id": units["adult"], "code": "adult", "price": usd(10460)},
                    {"unit_id": units["child"], "code": "child", "price": usd(7960)},
                    {"unit_id": units["infant"], "code": "infant", "price": usd(560)},
                ],
                "total": usd(2 * 10460 + 7960 + 560),
            },
            {
                "option_id": str(world.option(world.flight, "flex")),
                "vacancies": 10,
                "units": [
                    {"unit_id": units["adult"], "code": "adult", "price": usd(20460)},
                    {"unit_id": units["child"], "code": "child", "price": usd(15460)},
                    {"unit_id": units["infant"], "code": "infant", "price": usd(2560)},
                ],
                "total": usd(2 * 20460 + 15460 + 2560),
            },
        ],
        "available_actions": ["book"],
    }
    product = found["products"][str(world.flight.id)]
    assert (product["title"], product["kind"]) == ("OS 101", "departure")
    assert (product["origin"]["code"], product["destination"]["code"]) == ("JFK", "LAX")
    flex = product["options"][str(world.option(world.flight, "flex"))]
    assert flex["title"] == "Flex"
    assert flex["conditions"] == {
        "refundable": True, "changeable": True, "refund_until_minutes": 120, "refund_fee": usd(1000),
    }  # fmt: skip


async def test_by_product_ids_codes_and_language(api: httpx.AsyncClient, world: World):
    origin, destination = world.flight.origin, world.flight.destination
    assert origin is not None
    assert destination is not None
    by_id = await find(api, world.key, origin=origin.id, destination=destination.id, **days(world))
    by_code = await find(api, world.agent, origin="jfk", destination="lax", **days(world))
    by_product = await find(api, world.customer(), product_id=world.flight.id, **days(world))
    assert by_id == by_code == by_product
    german = await find(api, {**world.app, "Accept-Language": "de"}, product_id=world.tower.id, **days(world))
    assert german["products"][str(world.tower.id)]["title"] == "Turmbesuch"
    assert german["products"][str(world.tower.id)]["venue"]["code"] == "TOWER"


async def test_today_is_the_default(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        start = datetime.now(UTC) + timedelta(seconds=30)
        zone = ZoneInfo("Europe/Berlin")
        slot = await add_slot(db, world.org.org_id, world.tower, start)
    found = await find(api, world.app, product_id=world.tower.id)
    if start.astimezone(zone).date() == datetime.now(zone).date():
        assert [item["slot_id"] for item in found["items"]] == [str(slot)]
    later = await find(
        api, world.app, product_id=world.tower.id, from_=start.astimezone(zone).date() + timedelta(days=1)
    )
    assert str(slot) not in [item["slot_id"] for item in later["items"]]


async def test_the_default_party_is_an_adult_or_else_the_first_unit(api: httpx.AsyncClient, world: World):
    child = world.tower.units[1]
    children_only = msgspec.structs.replace(world.tower, units=[child], prices=[world.tower.prices[1]])
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, children_only, version=2)
    found = await find(api, world.app, product_id=world.tower.id, **days(world))
    assert found["items"][0]["options"][0]["total"] == {"amount": 990, "currency": "EUR"}


async def test_what_is_taken_shows_at_once(api: httpx.AsyncClient, world: World):
    slot, flex = world.flight_slots[0], world.option(world.flight, "flex")
    light = world.option(world.flight, "light")
    for taken, status in ((0, "available"), (7, "available"), (8, "limited"), (9, "limited"), (10, "sold_out")):
        while (
            left := the(await find(api, world.app, product_id=world.flight.id, **days(world)), slot)["vacancies"]
        ) > 10 - taken:
            await take(world, slot, flex, 1)
        item = the(await find(api, world.app, product_id=world.flight.id, **days(world)), slot)
        assert (item["vacancies"], item["status"]) == (10 - taken, status), left
        assert {o["option_id"]: o["vacancies"] for o in item["options"]} == {
            str(light): min(4, 10 - taken), str(flex): 10 - taken,
        }  # fmt: skip
        assert [o.get("status") for o in item["options"]] == [None if taken < 10 else "sold_out"] * 2
        assert all("total" in o for o in item["options"])


async def test_a_party_needs_room_for_all_of_it(api: httpx.AsyncClient, world: World):
    slot, flex = world.flight_slots[0], world.option(world.flight, "flex")
    await take(world, slot, flex, 8)
    for units, status in (("adult:2,infant:2", "limited"), ("adult:3", "sold_out"), ("adult:2,child:1", "sold_out")):
        item = the(await find(api, world.app, product_id=world.flight.id, units=units, **days(world)), slot)
        assert (item["status"], item["vacancies"]) == (status, 2)


async def test_quotas_count_together_with_the_capacity(api: httpx.AsyncClient, world: World):
    slot, light = world.flight_slots[0], world.option(world.flight, "light")
    await take(world, slot, light, 3)
    item = the(await find(api, world.app, product_id=world.flight.id, units="adult:2", **days(world)), slot)
    assert (item["vacancies"], item["status"]) == (7, "available")
    assert [(o["vacancies"], o.get("status")) for o in item["options"]] == [(1, "sold_out"), (7, None)]
    await take(world, slot, light, 1)
    item = the(await find(api, world.app, product_id=world.flight.id, **days(world)), slot)
    assert [(o["vacancies"], o.get("status")) for o in item["options"]] == [(0, "sold_out"), (6, None)]


async def test_your_own_hold_never_hides_the_slot_from_you(api: httpx.AsyncClient, world: World):
    slot, me, video = world.consultant_slots[0], new_id(), world.option(world.consultant, "video")
    mine, other = world.customer(me), world.customer()
    query = {"product_id": world.consultant.id, **days(world)}
    await take(world, slot, video, 1, holder=me)
    item = the(await find(api, mine, **query), slot)
    assert (item["status"], item["held_by_you"], item["vacancies"]) == ("limited", 1, 0)
    for stranger in (other, world.app, world.agent, world.key):
        item = the(await find(api, stranger, **query), slot)
        assert (item["status"], item.get("held_by_you"), item["vacancies"]) == ("sold_out", None, 0)
    kept = world.consultant_slots[1]
    await take(world, kept, video, 1, holder=me, seconds=None)
    assert the(await find(api, mine, **query), kept)["held_by_you"] == 1
    # A hold that has ended still counts as taken until it is swept, but it isn't yours any more.
    ended = world.consultant_slots[2]
    await take(world, ended, video, 1, holder=me, seconds=-1)
    item = the(await find(api, mine, **query), ended)
    assert (item["status"], item.get("held_by_you"), item["vacancies"]) == ("sold_out", None, 0)
    ranked = await find(api, mine, sort="price", **query)
    assert the(ranked, slot)["held_by_you"] == 1


async def test_two_holds_of_yours_add_up(api: httpx.AsyncClient, world: World):
    me, slot, standard = new_id(), world.tower_slots[0], world.option(world.tower, "standard")
    await take(world, slot, standard, 2, holder=me)
    await take(world, slot, standard, 3, holder=me, seconds=None)
    item = the(await find(api, world.customer(me), product_id=world.tower.id, **days(world)), slot)
    assert (item["held_by_you"], item["vacancies"]) == (5, 15)


async def test_closed_and_cancelled_slots_are_listed_and_past_ones_are_not(api: httpx.AsyncClient, world: World):
    now = datetime.now(UTC)
    cancelled, closed, over, *_ = world.tower_slots
    await change_slot(world, cancelled, status="cancelled")
    await change_slot(world, closed, status="closed")
    await change_slot(world, over, booking_closes_at=now - timedelta(seconds=1))
    async with world.runtime.pool.acquire() as db:
        past = await add_slot(db, world.org.org_id, world.tower, now - timedelta(minutes=1))
    found = await find(api, world.app, product_id=world.tower.id, **days(world))
    assert [the(found, slot)["status"] for slot in (cancelled, closed, over)] == ["cancelled", "closed", "closed"]
    assert the(found, closed)["options"][0]["status"] == "closed"
    assert str(past) not in [item["slot_id"] for item in found["items"]]
    answer = await api.get(f"/v1/slots/{past}", headers=world.app)
    assert (answer.status_code, answer.json()["status"]) == (200, "closed")
    answer = await api.get(f"/v1/slots/{cancelled}", headers=world.app)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_an_option_may_close_before_the_others(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        soon = datetime.now(UTC) + timedelta(minutes=30)
        slot = await add_slot(db, world.org.org_id, world.flight, soon)
    answer = await api.get(f"/v1/slots/{slot}", headers=world.app)
    item = answer.json()
    assert item["status"] == "available"
    assert [option.get("status") for option in item["options"]] == ["closed", None]
    assert item["options"][0]["total"]["amount"] == 10460


async def test_a_product_off_sale_is_closed(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update product set on_sale = false where id = $1", world.tower.id)
    found = await find(api, world.app, product_id=world.tower.id, **days(world))
    assert {item["status"] for item in found["items"]} == {"closed"}


async def test_a_new_version_prices_at_once(api: httpx.AsyncClient, world: World):
    query = {"product_id": world.tower.id, **days(world)}
    assert (await find(api, world.app, **query))["items"][0]["options"][0]["total"]["amount"] == 1990
    dearer = msgspec.structs.replace(world.tower, prices=[PriceRule(option="standard", unit="adult", amount=2500)])
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, dearer, version=2)
    option = (await find(api, world.app, **query))["items"][0]["options"][0]
    assert option["total"]["amount"] == 2500
    assert [unit["code"] for unit in option["units"]] == ["adult"]
    # Children aren't sold any more, so nothing is for sale to a party with one.
    family = await find(api, world.app, units="adult:1,child:1", **query)
    assert {item["status"] for item in family["items"]} == {"closed"}
    assert "total" not in family["items"][0]["options"][0]


async def test_by_price(api: httpx.AsyncClient, world: World):
    light, flex = (world.option(world.flight, code) for code in ("light", "flex"))
    second, first, gone = world.flight_slots[1], world.flight_slots[0], world.flight_slots[2]
    await take(world, first, light, 4)
    await take(world, gone, flex, 10)
    found = await find(api, world.app, product_id=world.flight.id, sort="price", **days(world))
    order = [item["slot_id"] for item in found["items"]]
    assert sorted(order) == sorted(str(slot) for slot in world.flight_slots)
    assert order[0] == str(second)
    assert order[-2:] == [str(first), str(gone)]
    assert [item["slot_id"] for item in found["items"][:7]] == [
        str(slot) for slot in (second, *world.flight_slots[3:9])
    ]
    by_route = await find(api, world.app, origin="JFK", destination="LAX", sort="price", **days(world))
    assert [item["slot_id"] for item in by_route["items"]] == order


# several products of a route --------------------------------------------------------------------------------------


async def test_a_party_that_only_some_products_of_a_route_allow(api: httpx.AsyncClient, world: World):
    bike = UnitDefinition(id=new_id(), code="bike", title={"en": "Bike"}, takes_seat=False)
    other = msgspec.structs.replace(
        world.flight, id=new_id(), code="OS102", title={"en": "OS 102"},
        options=[msgspec.structs.replace(option, id=new_id()) for option in world.flight.options],
        units=[*(msgspec.structs.replace(unit, id=new_id()) for unit in world.flight.units), bike],
        prices=[*world.flight.prices, PriceRule(option="flex", unit="bike", amount=3000)],
    )  # fmt: skip
    query = {"origin": "JFK", "destination": "LAX", "units": "adult:1,bike:1", **days(world)}
    for sort in ("start", "price"):
        answer = await api.get(
            "/v1/availability", params={k.rstrip("_"): v for k, v in query.items()} | {"sort": sort}, headers=world.app
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "party_not_allowed")
        assert answer.json()["errors"][0]["pointer"] == "/query/units"
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, other)
        start = (datetime.now(UTC) + timedelta(days=5)).replace(microsecond=0)
        slot = await add_slot(db, world.org.org_id, other, start)
    for sort in ("start", "price"):
        found = await find(api, world.app, sort=sort, limit=200, **query)
        assert the(found, slot)["status"] == "available"
        assert [o.get("status") for o in the(found, slot)["options"]] == ["closed", None]
        assert {item["status"] for item in found["items"] if item["slot_id"] != str(slot)} == {"closed"}
        # A page on which nothing allows the party is not a refusal either.
        assert len((await find(api, world.app, sort=sort, limit=1, **query))["items"]) == 1
    calendar = await api.get(
        "/v1/availability/calendar", params={k.rstrip("_"): v for k, v in query.items()}, headers=world.app
    )
    assert {day["status"] for day in calendar.json()["items"]} == {"closed", "available"}


async def test_another_organisation_sees_nothing(api: httpx.AsyncClient, runtime: Runtime, world: World):
    other = await build_world(runtime, "Westwind")
    answer = await api.get(f"/v1/availability?product_id={world.flight.id}", headers=other.app)
    assert answer.status_code == 422
    assert world.flight.origin is not None
    assert world.flight.destination is not None
    answer = await api.get(
        f"/v1/availability?origin={world.flight.origin.id}&destination={world.flight.destination.id}", headers=other.app
    )
    assert answer.status_code == 422
    for path in (
        f"/v1/slots/{world.flight_slots[0]}",
        f"/v1/slots/{world.flight_slots[0]}/seats",
        f"/v1/seat-layouts/{world.layout_id}",
    ):
        answer = await api.get(path, headers=other.app)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    mine = await find(api, other.app, origin="JFK", destination="LAX", **days(other))
    assert {item["slot_id"] for item in mine["items"]} == {str(slot) for slot in other.flight_slots}


async def test_who_may_search(api: httpx.AsyncClient, world: World):
    path = f"/v1/availability?product_id={world.flight.id}"
    assert (await api.get(path)).status_code == 401
    async with world.runtime.pool.acquire() as db:
        _, secret = await identity.add_key(db, world.org, "secret", "Scans", datetime.now(UTC), scopes=("scan",))
    assert (await api.get(path, headers=bearer(secret))).status_code == 403
    for headers in (world.app, world.key, world.agent, world.manager, world.owner, world.customer()):
        assert (await api.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/slots/{slot}", "/v1/slots/{slot}/seats", "/v1/seat-layouts/{slot}"])
async def test_an_unknown_id_is_not_found(api: httpx.AsyncClient, world: World, path: str):
    for given in (str(new_id()), "nonsense"):
        assert (await api.get(path.format(slot=given), headers=world.app)).status_code == 404


async def test_a_slot_is_an_item_of_the_search(api: httpx.AsyncClient, world: World):
    found = await find(api, world.app, product_id=world.flight.id, units="adult:2", **days(world))
    for item in found["items"][:3]:
        answer = await api.get(f"/v1/slots/{item['slot_id']}?units=adult:2", headers=world.app)
        assert answer.json() == item
        assert answer.headers["cache-control"] == "no-store"
    answer = await api.get(f"/v1/slots/{world.flight_slots[0]}?units=infant:1", headers=world.app)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/units")


async def test_from_here_to_anywhere_and_from_anywhere_to_there(api: httpx.AsyncClient, world: World):
    """One end of a route is enough, in searches by start and by price and in the calendar, page by page."""
    flight = world.flight
    assert flight.origin is not None
    assert flight.destination is not None
    back = msgspec.structs.replace(
        flight, id=new_id(), code="back", origin=flight.destination, destination=flight.origin
    )
    onwards = msgspec.structs.replace(flight, id=new_id(), code="onwards", destination=world.tower.venue)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    async with world.runtime.pool.acquire() as db:
        for product in (back, onwards):
            await add_product(db, world.org.org_id, product)
        home = await add_slot(db, world.org.org_id, back, start)
        further = await add_slot(db, world.org.org_id, onwards, start)
    out = [str(slot) for slot in world.flight_slots]
    for sort in ("start", "price"):
        for query, expected in (
            ({"origin": "JFK"}, {*out, str(further)}),
            ({"destination": "LAX"}, {*out}),
            ({"destination": "JFK"}, {str(home)}),
            ({"origin": "LAX", "destination": "JFK"}, {str(home)}),
            ({"destination": "TOWER"}, {str(further)}),
            ({"origin": "TOWER"}, {str(slot) for slot in (*world.tower_slots, *world.consultant_slots)}),
        ):
            seen: list[str] = []
            cursor: dict[str, object] = {}
            while True:
                found = await find(api, world.app, **query, sort=sort, limit=3, **cursor, **days(world))
                seen += [item["slot_id"] for item in found["items"]]
                assert set(found["products"]) == {item["product_id"] for item in found["items"]}
                if "next_cursor" not in found:
                    break
                cursor = {"cursor": found["next_cursor"]}
            assert len(seen) == len(set(seen))
            assert set(seen) == expected, (sort, query)
    params = {name.rstrip("_"): value for name, value in days(world).items()}
    answer = await api.get("/v1/availability/calendar", params={"origin": "JFK", **params}, headers=world.app)
    assert sum(day["vacancies"] for day in answer.json()["items"]) == 110


async def test_what_can_be_done_is_said_of_slots_and_products(api: httpx.AsyncClient, world: World):
    """`book` is listed exactly where a booking of this party succeeds."""
    (first, second, third), option = world.consultant_slots, world.consultant.options[0].id
    await take(world, first, option, 1)
    await change_slot(world, second, status="closed")
    for slot, actions in ((first, []), (second, []), (third, ["book"])):
        shown = await api.get(f"/v1/slots/{slot}", headers=world.app)
        assert shown.json()["available_actions"] == actions
        answer = await api.post(
            "/v1/bookings",
            json={"slot_id": str(slot), "option_id": str(option), "items": [{"unit": "adult"}]},
            headers=world.key,
        )
        assert (answer.status_code == 201) == (actions == ["book"]), answer.text
    none_fit = await api.get(f"/v1/slots/{world.tower_slots[0]}?units=adult:1", headers=world.app)
    assert none_fit.json()["available_actions"] == ["book"]
    path = f"/v1/products/{world.tower.id}"
    assert (await api.get(path, headers=world.app)).json()["available_actions"] == ["find_slots"]
    async with world.runtime.pool.acquire() as db:
        await db.execute("update product set on_sale = false where id = $1", world.tower.id)
    assert (await api.get(path, headers=world.app)).json()["available_actions"] == []
    withdrawn = await api.get(f"/v1/slots/{world.tower_slots[0]}", headers=world.app)
    assert withdrawn.json()["available_actions"] == []
