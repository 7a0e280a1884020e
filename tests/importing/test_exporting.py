"""What is exported is read back as it was."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec

from booking_api.importing import exporting
from tests.importing.support import rows
from tests.importing.test_catalogue import load, write_example
from tests.inventory.helpers import patch_slot
from tests.world import World, build_world

SLOTS = """
    select s.code, p.code as product, s.local_date, s.starts_at, s.ends_at, s.time_zone, s.end_time_zone, s.capacity,
           s.status, s.booking_closes_at, s.gate, s.resource, l.code as seat_layout,
           (select jsonb_object_agg(o.value ->> 'code', q.capacity) from quota q
            join product_version v on v.org_id = $1 and v.product_id = p.id and v.version = p.version
            join lateral jsonb_array_elements(v.definition -> 'options') o on o.value ->> 'id' = q.option_id::text
            where q.org_id = $1 and q.slot_id = s.id) as quotas
    from slot s join product p on p.org_id = $1 and p.id = s.product_id
    left join seat_layout l on l.org_id = $1 and l.id = s.seat_layout_id
    where s.org_id = $1 order by s.code
"""


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def save(api: httpx.AsyncClient, world: World, folder: Path) -> tuple[Any, list[Any]]:
    """An export by HTTP as the files that an import reads."""
    make(folder)
    for path, name in (("/v1/catalogue/export", "catalogue.json"), ("/v1/slots/bulk", "slots.ndjson")):
        answer = await api.get(path, headers=world.key)
        assert answer.status_code == 200
        (folder / name).write_bytes(answer.content)
    lines = (folder / "slots.ndjson").read_bytes().splitlines()
    return json.loads((folder / "catalogue.json").read_bytes()), [msgspec.json.decode(line) for line in lines]


async def slots_of(world: World) -> list[dict[str, Any]]:
    return [dict(row) for row in await rows(world, SLOTS)]


async def test_another_organisation_reads_it_back_the_same(
    api: httpx.AsyncClient, world: World, tmp_path: Path, monkeypatch: Any
):
    for name in ("PLACES", "LAYOUTS", "PRODUCTS", "SLOTS"):
        monkeypatch.setattr(exporting, name, 2)
    write_example(make(tmp_path / "given"))
    await load(world, tmp_path / "given")
    found = {
        row["code"]: row["id"] for row in await rows(world, "select code, id from slot where org_id = $1 order by id")
    }
    repair = next(code for code in found if code.startswith("repair@") and code.endswith("@Clara Unrest"))
    coach = next(code for code in found if code.startswith("night-coach@"))
    await patch_slot(api, world.manager, found[repair], booking_closes_at="2031-10-06T12:00:00Z")
    await patch_slot(api, world.manager, found["extra-minibus"], quotas={"saver": None, "flex": 3})
    await patch_slot(api, world.manager, found[coach], quotas={"saver": 7})
    await api.patch(f"/v1/slots/{world.flight_slots[0]}", json={"status": "cancelled"}, headers=world.manager)
    document, lines = await save(api, world, tmp_path / "first")
    assert [len(document[name]) for name in ("places", "seat_layouts", "products")] == [7, 3, 6]
    assert len(lines) == len(found)

    other = await build_world(world.runtime, "Westwind")
    await rows(other, "delete from quota where org_id = $1")
    await rows(other, "delete from slot where org_id = $1")
    summary = await load(other, tmp_path / "first")
    assert summary.problems == []
    assert await save(api, other, tmp_path / "second") == (document, lines)
    assert await slots_of(other) == await slots_of(world)
    for name in ("catalogue.json", "slots.ndjson"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    before = await slots_of(world)
    await load(world, tmp_path / "second")  # One product of this world has another currency than its organisation.
    again = await load(world, tmp_path / "second")
    assert (again.touched, again.problems) == (0, []), "it says what is there, and nothing else"
    assert await slots_of(world) == before


async def test_by_http_as_well(api: httpx.AsyncClient, world: World, tmp_path: Path):
    document, lines = await save(api, world, tmp_path / "first")
    other = await build_world(world.runtime, "Westwind")
    await rows(other, "delete from quota where org_id = $1")
    await rows(other, "delete from slot where org_id = $1")
    for kind, path in (("places", "places"), ("seat_layouts", "seat-layouts"), ("products", "products")):
        for one in document[kind]:
            answer = await api.put(f"/v1/{path}/{one['code']}", json=one, headers=other.key)
            assert answer.status_code in {200, 201}, answer.text
    content = b"\n".join(map(msgspec.json.encode, lines))
    answer = await api.post(
        "/v1/slots/bulk", content=content, headers={**other.key, "Content-Type": "application/x-ndjson"}
    )
    assert (answer.json()["created"], answer.json()["refused"]) == (len(lines), 0)
    assert await save(api, other, tmp_path / "second") == (document, lines)


async def test_it_goes_on_where_it_broke_off(api: httpx.AsyncClient, world: World):
    whole = (await api.get("/v1/slots/bulk", headers=world.manager)).text.splitlines()
    after = json.loads(whole[4])["code"]
    rest = await api.get("/v1/slots/bulk", params={"after": after}, headers=world.manager)
    assert rest.text.splitlines() == whole[5:]
    assert rest.headers["content-type"].startswith("application/x-ndjson")
    none = await api.get("/v1/slots/bulk", params={"after": "zzz"}, headers=world.manager)
    assert (none.status_code, none.content) == (200, b"")


async def test_an_empty_organisation(api: httpx.AsyncClient, world: World, tmp_path: Path):
    other = await build_world(world.runtime, "Westwind")
    for table in ("quota", "slot", "product_version", "product", "seat_layout", "place"):
        await rows(other, f"delete from {table} where org_id = $1")
    document, lines = await save(api, other, tmp_path / "first")
    assert document == {"currency": "EUR", "places": [], "seat_layouts": [], "products": []}
    assert lines == []
    assert (await load(other, tmp_path / "first")).problems == []


async def test_a_wrong_line_is_named(world: World, tmp_path: Path):
    good = {"product": "tower", "starts_at": "2031-05-01T10:00", "capacity": 3}
    lines = [json.dumps(good), "", "{", json.dumps({**good, "capacity": "3"}), json.dumps({**good, "product": "no"})]
    (tmp_path / "slots.ndjson").write_text("\n".join(lines))
    summary = await load(world, tmp_path)
    assert summary.slots.created == 1
    assert sorted((problem.file, problem.line) for problem in summary.problems) == [
        ("slots.ndjson", line) for line in (3, 4, 5)
    ]


async def test_ends_of_sales_are_times_of_their_own(world: World, tmp_path: Path):
    line = {"product": "tower", "code": "x", "starts_at": "2031-05-01T10:00", "capacity": 3}
    (tmp_path / "slots.ndjson").write_text(json.dumps({**line, "booking_closes_at": "2031-04-30T18:00"}))
    await load(world, tmp_path)
    (row,) = await rows(world, "select booking_closes_at from slot where org_id = $1 and code = 'x'")
    assert row["booking_closes_at"].isoformat() == "2031-04-30T16:00:00+00:00"
