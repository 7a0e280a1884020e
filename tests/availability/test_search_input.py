"""What a search may not ask for: each is refused with a pointer to the parameter."""

from uuid import UUID

import httpx

from booking_api.core.paging import write_cursor
from tests.world import World

BAD = [
    ({}, 400, "/query/product_id"),
    ({"origin": "XXX"}, 422, "/query/origin"),
    ({"destination": "XXX"}, 422, "/query/destination"),
    ({"product_id": "nonsense"}, 400, "/query/product_id"),
    ({"product_id": "00000000-0000-7000-8000-000000000000"}, 422, "/query/product_id"),
    ({"product_id": "{flight}", "origin": "JFK"}, 400, "/query/origin"),
    ({"product_id": "{flight}", "destination": "JFK"}, 400, "/query/destination"),
    ({"origin": "XXX", "destination": "LAX"}, 422, "/query/origin"),
    ({"origin": "JFK", "destination": "00000000-0000-7000-8000-000000000000"}, 422, "/query/destination"),
    ({"origin": "", "destination": "LAX"}, 400, "/query/origin"),
    ({"origin": "J" * 65, "destination": "LAX"}, 400, "/query/origin"),
    ({"origin": "J\0K", "destination": "LAX"}, 400, "/query/origin"),
    ({"product_id": "{flight}", "from": "tomorrow"}, 400, "/query/from"),
    ({"product_id": "{flight}", "from": "2027-02-30"}, 400, "/query/from"),
    ({"product_id": "{flight}", "from": "9999-12-31", "to": "9999-12-30"}, 400, "/query/to"),
    ({"product_id": "{flight}", "from": "0001-01-01", "to": "9999-12-31"}, 400, "/query/to"),
    ({"product_id": "{flight}", "from": "9999-01-01", "to": "9999-03-31"}, 400, "/query/to"),
    ({"product_id": "{flight}", "from": "2020-01-01"}, 400, "/query/from"),
    ({"product_id": "{flight}", "to": "2020-01-01"}, 400, "/query/to"),
    ({"product_id": "{flight}", "from": "2020-01-01", "to": "2020-01-02"}, 400, "/query/to"),
    ({"product_id": "{flight}", "units": ""}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:-1"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:1.5"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:1,"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:1,adult:1"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:99999999999999999999"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": ",".join(f"unit{n}:1" for n in range(30))}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:٣"}, 400, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:0"}, 422, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:10"}, 422, "/query/units"),
    ({"product_id": "{flight}", "units": "infant:1"}, 422, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:1,infant:2"}, 422, "/query/units"),
    ({"product_id": "{flight}", "units": "adult:1,child:5"}, 422, "/query/units"),
    ({"product_id": "{flight}", "units": "pony:1"}, 422, "/query/units"),
]
SEARCH_ONLY = [
    ({"product_id": "{flight}", "from": "9999-01-01", "to": "9999-02-01"}, 400, "/query/to"),
    ({"product_id": "{flight}", "sort": "length"}, 400, "/query/sort"),
    ({"product_id": "{flight}", "limit": "0"}, 400, "/query/limit"),
    ({"product_id": "{flight}", "limit": "201"}, 400, "/query/limit"),
    ({"product_id": "{flight}", "limit": "many"}, 400, "/query/limit"),
    ({"product_id": "{flight}", "cursor": "nonsense"}, 400, "/query/cursor"),
    ({"product_id": "{flight}", "cursor": "ä"}, 400, "/query/cursor"),
    ({"product_id": "{flight}", "cursor": write_cursor("2027-01-01", "2027-01-01T00:00:00", str(UUID(int=1)))}, 400, "/query/cursor"),
    ({"product_id": "{flight}", "cursor": write_cursor(1, "2027-01-01T00:00:00Z", str(UUID(int=1)))}, 400, "/query/cursor"),
    (
        {"product_id": "{flight}", "sort": "price", "cursor": write_cursor("2027-01-01", "2027-01-01T00:00:00Z", str(UUID(int=1)))},
        400, "/query/cursor",
    ),
    ({"product_id": "{flight}", "surprise": "1"}, 400, "/query/surprise"),
]  # fmt: skip


async def test_bad_input(api: httpx.AsyncClient, world: World):
    for path, cases in (("/v1/availability", [*BAD, *SEARCH_ONLY]), ("/v1/availability/calendar", BAD)):
        for query, status, pointer in cases:
            params = {name: value.replace("{flight}", str(world.flight.id)) for name, value in query.items()}
            answer = await api.get(path, params=params, headers=world.app)
            assert answer.status_code == status, (path, query, answer.text)
            assert pointer in [error["pointer"] for error in answer.json()["errors"]], (path, query, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_price_cursor_out_of_range_is_bad_input(api: httpx.AsyncClient, world: World):
    cursor = write_cursor(2**70, "2027-01-01T00:00:00Z", str(UUID(int=1)))
    answer = await api.get(
        "/v1/availability",
        params={"product_id": str(world.flight.id), "sort": "price", "cursor": cursor},
        headers=world.app,
    )
    assert answer.status_code == 400


async def test_a_parameter_given_twice(api: httpx.AsyncClient, world: World):
    answer = await api.get(
        f"/v1/availability?product_id={world.flight.id}&product_id={world.tower.id}", headers=world.app
    )
    assert answer.status_code == 400
