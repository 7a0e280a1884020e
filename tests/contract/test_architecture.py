"""docs/architecture.md is true as far as that can be read from the code: what it names exists, where it says so."""

import dataclasses
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from booking_api.capabilities import NAMES
from booking_api.core.capability import Capability

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text()
FILE = r"`((?:booking_api|tests|docs|openapi)/[\w/.]+)`"


def table(head: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    lines = TEXT.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows: list[list[str]] = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def is_in(name: str, path: str) -> bool:
    return re.search(rf"\b{name}\b", (ROOT / path).read_text()) is not None


def test_the_list_is_the_one_of_the_code():
    assert [names_in(row[0])[0] for row in table("capability")] == list(NAMES)


def test_every_file_that_it_names_exists():
    found = re.findall(FILE, TEXT)
    assert len(found) > 50
    assert [path for path in found if not (ROOT / path).exists()] == []
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_what_happens_in_a_request_stands_in_the_files_that_it_names():
    rows = table("in")
    for where, what in rows:
        (path,) = re.findall(FILE, where)
        assert names_in(what), path
        for name in names_in(what):
            assert is_in(name, path), f"{name} isn't in {path}"
    assert len(rows) > 10


def test_what_is_said_to_stand_in_a_file_does():
    found = re.findall(rf"`(\w+)`(?:,? in| of) {FILE}", TEXT)
    assert len(found) >= 6
    for name, path in found:
        assert is_in(name, path), f"{name} isn't in {path}"


@pytest.mark.parametrize("row", table("word"), ids=lambda row: row[0])
def test_a_word_is_used_where_the_page_says(row: list[str]):
    word, meaning, where = row
    (path,) = re.findall(FILE, where)
    assert meaning
    assert word.replace(" ", "") in re.sub(r"[\s_-]", "", (ROOT / path).read_text().lower()), f"{word} isn't in {path}"


def test_every_command_exists():
    for module in set(re.findall(r"python -m (tests[\w.]+)", TEXT)):
        assert find_spec(module) is not None, module


def test_all_that_a_capability_may_declare_is_named():
    for field in dataclasses.fields(Capability):
        assert re.search(rf"\b{field.name.removesuffix('s')}s?\b", TEXT, re.IGNORECASE), field.name
