"""The list of capabilities is what everything else is made of, and what is written about it is true."""

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import booking_api
from booking_api.capabilities import NAMES, all_events, all_schedules, all_tags, capabilities
from booking_api.core.queue.events import Fact
from tests.contract.describe_events import PAGE, describe_events

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


def test_tags_and_schedules_are_named_once():
    for names in (
        [tag.name for tag in all_tags()],
        [tag.place for tag in all_tags()],
        [n for n, _, _ in all_schedules()],
    ):
        assert len(set(names)) == len(names)


def test_the_page_of_events_is_current():
    assert PAGE.read_text() == describe_events(), "run `python -m tests.contract.describe_events`"
