"""Importing the documented format."""

import copy
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from booking_api.importing.operations import import_catalogue
from booking_api.importing.schemas import Summary
from tests.importing.support import NOW, rows, slots_by_code, take
from tests.world import World

DOCS = Path(__file__).parents[2] / "docs" / "catalogue-format.md"
BERLIN, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
BLOCKS = re.findall(r"```(json|csv)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
EXAMPLE: dict[str, Any] = json.loads(next(text for kind, text in BLOCKS if kind == "json"))
SLOTS_CSV, PLACES_CSV = (text for kind, text in BLOCKS if kind == "csv")


def write_example(folder: Path) -> None:
    (folder / "catalogue.json").write_text(json.dumps(EXAMPLE))
    (folder / "slots.csv").write_text(SLOTS_CSV)
    (folder / "places.csv").write_text(PLACES_CSV)


async def load(world: World, path: Path) -> Summary:
    return await import_catalogue(world.runtime.pool, world.org, path, now=NOW)


def small(**product: Any) -> dict[str, Any]:
    """A catalogue with one product, the museum, in which something may differ."""
    museum = {**copy.deepcopy(EXAMPLE["products"][1]), "schedules": [], **product}
    return {"places": EXAMPLE["places"], "seat_layouts": EXAMPLE["seat_layouts"], "products": [museum]}


async def load_json(world: World, tmp_path: Path, catalogue: Any) -> Summary:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(catalogue, indent=1))
    return await load(world, path)


def schedule(**fields: Any) -> dict[str, Any]:
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    return {"days": every_day, "capacity": 5, "valid_from": "2026-10-25", "valid_until": "2026-10-25", **fields}


async def test_the_documented_example_goes_in_whole(world: World, tmp_path: Path) -> None:
    write_example(tmp_path)
    summary = await load(world, tmp_path)
    assert summary.problems == []
    assert (summary.places.created, summary.layouts.created, summary.products.created) == (4, 2, 3)
    coach, clocks, repair = [await slots_by_code(world, f"{code}%") for code in ("night-coach@", "clocks", "repair@")]
    assert len(coach) == 9 + 1
    assert len(clocks) == 27 * 15
    assert {row["resource"] for row in repair.values()} == {"Clara Unrest", "Paul Spring"}
    closed = clocks["clocks@2037-10-03T08:00Z"]
    assert (closed["status"], closed["capacity"]) == ("closed", 0)
    extra = (await slots_by_code(world, "extra-minibus"))["extra-minibus"]
    assert extra["starts_at"].astimezone(BERLIN).isoformat() == "2037-11-08T20:30:00+01:00"
    assert extra["ends_at"].astimezone(LONDON).isoformat() == "2037-11-09T13:30:00+00:00"
    assert extra["booking_closes_at"] == extra["starts_at"] - timedelta(minutes=15)
    quotas = await rows(world, "select capacity from quota where org_id = $1 and slot_id = $2", extra["id"])
    assert [row["capacity"] for row in quotas] == [0]
    scheduled = coach["night-coach@2037-10-02T18:30Z"]
    assert scheduled["gate"] == "7"
    assert scheduled["ends_at"] - scheduled["starts_at"] == timedelta(hours=18)
    quotas = await rows(world, "select capacity from quota where org_id = $1 and slot_id = $2", scheduled["id"])
    assert [row["capacity"] for row in quotas] == [10]


async def test_repeating_it_doubles_nothing(world: World, tmp_path: Path) -> None:
    write_example(tmp_path)
    first = await load(world, tmp_path)
    before = await slots_by_code(world)
    second = await load(world, tmp_path)
    assert (second.touched, second.problems) == (0, [])
    assert second.slots.unchanged == first.slots.created
    assert await slots_by_code(world) == before
    versions = await rows(world, "select max(version) as version, count(*) from product_version where org_id = $1")
    assert (versions[0]["version"], versions[0]["count"]) == (1, 3 + 3)


async def test_a_new_price_makes_a_new_version_with_the_old_ids(world: World, tmp_path: Path) -> None:
    await load_json(world, tmp_path, small())
    prices = [{"option": "ticket", "unit": "adult", "amount": 1300}]
    units = [*small()["products"][0]["units"], {"code": "dog", "title": {"en": "Dog"}, "takes_seat": False}]
    summary = await load_json(world, tmp_path, small(prices=prices, units=units))
    assert (summary.products.changed, summary.products.created, summary.places.changed) == (1, 0, 0)
    sql = """
        select v.version, v.definition, p.version as on_sale from product_version v
        join product p on p.org_id = $1 and p.id = v.product_id
        where v.org_id = $1 and p.code = 'clocks' order by v.version
        """
    old, new = await rows(world, sql)
    assert (old["version"], new["version"], new["on_sale"]) == (1, 2, 2)
    assert [price["amount"] for price in (*old["definition"]["prices"], *new["definition"]["prices"])] == [1200, 1300]
    for key in ("id", "options", "questions"):
        assert old["definition"][key] == new["definition"][key]
    assert new["definition"]["units"][0] == old["definition"]["units"][0]
    assert new["definition"]["units"][1]["code"] == "dog"
    assert (await load_json(world, tmp_path, small(prices=prices, units=units))).products.unchanged == 1


async def test_a_question_that_becomes_sensitive_makes_a_version_and_one_that_never_was_makes_none(
    world: World, tmp_path: Path
) -> None:
    text = {"code": "health", "type": "text", "label": {"en": "Health"}}
    asked = [{"code": "shoes", "type": "number", "per": "item", "label": {"de": "Schuhe", "en": "Shoes"}}, text]
    await load_json(world, tmp_path, small(questions=asked))
    # As a version before this could be said had it stored.
    await rows(
        world,
        """
        with stripped as (
          select v.product_id, v.version, jsonb_agg(q.value - 'sensitive' order by q.ordinality) as questions
          from product_version v, jsonb_array_elements(v.definition -> 'questions') with ordinality q
          where v.org_id = $1 group by v.product_id, v.version
        )
        update product_version v set definition = jsonb_set(v.definition, '{questions}', s.questions)
        from stripped s where v.org_id = $1 and v.product_id = s.product_id and v.version = s.version
        """,
    )
    open_one = [asked[0], {**text, "sensitive": False}]
    for same in (asked, open_one):
        assert (await load_json(world, tmp_path, small(questions=same))).products.unchanged == 1
    marked = [asked[0], {**text, "sensitive": True}]
    assert (await load_json(world, tmp_path, small(questions=marked))).products.changed == 1
    assert (await load_json(world, tmp_path, small(questions=marked))).products.unchanged == 1
    sql = """
        select v.version, v.definition from product_version v join product p on p.org_id = $1 and p.id = v.product_id
        where v.org_id = $1 and p.code = 'clocks' order by v.version
        """
    old, new = await rows(world, sql)
    assert [one["sensitive"] for one in new["definition"]["questions"]] == [False, True]
    assert [one["id"] for one in new["definition"]["questions"]] == [
        one["id"] for one in old["definition"]["questions"]
    ]


async def test_a_product_is_taken_off_sale_and_stays_so(world: World, tmp_path: Path) -> None:
    await load_json(world, tmp_path, small(on_sale=False))
    sql = "select on_sale, version from product where org_id = $1 and code = 'clocks'"
    assert [tuple(row) for row in await rows(world, sql)] == [(False, 1)]
    assert (await load_json(world, tmp_path, small())).products.unchanged == 1
    assert (await load_json(world, tmp_path, small(on_sale=True))).products.changed == 1
    assert [tuple(row) for row in await rows(world, sql)] == [(True, 1)]


async def test_windows_on_the_night_with_25_hours(world: World, tmp_path: Path) -> None:
    night = schedule(**{"from": "00:00", "to": "06:00", "every_minutes": 30, "duration_minutes": 30})
    overlapping = schedule(**{"from": "02:00", "to": "04:00", "every_minutes": 60, "duration_minutes": 60})
    assert (await load_json(world, tmp_path, small(schedules=[night, overlapping]))).problems == []
    slots = sorted((await slots_by_code(world, "clocks@%")).values(), key=lambda row: row["starts_at"])
    assert len(slots) == 14
    assert {b["starts_at"] - a["starts_at"] for a, b in itertools.pairwise(slots)} == {timedelta(minutes=30)}
    assert {row["ends_at"] - row["starts_at"] for row in slots} == {timedelta(minutes=30)}


async def test_windows_on_the_night_with_23_hours(world: World, tmp_path: Path) -> None:
    night = schedule(
        **{"from": "00:00", "to": "06:00", "every_minutes": 30}, valid_from="2026-03-29", valid_until="2026-03-29"
    )
    times = schedule(times=["02:30", "03:30", "23:00"], valid_from="2026-03-29", valid_until="2026-03-29")
    await load_json(
        world, tmp_path, small(schedules=[{**night, "duration_minutes": 30}, {**times, "resource": "Tour"}])
    )
    slots = await slots_by_code(world, "clocks@%")
    assert sum(row["resource"] is None for row in slots.values()) == 10
    tours = sorted(row["starts_at"].astimezone(BERLIN).isoformat() for row in slots.values() if row["resource"])
    assert tours == ["2026-03-29T03:30:00+02:00", "2026-03-29T23:00:00+02:00"]


@pytest.mark.parametrize(
    ("starts_at", "moment"),
    [
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25T02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-10-25 03:00", datetime(2026, 10, 25, 2, tzinfo=UTC)),
        ("2026-07-01T00:30Z", datetime(2026, 7, 1, 0, 30, tzinfo=UTC)),
    ],
)
async def test_local_starts_of_explicit_slots(world: World, tmp_path: Path, starts_at: str, moment: datetime) -> None:
    catalogue = small() | {"slots": [{"product": "clocks", "starts_at": starts_at, "capacity": 3}]}
    assert (await load_json(world, tmp_path, catalogue)).problems == []
    [slot] = (await slots_by_code(world, "clocks@%")).values()
    assert slot["starts_at"] == moment
    assert slot["local_date"] == moment.astimezone(BERLIN).date()


BAD_SLOTS = [
    ({"starts_at": "2026-03-29T02:30"}, "does not exist in Europe/Berlin"),
    ({"starts_at": "tomorrow"}, "is not a local date and time"),
    ({"starts_at": "1026-01-01T10:00"}, "between 2000 and 2100"),
    ({"starts_at": "2026-01-01T10:00:30"}, "is not a whole minute"),
    ({"ends_at": "2026-01-01T09:00"}, "ends before it starts"),
    ({"capacity": -1}, "Expected `int` >= 0 - at `$.capacity`"),
    ({"capacity": 10**30}, "$.capacity"),
    ({"capacity": "5"}, "Expected `int`, got `str` - at `$.capacity`"),
    ({"quotas": {"vip": 1}}, "quota for the option 'vip'"),
    ({"seat_layout": "none"}, "there is no seat layout 'none'"),
    ({"seat_layout": "minibus"}, "the seat layout 'minibus' has 4 seats"),
    ({"product": "nothing"}, "there is no product 'nothing'"),
    ({"statuss": "open"}, "unknown field `statuss`"),
    ({"status": "lost"}, "Invalid enum value 'lost' - at `$.status`"),
    ({"gate": "A\0B"}, "NUL"),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_SLOTS, ids=[reason for _, reason in BAD_SLOTS])
async def test_a_bad_slot_is_named_by_its_line(
    world: World, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    good = {"product": "clocks", "starts_at": "2026-01-01T10:00", "capacity": 5}
    bad = good | {"starts_at": "2026-01-01T12:00"} | fields
    catalogue = small() | {"slots": [good, bad, good | {"starts_at": "2026-01-02T10:00"}]}
    summary = await load_json(world, tmp_path, catalogue)
    text = (tmp_path / "one.json").read_text()
    begins = [m.start() for m in re.finditer(r"\{\s+\"product\":", text)]
    assert [(p.file, p.line) for p in summary.problems] == [("one.json", text.count("\n", 0, begins[1]) + 1)]
    assert reason in summary.problems[0].detail
    assert summary.slots.created == 2


BAD_PRODUCTS = [
    ({"venue": None}, "needs venue"),
    ({"venue": "NOWHERE"}, "there is no place 'NOWHERE'"),
    ({"origin": "MUSEUM"}, "has no origin"),
    ({"kind": "flight"}, "Invalid enum value 'flight' - at `$.kind`"),
    ({"prices": [{"option": "vip", "unit": "adult", "amount": 1}]}, "prices[0] is for the option 'vip'"),
    ({"prices": [{"option": "ticket", "unit": "adult", "amount": -1}]}, "`$.prices[0].amount`"),
    ({"prices": [{"option": "ticket", "unit": "adult", "amount": 1, "valid_from": "2026-02-30"}]}, "valid_from"),
    ({"title": {}}, "`$.title`"),
    ({"title": {"english!": "x"}}, "$.title"),
    ({"units": []}, "`$.units`"),
    ({"seat_layout": "none"}, "there is no seat layout 'none'"),
    ({"schedules": [schedule()]}, "either times, or from, to and every_minutes"),
    ({"schedules": [schedule(times=["25:00"])]}, "$.schedules[0].times"),
    ({"schedules": [schedule(times=["10:00"], valid_until="2026-10-24")]}, "ends before it begins"),
    ({"schedules": [schedule(times=["10:00"], valid_until="2036-10-24")]}, "covers more than"),
    ({"charges": [{"code": "vat", "type": "tax", "label": {"en": "VAT"}}]}, "needs rate_basis_points"),
    ({"questions": [{"code": "q", "type": "choice", "label": {"en": "?"}}]}, "needs choices"),
    (
        {"questions": [{"code": "q", "type": "text", "label": {"en": "?"}, "sensitive": "yes"}]},
        "$.questions[0].sensitive",
    ),
    (
        {"questions": [{"code": "q", "type": "text", "label": {"en": "?"}, "sensitive": None}]},
        "$.questions[0].sensitive",
    ),
    ({"media": [{"url": "javascript:alert(1)", "type": "image/png"}]}, "$.media[0].url"),
]


@pytest.mark.parametrize(("fields", "reason"), BAD_PRODUCTS, ids=[reason for _, reason in BAD_PRODUCTS])
async def test_a_bad_product_is_reported_and_its_slots_too(
    world: World, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    catalogue = small(**fields)
    catalogue["products"].append(EXAMPLE["products"][2])
    catalogue["slots"] = [
        {"product": "clocks", "starts_at": "2026-01-01T12:00", "capacity": 5}, EXAMPLE["slots"][0],
    ]  # fmt: skip
    summary = await load_json(world, tmp_path, catalogue)
    assert reason in summary.problems[0].detail
    assert "there is no product 'clocks'" in summary.problems[-1].detail
    assert (summary.products.created, summary.slots.created) == (1, 1)


async def test_dependants_and_codes_are_checked(world: World, tmp_path: Path) -> None:
    adult = {"code": "adult", "title": {"en": "Adult"}, "min_age": 9, "max_age": 8, "min": 5, "max": 4}
    units = [adult, adult, {"code": "child", "title": {"en": "Child"}, "requires": {"unit": "nanny", "per": 1}}]
    details = " ".join(p.detail for p in (await load_json(world, tmp_path, small(units=units))).problems)
    assert all(
        reason in details
        for reason in (
            "unit 'adult' is there twice",
            "requires the unit 'nanny'",
            "min_age above its max_age",
            "min above its max",
        )
    )


async def test_csv_lines_are_named_by_number(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(small()))
    lines = [
        "product,starts_at,capacity,quotas", "clocks,2026-01-01T10:00,5,", "clocks,2026-01-01T11:00,many,",
        "clocks,2026-01-01T12:00,5,ticket=3", "clocks,2026-01-01T13:00,5,ticket", "clocks,2026-01-01T10:00,6,",
        "clocks,2026-01-01T14:00", "clocks,2026-03-29T02:15,5,",
    ]  # fmt: skip
    (tmp_path / "slots.csv").write_text("\n".join(lines))
    (tmp_path / "places.csv").write_text(
        "code,name,time_zone\nX,Ex,Europe/Nowhere\nY,Why,Europe/Paris\nMUSEUM,Again,Europe/Paris\n"
    )
    summary = await load(world, tmp_path)
    assert sorted((p.file, p.line) for p in summary.problems) == [
        ("places.csv", 2), ("places.csv", 4), ("slots.csv", 3), ("slots.csv", 5), ("slots.csv", 6), ("slots.csv", 7),
        ("slots.csv", 8),
    ]  # fmt: skip
    assert summary.slots.created == 2
    found = await rows(
        world,
        "select q.capacity from quota q join slot s on s.id = q.slot_id where q.org_id = $1 and s.code like 'clocks@%'",
    )
    assert [row["capacity"] for row in found] == [3]


async def test_slots_alone_may_follow_later(world: World, tmp_path: Path) -> None:
    await load_json(world, tmp_path, small())
    (tmp_path / "one.json").unlink()
    (tmp_path / "slots.csv").write_text("product,starts_at,capacity,code\nclocks,2026-01-01T10:00,5,mine\n")
    assert (await load(world, tmp_path)).slots.created == 1
    (tmp_path / "slots.csv").write_text(
        "product,starts_at,capacity,code\nclocks,2026-01-01T10:30,6,mine\nadvice,2026-01-01T10:30,6,mine\n"
    )
    summary = await load(world, tmp_path)
    assert (summary.slots.changed, [p.line for p in summary.problems]) == (1, [3])
    slot = (await slots_by_code(world, "mine"))["mine"]
    assert (slot["capacity"], slot["starts_at"].astimezone(BERLIN).minute) == (6, 30)


async def test_a_code_of_another_product_is_refused(world: World, tmp_path: Path) -> None:
    slot = {"product": "clocks", "starts_at": "2026-01-01T10:00", "capacity": 5, "code": "mine"}
    await load_json(world, tmp_path, small() | {"slots": [slot]})
    summary = await load_json(world, tmp_path, {"slots": [slot | {"product": "advice"}]})
    assert "another product" in summary.problems[0].detail
    assert (await load_json(world, tmp_path, {"slots": [slot]})).slots.unchanged == 1


async def test_quotas_come_and_go_with_what_is_held(world: World, tmp_path: Path) -> None:
    slot = {"product": "clocks", "starts_at": "2026-01-01T10:00", "capacity": 20}
    await load_json(world, tmp_path, small() | {"slots": [slot]})
    [before] = (await slots_by_code(world, "clocks@%")).values()
    version = await rows(
        world, "select definition from product_version where org_id = $1 and product_id = $2", before["product_id"]
    )
    await take(world, before["id"], version[0]["definition"]["options"][0]["id"], 4)
    sql = "select capacity, taken from quota where org_id = $1 and slot_id = $2"

    async def quota(**fields: Any) -> tuple[Summary, list[tuple[int, int]]]:
        summary = await load_json(world, tmp_path, small() | {"slots": [slot | fields]})
        return summary, [tuple(row) for row in await rows(world, sql, before["id"])]

    summary, found = await quota(quotas={"ticket": 3})
    assert "quota" in summary.problems[0].detail
    assert found == []
    assert await quota(quotas={"ticket": 6}) == (summary_of(changed=1), [(6, 4)])
    assert (await quota())[1] == [(20, 4)]
    assert (await quota(capacity=25))[1] == [(25, 4)]
    assert (await quota(capacity=25))[0].slots.unchanged == 1
    summary, _ = await quota(capacity=3)
    assert "4 places are taken, more than the capacity of 3" in summary.problems[0].detail


class summary_of:  # noqa: N801 - reads as a value
    """Equals a summary with so many changed slots and no problem."""

    def __init__(self, changed: int) -> None:
        self.changed = changed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Summary) and other.slots.changed == self.changed and not other.problems

    __hash__ = None  # type: ignore[assignment]


async def test_a_status_that_is_not_given_stays(world: World, tmp_path: Path) -> None:
    slot = {"product": "clocks", "starts_at": "2026-01-01T10:00", "capacity": 20}
    for fields, status in (
        ({}, "open"),
        ({"status": "cancelled"}, "cancelled"),
        ({"capacity": 21}, "cancelled"),
        ({"status": "open"}, "open"),
    ):
        await load_json(world, tmp_path, small() | {"slots": [slot | fields]})
        assert [row["status"] for row in (await slots_by_code(world, "clocks@%")).values()] == [status]


async def test_a_layout_never_changes(world: World, tmp_path: Path) -> None:
    await load_json(world, tmp_path, small())
    changed = small() | {
        "seat_layouts": [
            {"code": "minibus", "seats": 5},
            {"code": "both", "seats": 1, "decks": EXAMPLE["seat_layouts"][1]["decks"]},
        ]
    }
    summary = await load_json(world, tmp_path, changed)
    assert sorted("never changes" in p.detail for p in summary.problems) == [False, True]
    layouts = await rows(world, "select seats from seat_layout where org_id = $1 and code = 'minibus'")
    assert [row["seats"] for row in layouts] == [4]


async def test_a_kind_never_changes(world: World, tmp_path: Path) -> None:
    await load_json(world, tmp_path, small())
    summary = await load_json(world, tmp_path, small(kind="appointment"))
    assert "its kind can't change" in summary.problems[0].detail
