"""The list of capabilities is what everything else is made of, and what is written about it is true."""

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import booking_api
from booking_api.capabilities import (
    NAMES,
    all_audited,
    all_commands,
    all_events,
    all_metrics,
    all_schedules,
    all_scopes,
    all_tags,
    capabilities,
)
from booking_api.core.metrics import gauges_of
from booking_api.core.queue.events import Fact
from booking_api.worker import job_name
from tests.contract.describe import MADE
from tests.contract.import_rules import RULES, with_capabilities

ROOT = Path(booking_api.__file__).parent
LAYERS = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]


def test_every_folder_with_a_declaration_is_in_the_list():
    assert {path.parent.name for path in ROOT.glob("*/capability.py")} == {*NAMES, "core"}
    assert [one.name for one in capabilities()] == list(NAMES)


def test_the_import_rules_are_those_of_the_list():
    height = {name.strip(): number for number, layer in enumerate(reversed(LAYERS)) for name in layer.split("|")}
    heights = [height[name] for name in NAMES]
    assert heights == sorted(heights), "a capability may be used by those after it"


def test_every_event_is_declared_by_its_owner():
    declared = all_events()
    for folder in ROOT.glob("*/events.py"):
        if folder.parent.name != "core":
            module = import_module(f"booking_api.{folder.parent.name}.events")
            mine = [one for one in vars(module).values() if is_event(one) and one.__module__ == module.__name__]
            assert set(mine) == set(next(c for c in capabilities() if c.name == folder.parent.name).events)
    types = [event.type for event in declared]
    assert len(set(types)) == len(types)
    for event in declared:
        assert event.__doc__
        assert event.about


def is_event(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, Fact) and hasattr(one, "type")


def test_subscribers_are_told_of_what_somebody_below_them_publishes():
    published: set[type[Fact]] = set()
    for one in capabilities():
        published |= set(one.events)
        assert set(one.subscribers) <= published, one.name


def test_a_job_keeps_its_name_whichever_file_of_its_capability_it_is_in():
    """What waits in the queue while a new version is installed is known by it."""
    jobs = {job for one in capabilities() for told in one.subscribers.values() for job in told}
    names = [job_name(job) for job in jobs]
    assert len(set(names)) == len(names)
    assert {"identity.tell_of_opening", "identity.send_sign_in_code", "bookings.send_recovery_code"} <= set(names)
    assert {name.count(".") for name in names} == {1}


def test_what_is_declared_is_named_once():
    for names in (
        [tag.name for tag in all_tags()],
        [tag.place for tag in all_tags()],
        [n for n, _, _ in all_schedules()],
        [scope.name for scope in all_scopes()],
        [command.name for command in all_commands()],
        [command.place for command in all_commands()],
        [gauge.name for metrics in all_metrics() for gauge in gauges_of(metrics.row, [])],
        [act for one in capabilities() for act in one.audited],
        [table for one in capabilities() for table in one.personal],
    ):
        assert len(set(names)) == len(names)


def test_every_metric_says_what_it_is():
    gauges = [gauge for metrics in all_metrics() for gauge in gauges_of(metrics.row, [])]
    assert len(gauges) >= 5
    for gauge in gauges:
        assert re.fullmatch(r"booking_api_[a-z][a-z_]+", gauge.name)
        assert gauge.about.endswith("."), gauge.name


@pytest.mark.parametrize("name", ["scopes", "commands"])
def test_what_is_declared_outside_of_capability_is_of_the_list(name: str):
    assert {path.parent.name for path in ROOT.glob(f"*/{name}.py")} <= set(NAMES)


@pytest.mark.parametrize("place", ["cli", "core", "worker.py"])
def test_the_frame_knows_no_capability(place: str):
    """Whatever it imports, also inside of a function."""
    files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                whole = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                whole = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            known = [name for name in whole if name.startswith("booking_api.") and name.split(".")[1] in NAMES]
            assert known == [], file.name


@pytest.mark.parametrize("file", MADE, ids=lambda file: file.name)
def test_what_is_made_from_the_declarations_is_current(file: Path):
    assert file.read_text() == MADE[file](file.read_text()), "run `python -m tests.contract.describe`"


def test_a_capability_that_is_new_in_the_list_gets_its_place():
    rules = RULES.read_text()
    without = rules.replace('  "booking_api.feedback",\n', "").replace('  "inventory",\n', "")
    assert without != rules
    placed = tomllib.loads(with_capabilities(without))["tool"]["importlinter"]["contracts"]
    assert placed[0]["layers"] == LAYERS
    inside = next(contract for contract in placed if contract["name"] == "Inside of a capability")
    assert "booking_api.feedback" in inside["containers"]


NOTES_AN_ACT = {"note", "noted", "note_command", "count_failure", "_note", "NewEntry"}


def acts_in_code() -> set[tuple[str, str | None]]:
    """The literal acts of all calls that note one, each with its kind of thing where that is a literal too."""
    found: set[tuple[str, str | None]] = set()
    for path in ROOT.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in NOTES_AN_ACT:
                given = [*call.args, *(one.value for one in call.keywords)]
                texts = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if texts and "." in texts[0] and " " not in texts[0]:
                    found.add((texts[0], texts[1] if texts[1:] and texts[1] in all_audited().values() else None))
    return found


def test_every_act_in_the_audit_is_declared_and_no_other():
    declared, found = all_audited(), acts_in_code()
    assert {act for act, _ in found} == set(declared)
    for act, kind in found:
        assert kind in {None, declared[act]}, act
