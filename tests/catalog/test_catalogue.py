"""Places and products over HTTP."""

from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from booking_api.catalog.schemas import Media, PriceRule
from booking_api.catalog.write_schemas import NewPlace
from booking_api.catalog.writing import save_places
from booking_api.core.ids import new_id
from booking_api.core.paging import write_cursor
from booking_api.core.runtime import Runtime
from tests.world import Headers, World, add_place, add_product, build_world


async def get(api: httpx.AsyncClient, path: str, headers: Headers, **query: object) -> dict[str, object]:
    answer = await api.get(path, params={name: str(value) for name, value in query.items()}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def codes(api: httpx.AsyncClient, path: str, headers: Headers, **query: object) -> list[str]:
    """The codes of all pages."""
    found: list[str] = []
    while True:
        page = await get(api, path, headers, **query)
        found += [item["code"] for item in page["items"]]
        if "next_cursor" not in page:
            return found
        query["cursor"] = page["next_cursor"]


# places -----------------------------------------------------------------------------------------------------------


async def test_places_by_code_and_name(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        for code, name in (
            ("LA", "Lansing"),
            ("ZLA", "Salt Lake"),
            ("SNA", "La Habra"),
            ("XYZ", "100%_\\ Airport"),
            ("MUC", "München"),
        ):
            await add_place(db, world.org.org_id, code, name, "America/New_York")
    assert await codes(api, "/v1/places", world.app) == ["JFK", "LA", "LAX", "MUC", "SNA", "TOWER", "XYZ", "ZLA"]
    for limit in (1, 2, 50):
        assert await codes(api, "/v1/places", world.app, limit=limit, q="la") == ["LA", "LAX", "SNA", "ZLA"]
        assert await codes(api, "/v1/places", world.app, limit=limit) == [
            "JFK",
            "LA",
            "LAX",
            "MUC",
            "SNA",
            "TOWER",
            "XYZ",
            "ZLA",
        ]
    assert await codes(api, "/v1/places", world.app, q="KENNEDY") == ["JFK"]
    assert await codes(api, "/v1/places", world.app, q="münch") == ["MUC"]
    for text in ("%", "_", "\\", "100%_\\"):
        assert await codes(api, "/v1/places", world.app, q=text) == ["XYZ"]
    assert await codes(api, "/v1/places", world.app, q="'; drop table place") == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Zurich", ["ZRH"]), ("zuerich", ["ZRH"]), ("ZÜRICH", ["ZRH"]), ("Zu\u0308ri", ["ZRH"]), ("flughafen zürich", ["ZRH"]), ("z", ["ZRH"]), ("kobenhavn", ["CPH"]),
        ("Koebenhavn", ["CPH"]), ("coeur", ["CDA"]), ("Cœur d'Alene", ["CDA"]), ("dalene", ["CDA"]), ("北", ["PEK"]), ("首都", ["PEK"]), ("Sao Paulo", ["GRU"]),
        ("łódź", ["LCJ"]), ("lodz", ["LCJ"]), ("ＺＲＨ", ["ZRH"]), ("zrh", ["ZRH"]), ("ürich", []), ("saint-etienne", ["EBU"]), ("saint etienne", ["EBU"]),
    ],
)  # fmt: skip
async def test_places_are_found_however_they_are_written(api: httpx.AsyncClient, world: World, asked, found):
    named = [
        ("ZRH", "Flughafen Zürich"), ("CPH", "København"), ("CDA", "Cœur d’Alene"), ("PEK", "北京首都"), ("GRU", "São Paulo"), ("LCJ", "Łódź"),
        ("EBU", "Saint‑Étienne"),
    ]  # fmt: skip
    new = [NewPlace(code=code, name=name, time_zone="Europe/Zurich") for code, name in named]
    async with world.runtime.pool.acquire() as db, db.transaction():
        await save_places(db, world.org.org_id, new, datetime.now(UTC))
    assert await codes(api, "/v1/places", world.app, q=asked) == found


async def test_a_place_that_is_called_otherwise_is_found_otherwise(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db, db.transaction():
        for name in ("Zürich", "Genève"):
            await save_places(db, world.org.org_id, [NewPlace(code="AB1", name=name, time_zone="Europe/Zurich")], datetime.now(UTC))  # fmt: skip
    assert await codes(api, "/v1/places", world.app, q="zurich") == []
    assert await codes(api, "/v1/places", world.app, q="geneve") == ["AB1"]


async def test_a_place_with_its_position(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update place set latitude = 40.64, longitude = -73.78, address = 'Queens' where code = 'JFK'")
        await db.execute("update place set latitude = 0, longitude = 0 where code = 'LAX'")
    jfk, lax = (await get(api, "/v1/places", world.app))["items"][:2]
    assert world.flight.origin is not None
    assert jfk == {
        "id": str(world.flight.origin.id), "code": "JFK", "name": "John F Kennedy Intl", "time_zone": "America/New_York",
        "position": {"latitude": 40.64, "longitude": -73.78}, "address": "Queens",
    }  # fmt: skip
    assert lax["position"] == {"latitude": 0.0, "longitude": 0.0}


# products ---------------------------------------------------------------------------------------------------------


async def test_a_product_in_german(api: httpx.AsyncClient, world: World):
    answer = await api.get(
        f"/v1/products/{world.tower.id}", headers={**world.app, "Accept-Language": "de-AT, en;q=0.5"}
    )
    product = answer.json()
    assert answer.headers["content-language"] == "de"
    assert {name: product[name] for name in ("kind", "title", "duration_minutes", "media", "on_sale", "requires_names")} == {
        "kind": "entry", "title": "Turmbesuch", "duration_minutes": 60, "media": [], "on_sale": True, "requires_names": False,
    }  # fmt: skip
    assert product["venue"]["code"] == "TOWER"
    assert product["venue"]["time_zone"] == "Europe/Berlin"
    (option,) = product["options"]
    assert option["admission"] == {
        "opens_before_minutes": 15, "closes_after_minutes": 0, "closes_relative_to": "end", "reentry": True,
    }  # fmt: skip
    assert option["conditions"] == {"refundable": True, "refund_until_minutes": 60, "changeable": True}
    assert option["units"][0] == {
        "id": str(world.unit(world.tower, "adult")), "code": "adult", "title": "Erwachsene", "min": 0, "max": 9,
        "occupies": 1, "takes_seat": False, "price": {"amount": 1990, "currency": "EUR"},
    }  # fmt: skip
    (question,) = product["questions"]
    assert (question["label"], question["type"], question["per"], question["required"]) == (
        "Sprache der Führung",
        "choice",
        "booking",
        False,
    )
    assert question["choices"] == [{"value": "en", "label": "English"}, {"value": "de", "label": "Deutsch"}]


async def test_dependants_ages_and_units_sold_under_an_option(api: httpx.AsyncClient, world: World):
    product = await get(api, f"/v1/products/{world.flight.id}", world.app)
    light = next(option for option in product["options"] if option["code"] == "light")
    infant = next(unit for unit in light["units"] if unit["code"] == "infant")
    assert infant["requires"] == {"unit": "adult", "per": 1}
    assert (infant["max_age"], infant["occupies"], infant["takes_seat"]) == (1, 0, False)
    assert infant["price"] == {"amount": 560, "currency": "USD"}
    adults_only = msgspec.structs.replace(
        world.flight, prices=[PriceRule(option="flex", unit="adult", amount=100)],
        media=[Media(url="https://example.org/a.jpg", type="image/jpeg", alt={"en": "A plane", "de": "Ein Flugzeug"})],
    )  # fmt: skip
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, adults_only, version=2)
    product = await get(api, f"/v1/products/{world.flight.id}", world.app)
    assert {o["code"]: [unit["code"] for unit in o["units"]] for o in product["options"]} == {
        "light": [],
        "flex": ["adult"],
    }
    assert product["media"] == [{"url": "https://example.org/a.jpg", "type": "image/jpeg", "alt": "A plane"}]


async def test_products_by_kind_text_and_route(api: httpx.AsyncClient, world: World):
    everything = ["OS101-JFK-LAX", "advice", "tower"]
    assert sorted(await codes(api, "/v1/products", world.app)) == sorted(everything)
    for limit in (1, 2):
        assert sorted(await codes(api, "/v1/products", world.app, limit=limit)) == sorted(everything)
    for query, expected in (
        ({"kind": "entry"}, ["tower"]),
        ({"kind": "departure"}, ["OS101-JFK-LAX"]),
        ({"q": "os 101"}, ["OS101-JFK-LAX"]),
        ({"q": "os101"}, ["OS101-JFK-LAX"]),
        ({"q": "BERATUNG"}, ["advice"]),
        ({"q": "visit"}, ["tower"]),
        ({"q": "%"}, []),
        ({"origin": "jfk"}, ["OS101-JFK-LAX"]),
        ({"origin": "JFK", "destination": "LAX"}, ["OS101-JFK-LAX"]),
        ({"origin": "LAX"}, []),
        ({"destination": "LAX", "kind": "entry"}, []),
    ):
        assert await codes(api, "/v1/products", world.app, **query) == expected, query


async def test_an_item_of_the_list_is_the_product(api: httpx.AsyncClient, world: World):
    (listed,) = (await get(api, "/v1/products", world.app, kind="entry"))["items"]
    assert listed == await get(api, f"/v1/products/{world.tower.id}", world.app)


async def test_a_product_off_sale_isnt_listed_but_there(api: httpx.AsyncClient, world: World):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update product set on_sale = false where id = $1", world.tower.id)
    assert "tower" not in await codes(api, "/v1/products", world.app)
    assert (await get(api, f"/v1/products/{world.tower.id}", world.app))["on_sale"] is False


async def test_etags_change_with_content_and_language(api: httpx.AsyncClient, world: World):
    for path in ("/v1/places?q=j", "/v1/products", f"/v1/products/{world.tower.id}"):
        first = await api.get(path, headers=world.app)
        again = await api.get(path, headers={**world.app, "If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    german = await api.get(
        f"/v1/products/{world.tower.id}",
        headers={**world.app, "Accept-Language": "de", "If-None-Match": first.headers["etag"]},
    )
    assert german.status_code == 200
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, msgspec.structs.replace(world.tower, duration_minutes=90), version=2)
    changed = await api.get(
        f"/v1/products/{world.tower.id}", headers={**world.app, "If-None-Match": first.headers["etag"]}
    )
    assert (changed.status_code, changed.json()["duration_minutes"]) == (200, 90)


# who and what not -------------------------------------------------------------------------------------------------


async def test_another_organisations_catalogue(api: httpx.AsyncClient, runtime: Runtime, world: World):
    other = await build_world(runtime, "Westwind")
    assert (await api.get(f"/v1/products/{world.tower.id}", headers=other.app)).status_code == 404
    ids = {item["id"] for item in (await get(api, "/v1/products", other.app))["items"]}
    assert ids == {str(definition.id) for definition in (other.flight, other.tower, other.consultant)}
    assert world.flight.origin is not None
    answer = await api.get("/v1/products", params={"origin": str(world.flight.origin.id)}, headers=other.app)
    assert answer.status_code == 422


async def test_who_may_read_the_catalogue(api: httpx.AsyncClient, world: World):
    for path in ("/v1/places", "/v1/products", f"/v1/products/{world.tower.id}"):
        assert (await api.get(path)).status_code == 401
        for headers in (world.app, world.key, world.agent, world.customer()):
            assert (await api.get(path, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "pointer"),
    [
        ("/v1/places?q=", 400, "/query/q"),
        (f"/v1/places?q={'x' * 101}", 400, "/query/q"),
        ("/v1/places?q=%00", 400, "/query/q"),
        ("/v1/places?q=%ff", 400, "/query/q"),
        ("/v1/places?limit=0", 400, "/query/limit"),
        ("/v1/places?limit=1e3", 400, "/query/limit"),
        ("/v1/places?cursor=x", 400, "/query/cursor"),
        (f"/v1/places?cursor={write_cursor('JFK')}", 400, "/query/cursor"),
        ("/v1/places?name=x", 400, "/query/name"),
        ("/v1/products?kind=cruise", 400, "/query/kind"),
        ("/v1/products?q=", 400, "/query/q"),
        ("/v1/products?limit=201", 400, "/query/limit"),
        ("/v1/products?origin=NOWHERE", 422, "/query/origin"),
        ("/v1/products?destination=00000000-0000-7000-8000-000000000000", 422, "/query/destination"),
        (f"/v1/products?cursor={write_cursor(1, 2)}", 400, "/query/cursor"),
    ],
)
async def test_bad_input(api: httpx.AsyncClient, world: World, path: str, status: int, pointer: str):
    answer = await api.get(path, headers=world.app)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_unknown_products(api: httpx.AsyncClient, world: World):
    for given in (new_id(), "nonsense", "0" * 500):
        answer = await api.get(f"/v1/products/{given}", headers=world.app)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_cursors_that_the_database_would_refuse(api: httpx.AsyncClient, world: World):
    for path in (
        f"/v1/places?cursor={write_cursor(2**40, 'A')}",
        f"/v1/places?cursor={write_cursor(1, chr(0))}",
        f"/v1/products?cursor={write_cursor(chr(0))}",
    ):
        assert (await api.get(path, headers=world.app)).status_code == 400
