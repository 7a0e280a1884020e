"""docs/operations.md names what there is, and nothing that there isn't."""

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from booking_api.core.settings import Settings
from booking_api.run.doctor import examine
from tests.contract.statements import locks_across
from tests.contract.test_queries import ACROSS_ORGANISATIONS, STATEMENTS
from tests.processes import run

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
TEXT = PAGE.read_text()


async def test_every_check_of_the_doctor_is_named(settings):
    found = await examine(settings, datetime.now(UTC))
    paragraph = next(line for line in TEXT.splitlines() if line.startswith("The doctor checks"))
    declared = re.findall(r"^\| `([a-z ]+)` \|", PAGE.with_name("checks.md").read_text(), re.MULTILINE)
    assert {*re.findall(r"`([a-z ]+)`", paragraph), *declared} == set(found.checks)


async def test_every_figure_is_named(api, world):
    await api.get("/v1/places", headers=world.app)
    answer = await api.get("/metrics")
    offered = set(re.findall(r"^# TYPE (booking_api_\w+)", answer.text, re.MULTILINE))
    offered = {name for name in offered if not name.endswith("_created")}
    assert set(re.findall(r"`(booking_api_\w+)`", TEXT)) == offered


def test_every_setting_exists():
    known = {f"BOOKING_{field.name.upper()}" for field in msgspec.structs.fields(Settings)}
    assert set(re.findall(r"BOOKING_[A-Z_]+", TEXT)) <= known


def test_every_command_exists():
    offered = run("--help").stdout
    for command in set(re.findall(r"booking-api ([a-z]+)", TEXT)):
        assert re.search(rf"^\s+{command}\b", offered, re.MULTILINE), command


def test_every_statement_is_named_that_keeps_an_installation_from_being_distributed():
    locking = {
        statement.name
        for statement in STATEMENTS
        if statement.name in ACROSS_ORGANISATIONS and locks_across(statement.sql)
    }
    assert set(re.findall(r"`([a-z_.]+queries\.\w+)`", TEXT)) == locking


def test_every_file_that_it_links_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / link).exists(), link
    for test in re.findall(r"`(tests/[\w/.]+)`", TEXT):
        assert (PAGE.parents[1] / test).exists(), test
