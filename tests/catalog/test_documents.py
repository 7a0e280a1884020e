"""Places, products and seat layouts written by HTTP as whole documents."""

import asyncio
import copy
from typing import Any

import httpx
import pytest

from booking_api.catalog.jobs import follow_place
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.ids import new_id
from tests.importing.support import rows
from tests.importing.test_catalogue import EXAMPLE
from tests.world import Headers, World, build_world

MUSEUM: dict[str, Any] = {
    name: value for name, value in EXAMPLE["products"][1].items() if name not in {"code", "schedules"}
}
COACH: dict[str, Any] = {
    name: value for name, value in EXAMPLE["products"][0].items() if name not in {"schedules", "seat_layout"}
}
PLACE = {"name": "Museum of Clocks", "time_zone": "Europe/Berlin", "latitude": 52.5, "longitude": 13.4}


async def put(
    api: httpx.AsyncClient, headers: Headers, path: str, body: Any, status: int = 200, **more: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    answer = await api.put(path, json=body, headers={**headers, **named})
    assert answer.status_code == status, answer.text
    return answer


async def get(api: httpx.AsyncClient, headers: Headers, path: str, **query: str) -> Any:
    answer = await api.get(path, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def events(world: World, type_: str) -> list[Any]:
    return await rows(world, "select * from event where org_id = $1 and type = $2 order by id", type_)


@pytest.fixture
async def museum(api: httpx.AsyncClient, world: World) -> dict[str, Any]:
    """A museum written by HTTP."""
    await put(api, world.manager, "/v1/places/MUSEUM", PLACE, 201)
    return (await put(api, world.manager, "/v1/products/clocks", MUSEUM, 201)).json()


async def test_a_product_is_written_read_and_sent_back(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    shown = (await get(api, world.app, "/v1/products/clocks"))["id"]
    assert shown == museum["id"]
    assert museum["version"] == museum["revision"] == 1
    for path in (museum["id"], "clocks"):
        read = await api.get(f"/v1/catalogue/products/{path}", headers=world.key)
        assert read.json() == museum
        again = await put(api, world.key, f"/v1/products/{path}", museum["description"], If_Match='"99"')
        assert again.json() == museum, "what is the same changes nothing, whatever was presupposed"
        assert again.headers["etag"] == read.headers["etag"] == '"1"'
    await put(api, world.manager, "/v1/products/clocks", MUSEUM)
    assert len(await events(world, "product.changed")) == 1


async def test_what_the_import_takes_is_taken_whole(api: httpx.AsyncClient, world: World):
    for place in EXAMPLE["places"]:
        await put(api, world.manager, f"/v1/places/{place['code']}", place, 201)
    written = (await put(api, world.manager, "/v1/products/night-coach", COACH, 201)).json()
    assert written["description"] == {**COACH, "on_sale": True} | {
        "charges": written["description"]["charges"], "options": written["description"]["options"],
        "units": written["description"]["units"], "questions": written["description"]["questions"],
    }  # fmt: skip
    for things in ("options", "units", "questions", "charges"):
        for given, stored in zip(COACH[things], written["description"][things], strict=True):
            assert "id" not in stored
            assert {**stored, **given} == stored, things


async def test_an_edit_goes_by_the_revision_that_was_read(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    dearer = {**MUSEUM, "prices": [{"option": "ticket", "unit": "adult", "amount": 1300}]}
    await put(api, world.manager, "/v1/products/clocks", dearer, 412, If_Match='"7"')
    assert (await get(api, world.manager, "/v1/catalogue/products/clocks")) == museum
    changed = await put(api, world.manager, "/v1/products/clocks", dearer, If_Match='"1"')
    assert (changed.json()["version"], changed.headers["etag"]) == (2, '"2"')
    closed = (await put(api, world.manager, "/v1/products/clocks", {**dearer, "on_sale": False})).json()
    assert (closed["version"], closed["revision"], closed["on_sale"]) == (2, 3, False)
    await put(api, world.manager, "/v1/products/clocks", {**MUSEUM, "on_sale": True}, 412, If_Match='"2"')
    kept = (await put(api, world.manager, "/v1/products/clocks", dearer)).json()
    assert kept == closed, "where nothing is said of it, it stays off sale"


async def test_only_if_it_is_new(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    for path, body in (("products/clocks", MUSEUM), ("places/MUSEUM", PLACE)):
        await put(api, world.manager, f"/v1/{path}", body, 412, If_None_Match="*")
    await put(api, world.manager, "/v1/places/NEW", PLACE, 412, If_Match="*")
    await put(api, world.manager, "/v1/places/NEW", PLACE, 201, If_None_Match="*")
    answer = await put(api, world.manager, "/v1/places/NEW", PLACE, 400, If_None_Match='"1"')
    assert pointers(answer) == ["/headers/If-None-Match"]


async def test_a_lost_answer_is_given_again(api: httpx.AsyncClient, world: World):
    key = {"Idempotency_Key": str(new_id()), "If_None_Match": "*"}
    first = await put(api, world.manager, "/v1/places/ONCE", PLACE, 201, **key)
    again = await put(api, world.manager, "/v1/places/ONCE", PLACE, 201, **key)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    await put(api, world.manager, "/v1/places/ONCE", {**PLACE, "name": "Other"}, 422, **key)


async def test_of_several_at_once_one_makes_it(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    def priced(amount: int) -> Any:
        return {**MUSEUM, "prices": [{"option": "ticket", "unit": "adult", "amount": amount}]}

    answers = await asyncio.gather(*[
        api.put("/v1/products/clocks", json=priced(amount), headers={**world.manager, "If-Match": '"1"'})
        for amount in range(2_000, 2_008)
    ])  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    new = await asyncio.gather(*[
        api.put("/v1/products/fresh", json=priced(3_000), headers={**world.manager, "If-None-Match": "*"})
        for _ in range(6)
    ])  # fmt: skip
    assert sorted(answer.status_code for answer in new) == [201, *[412] * 5]


def changed(**more: Any) -> Any:
    return {**copy.deepcopy(MUSEUM), **more}


UNIT = MUSEUM["units"][0]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (changed(venue="NOWHERE"), 422, "/venue"),
        (changed(origin="MUSEUM"), 422, "/origin"),
        (changed(kind="appointment"), 422, "/kind"),
        (changed(code="other"), 422, "/code"),
        (changed(titel={"en": "x"}), 400, "/titel"),
        (changed(units=[UNIT, UNIT]), 422, "/units/1/code"),
        (changed(units=[{**UNIT, "min": 3, "max": 2}]), 422, "/units/0/min"),
        (changed(prices=[{"option": "ticket", "unit": "dog", "amount": 1}]), 422, "/prices/0/unit"),
        (changed(prices=[]), 400, "/prices"),
        (changed(title={}), 400, "/title"),
        (changed(title={"xx": "?"}), 422, "/title/xx"),
        (changed(media=[{"url": "http://example.org/x.jpg", "type": "image/jpeg"}]), 400, "/media/0/url"),
        ([], 400, ""),
    ],
)
async def test_what_is_wrong_is_pointed_at(
    api: httpx.AsyncClient, world: World, museum: dict[str, Any], body: Any, status: int, pointer: str
):
    answer = await put(api, world.manager, "/v1/products/clocks", body, status)
    assert pointer in pointers(answer), answer.text
    assert (await get(api, world.manager, "/v1/catalogue/products/clocks")) == museum


async def test_refusals_are_said_in_german(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    answer = await put(
        api, world.manager, "/v1/products/clocks", changed(kind="appointment"), 422, Accept_Language="de"
    )
    assert answer.json()["errors"][0]["detail"] == (
        "Das Angebot 'clocks' gibt es schon als entry; seine Art kann sich nicht ändern."
    )


@pytest.mark.parametrize("kind", ["places", "products", "seat-layouts"])
async def test_a_code_is_no_id(api: httpx.AsyncClient, world: World, kind: str):
    body = {"places": PLACE, "products": MUSEUM, "seat-layouts": {"seats": 4}}[kind]
    for text in (str(new_id()), new_id().hex):
        await put(api, world.manager, f"/v1/{kind}/{text}", body, 404)


async def test_a_code_with_a_slash_is_named_by_its_id(api: httpx.AsyncClient, world: World):
    await rows(
        world,
        "insert into place (org_id, id, code, name, time_zone, updated_at) values ($1, $2, 'A/B', 'A', 'UTC', now())",
        new_id(),
    )
    page = await get(api, world.manager, "/v1/catalogue/places", limit="1")
    assert page["items"][0]["code"] == "A/B"
    written = await put(api, world.manager, f"/v1/places/{page['items'][0]['id']}", {**PLACE, "name": "B"})
    assert (written.json()["code"], written.json()["description"]["name"]) == ("A/B", "B")


async def test_a_place_is_written_whole_and_products_follow(
    api: httpx.AsyncClient, world: World, museum: dict[str, Any]
):
    await put(api, world.manager, "/v1/places/MUSEUM", {"name": "Clock House", "time_zone": "Europe/Berlin"})
    place = await get(api, world.app, "/v1/places/MUSEUM")
    assert place == {"id": place["id"], "code": "MUSEUM", "name": "Clock House", "time_zone": "Europe/Berlin"}
    (event,) = await events(world, "place.changed")
    stored = StoredEvent(id=event["id"], org_id=world.org.org_id, type="place.changed", subject_id=event["subject_id"],
                         data={}, created_at=event["created_at"])  # fmt: skip
    for _ in range(2):  # Delivered twice, it does the same.
        await follow_place(world.runtime, stored)
    product = await get(api, world.manager, "/v1/catalogue/products/clocks")
    assert (product["version"], product["revision"]) == (2, 2)
    assert (await get(api, world.app, "/v1/products/clocks"))["venue"]["name"] == "Clock House"
    assert (await get(api, world.app, "/v1/products/tower"))["venue"]["name"] == "Television Tower"


async def test_other_seats_are_another_layout(api: httpx.AsyncClient, world: World):
    first = (await put(api, world.manager, "/v1/seat-layouts/coach", {"seats": 48}, 201)).json()
    assert (await put(api, world.manager, "/v1/seat-layouts/coach", {"seats": 48})).json() == first
    await put(api, world.manager, "/v1/seat-layouts/coach", {"seats": 50}, 412, If_Match='"9"')
    second = (await put(api, world.manager, f"/v1/seat-layouts/{first['id']}", {"seats": 50}, 201)).json()
    assert (second["version"], second["seats"], second["code"]) == (2, 50, "coach")
    assert second["id"] != first["id"]
    newest = await api.get("/v1/seat-layouts/coach", headers=world.app)
    assert newest.json()["id"] == second["id"]
    assert "immutable" not in newest.headers["cache-control"]
    old = await api.get(f"/v1/seat-layouts/{first['id']}", headers=world.app)
    assert sum(len(row["seats"]) for row in old.json()["decks"][0]["rows"]) == 48
    assert "immutable" in old.headers["cache-control"]
    listed = await get(api, world.manager, "/v1/catalogue/seat-layouts")
    assert [(one["code"], one["version"]) for one in listed["items"]] == [("coach", 2), ("tiny", 1)]
    back = (await put(api, world.manager, "/v1/seat-layouts/coach", first["description"], 201)).json()
    assert back["version"] == 3, "the code points to what was written last"
    for wrong in ({}, {"seats": 3, "decks": first["description"]["decks"]}):
        assert pointers(await put(api, world.manager, "/v1/seat-layouts/coach", wrong, 422)) == ["/seats"]


async def test_lists_hold_what_is_not_on_sale(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    await put(api, world.manager, "/v1/products/draft", {**MUSEUM, "on_sale": False}, 201)
    found: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = await get(api, world.manager, "/v1/catalogue/products", **query)
        found += [item["code"] for item in page["items"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert found == ["OS101-JFK-LAX", "advice", "clocks", "draft", "tower"]
    assert "draft" not in [item["code"] for item in (await get(api, world.app, "/v1/products"))["items"]]
    assert [event["data"]["on_sale"] for event in await events(world, "product.changed")] == [True]


async def test_another_organisation_writes_its_own(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    other = await build_world(world.runtime, "Westwind")
    await put(api, other.manager, "/v1/places/MUSEUM", {**PLACE, "name": "Theirs"}, 201)
    theirs = (await put(api, other.manager, "/v1/products/clocks", MUSEUM, 201)).json()
    assert theirs["id"] != museum["id"]
    await put(api, other.manager, f"/v1/products/{museum['id']}", MUSEUM, 404)
    assert (await get(api, world.manager, "/v1/catalogue/places/MUSEUM"))["description"]["name"] == PLACE["name"]


async def test_a_product_with_thousands_of_prices(api: httpx.AsyncClient, world: World, museum: dict[str, Any]):
    days = [f"2{year:03}-{month:02}-01" for year in range(27, 227) for month in range(1, 13)]
    prices = [{"option": "ticket", "unit": "adult", "amount": 1200}]
    prices += [
        {"option": "ticket", "unit": "adult", "amount": 1300 + at, "valid_from": day} for at, day in enumerate(days * 2)
    ]
    written = await put(api, world.manager, "/v1/products/clocks", changed(prices=prices))
    assert len(written.json()["description"]["prices"]) == 4_801
    await put(api, world.manager, "/v1/products/clocks", changed(prices=prices * 2), 400)
    big = {**PLACE, "address": "x" * 300_000}
    await put(api, world.manager, "/v1/places/BIG", big, 413)
