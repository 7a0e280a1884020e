"""Slots for which one person, room or vehicle would have to be in two places: imported, and warned of."""

import json
from pathlib import Path
from typing import Any

import pytest

from booking_api.importing.operations import import_catalogue
from tests.importing.test_commands import environment, invoke  # noqa: F401 - a fixture
from tests.world import World


def write(folder: Path, *slots: dict[str, Any]) -> Path:
    file = folder / "catalogue.json"
    given = [{"product": "advice", "capacity": 1, "resource": "Dr Bea", **slot} for slot in slots]
    file.write_text(json.dumps({"slots": given}))
    return file


def slot(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"starts_at": f"2027-02-01T{start}", "ends_at": f"2027-02-01T{end}", "code": f"{start}-{end}", **more}


async def warnings(world: World, file: Path) -> list[str]:
    summary = await import_catalogue(world.runtime.pool, world.org, file)
    assert summary.problem_count == 0
    return summary.warnings


async def test_what_overlaps_is_named_and_goes_in(world: World, tmp_path: Path) -> None:
    file = write(
        tmp_path, slot("09:00", "17:00"), slot("10:00", "10:30"), slot("12:00", "12:30"), slot("17:00", "18:00")
    )
    expected = [
        "Dr Bea: slot 10:00-10:30 begins while 09:00-17:00 is under way",
        "Dr Bea: slot 12:00-12:30 begins while 09:00-17:00 is under way",
    ]
    assert await warnings(world, file) == expected
    assert await warnings(world, file) == expected, "also when nothing is new"


async def test_what_was_there_counts(world: World, tmp_path: Path) -> None:
    assert await warnings(world, write(tmp_path, slot("09:00", "11:00"))) == []
    assert len(await warnings(world, write(tmp_path, slot("10:59", "11:30")))) == 1
    assert await warnings(world, write(tmp_path, slot("11:30", "12:00", code="after"))) == []


@pytest.mark.parametrize(
    "other",
    [
        slot("09:30", "10:30", resource="Dr Cid"), slot("09:30", "10:30", resource=None),
        slot("09:30", "10:30", status="cancelled"), slot("10:00", "10:30"),
    ],
)  # fmt: skip
async def test_what_does_not_overlap_is_not_warned_of(world: World, tmp_path: Path, other: dict[str, Any]) -> None:
    assert await warnings(world, write(tmp_path, slot("09:00", "10:00"), other)) == []


async def test_there_are_never_too_many(world: World, tmp_path: Path) -> None:
    many = [slot("09:00", "10:00", code=f"N{n:03}") for n in range(60)]
    found = await warnings(world, write(tmp_path, *many))
    assert len(found) == 51
    assert found[-1] == "There are more slots that overlap like these."


@pytest.mark.usefixtures("environment")
async def test_report_and_exit_status_are_what_they_are_without(world: World, tmp_path: Path) -> None:
    result = await invoke("catalogue", str(write(tmp_path, slot("09:00", "11:00"), slot("10:00", "12:00"))))
    assert result.exit_code == 0
    assert "warning: Dr Bea: slot 10:00-12:00 begins while 09:00-11:00 is under way" in result.stderr
    assert "warning" not in result.stdout
    assert "2 read        0 left out" in result.stdout
