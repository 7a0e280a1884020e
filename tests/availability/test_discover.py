"""The home screen against a plain look at every slot of every product, and what it refuses."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from booking_api.availability import discover, queries, sought
from booking_api.availability.discover_rules import Point, distance_m
from booking_api.availability.discover_schemas import DiscoveredItem, DiscoverQuery, Discovery
from booking_api.availability.rules import parse_units
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.schemas import Media, Place, ProductDefinition
from booking_api.core.context import Caller
from tests.availability.plain_search import plain_slot
from tests.inventory.helpers import change_slot, take
from tests.world import World, add_place, add_product, add_slot, make_consultant, make_flight, make_tower

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
BERLIN = Point(52.52, 13.41)


async def discover_at(
    world: World, query: DiscoverQuery, now: datetime = NOW, caller: Caller | None = None
) -> list[DiscoveredItem]:
    async with world.runtime.pool.acquire() as db:
        content = await discover.discover(world.context(db, now=now, caller=caller), query)
    found = msgspec.json.decode(content, type=Discovery)
    assert msgspec.json.encode(found) == content, "the text is what the Structs say"
    return found.items


async def move_place(world: World, place: Place, latitude: float, longitude: float) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update place set latitude = $3, longitude = $4 where org_id = $1 and id = $2",
            world.org.org_id, place.id, latitude, longitude,
        )  # fmt: skip


async def plain_discover(world: World, query: DiscoverQuery, now: datetime) -> list[tuple[Any, ...]]:
    """Each product's id, the ids of its next slots, its lowest price and its distance, by looking at everything."""
    org_id, wanted = world.org.org_id, parse_units(query.units)
    center = None if query.near is None else Point(*map(float, query.near.split(",")))
    shown: list[tuple[Any, ...]] = []
    async with world.runtime.pool.acquire() as db:
        products = await db.fetch(
            """
            select p.id, p.version, l.latitude, l.longitude
            from product p join place l on l.org_id = p.org_id and l.id = coalesce(p.origin_id, p.venue_id)
            where p.on_sale and p.org_id = $1 and ($2::text is null or p.kind = $2)
            """,
            org_id, query.kind,
        )  # fmt: skip
        for product in products:
            far = None
            if center is not None:
                if product["latitude"] is None:
                    continue
                far = distance_m(center, Point(product["latitude"], product["longitude"]))
                if far > (query.radius_m or 50_000):
                    continue
            versions = await load_definitions(db, {}, org_id, [(product["id"], product["version"])])
            (definition,) = versions.values()
            ids = [row["id"] for row in await db.fetch("select id from slot where product_id = $1", product["id"])]
            slots = await queries.find_slots_with_room(db, org_id, ids, None, now)
            bookable = []
            for slot in sorted(slots, key=lambda slot: (slot.starts_at, slot.id)):
                found = plain_slot(slot, definition, wanted, now)
                begins = found.starts_at if found.delay is None else found.delay.estimated_starts_at
                on_offer = [option for option in found.options if option.status is None]
                early = query.first is not None and slot.local_date < query.first
                if begins > now and on_offer and not early and found.status in ("available", "limited"):
                    bookable.append((found.slot_id, found.starts_at, min(o.total.amount for o in on_offer if o.total)))
            if bookable:
                next_ones = bookable[:3]
                rank = next_ones[0][1], far or 0, definition.id
                distance = None if far is None else round(far)
                shown.append((rank, definition.id, [s[0] for s in next_ones], min(s[2] for s in next_ones), distance))
    return [one[1:] for one in sorted(shown, key=lambda one: one[0])][: query.limit]


def in_short(items: list[DiscoveredItem]) -> list[tuple[Any, ...]]:
    return [
        (item.product.id, [slot.slot_id for slot in item.slots], item.from_price.amount, item.distance_m)
        for item in items
    ]


async def fill(world: World, pick: random.Random) -> None:
    """Thirty products around Berlin and the date line, some of them sold out for long, late, closed or withdrawn."""
    org_id = world.org.org_id
    async with world.runtime.pool.acquire() as db:
        for number in range(30):
            place = await add_place(
                db, org_id, f"P{number}", f"Place {number}", pick.choice(["Europe/Berlin", "Pacific/Fiji"])
            )
            if number % 7:
                near = pick.random() < 0.7
                await move_place(
                    world,
                    place,
                    *((52.52 + pick.uniform(-0.4, 0.4), 13.41) if near else (-17, pick.choice([179.9, -179.9]))),
                )
            made = pick.choice([make_tower, make_consultant, lambda p: make_flight(p, p)])(place)
            product = msgspec.structs.replace(made, code=f"{made.code}-{number}")
            await add_product(db, org_id, product)
            if pick.random() < 0.1:
                await db.execute("update product set on_sale = false where id = $1", product.id)
            sold_out = pick.choice([0, 0, 0, 5, 9])
            hours = sorted(pick.sample(range(-5, 200), 10))
            for position, hour in enumerate(hours):
                slot = await add_slot(
                    db,
                    org_id,
                    product,
                    NOW + timedelta(hours=hour, minutes=pick.choice([0, 0, 30])),
                    capacity=pick.randint(1, 6),
                )
                if position < sold_out:
                    await db.execute("update slot set taken = capacity where id = $1", slot)
                elif pick.random() < 0.3:
                    await db.execute("update slot set taken = capacity - 1 where id = $1", slot)
                if pick.random() < 0.3:
                    await db.execute("update quota set taken = capacity where slot_id = $1", slot)
                if pick.random() < 0.2:
                    await db.execute(
                        "update slot set status = $2 where id = $1", slot, pick.choice(["closed", "cancelled"])
                    )
                if pick.random() < 0.2:
                    await db.execute(
                        "update slot set estimated_starts_at = starts_at + interval '3 hours', delay_updated_at = $2 where id = $1",
                        slot, NOW,
                    )  # fmt: skip
                if pick.random() < 0.2:
                    await db.execute(
                        "update slot set booking_closes_at = starts_at - interval '2 hours' where id = $1", slot
                    )


@pytest.mark.parametrize("wide", [False, True], ids=["each", "walk"])
@pytest.mark.parametrize("seed", range(3))
async def test_it_is_what_a_look_at_everything_finds(
    world: World, wide: bool, seed: int, monkeypatch: pytest.MonkeyPatch
):
    if wide:
        monkeypatch.setattr(sought, "FEW_PRODUCTS", 0)
        monkeypatch.setattr(sought, "FIRST_STEPS", 1)
        monkeypatch.setattr(sought, "LEAST_WANTED", 1)
        monkeypatch.setattr(discover, "LEAST_LOOKED_AT", 1)
        monkeypatch.setattr(discover, "MOST_LOOKS", 1_000)
    await fill(world, random.Random(seed))
    found = 0
    for near in (None, "52.52,13.41", "-17,180"):
        for units in (None, "adult:2", "adult:1,child:1"):
            for more in ({}, {"kind": "entry"}, {"first": NOW.date() + timedelta(days=3)}, {"limit": 2}):
                query = DiscoverQuery(near=near, units=units, **more)  # pyright: ignore[reportArgumentType]
                expected = await plain_discover(world, query, NOW)
                assert in_short(await discover_at(world, query)) == expected
                found += len(expected)
    assert found > 200


async def test_the_nearer_one_first_of_those_that_begin_together(world: World):
    async with world.runtime.pool.acquire() as db:
        made: list[ProductDefinition] = []
        for number, latitude in enumerate((52.6, 52.53, 52.7, 53.5)):
            place = await add_place(db, world.org.org_id, f"N{number}", f"N{number}", "Europe/Berlin")
            await move_place(world, place, latitude, 13.41)
            made.append(msgspec.structs.replace(make_tower(place), code=f"n{number}"))
            await add_product(db, world.org.org_id, made[-1])
            await add_slot(db, world.org.org_id, made[-1], NOW + timedelta(hours=2))
    found = await discover_at(world, DiscoverQuery(near="52.52,13.41", limit=2))
    assert [item.product.id for item in found] == [made[1].id, made[0].id]
    assert [item.distance_m for item in found] == [pytest.approx(1112, abs=2), pytest.approx(8896, abs=5)]
    wider = await discover_at(world, DiscoverQuery(near="52.52,13.41", radius_m=200_000))
    assert [item.product.id for item in wider] == [made[at].id for at in (1, 0, 2, 3)]


async def test_one_that_is_sold_out_for_months_comes_when_it_has_room(world: World):
    async with world.runtime.pool.acquire() as db:
        org_id, tower = world.org.org_id, world.tower
        for hour in range(1, 700):
            await add_slot(db, org_id, tower, NOW + timedelta(hours=hour), capacity=2)
        await db.execute("update slot set taken = capacity where org_id = $1", org_id)
        free = await add_slot(db, org_id, tower, NOW + timedelta(days=100), capacity=2)
    assert in_short(await discover_at(world, DiscoverQuery(units="adult:2"))) == [(tower.id, [free], 3980, None)]


async def test_a_hold_takes_it_away_and_an_expired_one_gives_it_back(api: httpx.AsyncClient, world: World):
    async def starts() -> list[str]:
        answer = await api.get("/v1/discover", params={"kind": "appointment"}, headers=world.app)
        assert answer.status_code == 200, answer.text
        return [slot["slot_id"] for item in answer.json()["items"] for slot in item["slots"]]

    first, second, third = map(str, world.consultant_slots)
    assert await starts() == [first, second, third]
    await take(world, world.consultant_slots[0], world.consultant.options[0].id, 1)
    assert await starts() == [second, third]
    await change_slot(world, world.consultant_slots[0], taken=0)
    assert await starts() == [first, second, third]


async def test_what_an_item_tells(api: httpx.AsyncClient, world: World):
    tower = msgspec.structs.replace(
        world.tower,
        summary={"en": "The view", "de": "Der Blick"},
        media=[Media(url="https://x.example/t.jpg", type="image/jpeg")],
    )
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, tower, version=2)
    customer = world.customer()
    answer = await api.get(
        "/v1/discover", params={"q": "turm", "units": "adult:2"}, headers={**customer, "Accept-Language": "de"}
    )
    (item,) = answer.json()["items"]
    assert answer.headers["content-language"] == "de"
    assert "distance_m" not in item
    assert item["from_price"] == {"amount": 3980, "currency": "EUR"}
    product = item["product"]
    assert (product["title"], product["summary"], product["requires_names"], product["asks"]) == (
        "Turmbesuch", "Der Blick", False, False,
    )  # fmt: skip
    assert product["media"] == [{"url": "https://x.example/t.jpg", "type": "image/jpeg"}]
    assert product["venue"]["code"] == "TOWER"
    slot = (await api.get(f"/v1/slots/{world.tower_slots[0]}", params={"units": "adult:2"}, headers=customer)).json()
    assert item["slots"][0] == slot
    assert len(item["slots"]) == 3


async def test_what_is_refused(api: httpx.AsyncClient, world: World):
    for query, code, pointer in (
        ({"near": "here"}, 400, "/query/near"),
        ({"near": "91,0"}, 400, "/query/near"),
        ({"near": "nan,0"}, 400, "/query/near"),
        ({"near": "1"}, 400, "/query/near"),
        ({"near": "1,2,3"}, 400, "/query/near"),
        ({"near": "52.5,13.4\n"}, 200, None),
        ({"radius_m": "100"}, 400, "/query/radius_m"),
        ({"near": "1,1", "radius_m": "0"}, 400, "/query/radius_m"),
        ({"near": "1,1", "radius_m": "99999999"}, 400, "/query/radius_m"),
        ({"kind": "tour"}, 400, "/query/kind"),
        ({"from": "2020-01-01"}, 400, "/query/from"),
        ({"from": "9999-12-31"}, 200, None),
        ({"limit": "0"}, 400, "/query/limit"),
        ({"units": "pensioner:1"}, 422, "/query/units"),
        ({"units": "adult:500"}, 422, "/query/units"),
        ({"q": "!!"}, 200, None),
        ({"q": "nothing is called so"}, 200, None),
        ({"cursor": "x"}, 400, "/query/cursor"),
    ):
        answer = await api.get("/v1/discover", params=query, headers=world.app)
        assert answer.status_code == code, (query, answer.text)
        if pointer:
            assert [error["pointer"] for error in answer.json()["errors"]][:1] == [pointer], answer.text
    assert (await api.get("/v1/discover")).status_code == 401


@pytest.mark.parametrize("most", [1, 1_000])
async def test_a_party_that_nothing_allows_is_refused_also_where_not_all_were_looked_at(
    api: httpx.AsyncClient, world: World, most: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(discover, "MOST_PRODUCTS", most)
    monkeypatch.setattr(discover, "LEAST_LOOKED_AT", 1)
    answer = await api.get("/v1/discover", params={"units": "pensioner:1", "limit": "1"}, headers=world.app)
    assert (answer.status_code, answer.json()["code"]) == (422, "party_not_allowed"), answer.text


async def test_todays_date_is_right_wherever_it_still_is_today(world: World):
    """At noon of UTC on the first it is the first everywhere, a minute later the second begins in the east."""
    early = datetime(2027, 5, 1, 11, 59, tzinfo=UTC)
    await discover_at(world, DiscoverQuery(first=early.date() - timedelta(days=1)), early)
    with pytest.raises(Exception, match="in the past"):
        await discover_at(world, DiscoverQuery(first=early.date() - timedelta(days=1)), NOW)


async def test_words_that_were_not_folded_yet_are_found(world: World):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update product set words = null")
        await add_slot(db, world.org.org_id, world.tower, NOW + timedelta(hours=1))
    assert [item.product.id for item in await discover_at(world, DiscoverQuery(q="tower"))] == [world.tower.id]
