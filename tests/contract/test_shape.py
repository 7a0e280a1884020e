"""`.ci/shape` finds what it is there to find, on small trees made up for it."""

import asyncio
import importlib
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

SHAPE: Mapping[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "shape"))
RULES: Mapping[str, Any] = {
    "tool": {"importlinter": {"contracts": [
        {"containers": ["booking_api"], "layers": ["bookings", "passes | payments", "catalog"]},
        {"containers": ["booking_api.catalog", "booking_api.bookings"],
         "layers": ["(routes) | (jobs)", "(operations) : (search)", "(queries)", "(rules)", "(schemas)"]},
        {"source_modules": ["booking_api.*.rules"]},
    ]}}
}  # fmt: skip
LAYERS = SHAPE["Layers"](RULES)


def plant(package: Path, modules: Mapping[str, str]) -> Path:
    for name, text in modules.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("class Wish: ...", "class Wish: ...", ["Wish"]),
        ("class Wish: ...", "from a.schemas import Wish", []),
        ("class Wish: ...", "Wish = dict[str, int]", ["Wish"]),
        ("Wish: object = int", "Wish = str", ["Wish"]),
        ("T = TypeVar('T')", "T = typing.TypeVar('T')", []),
        ("Item = TypeVar('Item')", "class Item: ...", []),
        ("LIMIT = 3", "LIMIT = 4", []),
        ("def Wish(): ...", "class Wish: ...", []),
        ("def hold():\n    class Wish: ...", "class Wish: ...", []),
        ("class Wish: ...\nclass Wish: ...", "wish = Wish", []),
        ("class Wish: ...\nclass Draft: ...", "class Draft: ...\nclass Wish: ...", ["Draft", "Wish"]),
    ],
)
def test_names_with_two_meanings(tmp_path: Path, first: str, second: str, found: list[str]) -> None:
    package = plant(tmp_path, {"a/schemas.py": first, "b/schemas.py": second})
    measured = SHAPE["two_meanings"](package)
    assert [one.partition(":")[0] for one in measured.found] == found
    assert measured.number == len(found)


@pytest.mark.parametrize(
    ("module", "role"),
    [
        ("bookings/routes.py", "routes"),
        ("bookings/change_routes.py", "routes"),
        ("bookings/operations/rules.py", "operations"),
        ("bookings/operations/hold.py", "operations"),
        ("bookings/queries/hold.py", "queries"),
        ("bookings/claim_queries.py", "queries"),
        ("bookings/write_schemas.py", "schemas"),
        ("bookings/amounts.py", "other"),
        ("bookings/routes_of_old.py", "other"),
        ("worker.py", "other"),
    ],
)
def test_role(module: str, role: str) -> None:
    assert SHAPE["role_of"](module) == role


def test_files_over_budget(tmp_path: Path) -> None:
    lines = {"a/routes.py": 200, "b/routes.py": 201, "a/rules.py": 250, "a/slot_rules.py": 251, "a/amounts.py": 400,
             "a/operations/hold.py": 301, "a/operations/confirm.py": 300, "worker.py": 401}  # fmt: skip
    package = plant(tmp_path, {name: "x = 1\n" * n for name, n in lines.items()})
    assert sorted(SHAPE["over_budget"](package).found) == [
        "a/operations/hold.py: 301 of 300", "a/slot_rules.py: 251 of 250", "b/routes.py: 201 of 200", "worker.py: 401 of 400",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("def f():\n" + "    x = 1\n" * 65, 0),
        ("def f():\n" + "    x = 1\n" * 66, 1),
        ("async def f():\n" + "    x = 1\n" * 66, 1),
        ("class A:\n    def f(self):\n" + "        x = 1\n" * 66, 1),
        ("def f(\n" + "".join(f"    a{n},\n" for n in range(80)) + "): ...\n", 0),
        ("class A:\n" + "    x = 1\n" * 80, 0),
        ("def f():\n    '''\n" + "    word\n" * 64 + "    '''\n", 1),
    ],
)
def test_functions_over_budget(tmp_path: Path, text: str, number: int) -> None:
    assert SHAPE["long_functions"](plant(tmp_path, {"a/rules.py": text})).number == number


def test_lines_by_role(tmp_path: Path) -> None:
    package = plant(
        tmp_path,
        {"app.py": "1\n", "a/rules.py": "1\n2\n", "a/claim_rules.py": "1\n", "a/__init__.py": "", "b/x.py": "1"},
    )
    table = SHAPE["lines_by_role"](package)
    assert table["(package)"] == {"other": 1}
    assert table["a"]["rules"] == 3
    assert table["a"].total() == 3
    assert table["b"] == {"other": 1}


@pytest.mark.parametrize(
    ("steps", "number"),
    [
        (["bookings/routes.py", "bookings/operations/hold.py", "bookings/queries.py"], 0),
        # From SQL back to the verb that asked for it.
        (["bookings/operations/hold.py", "bookings/queries.py", "bookings/operations/hold.py"], 1),
        # Up, but to a file that nobody has read yet.
        (["bookings/queries.py", "bookings/operations/hold.py"], 0),
        # Back, but not up: to a neighbour of the same layer, or on with the file that is open.
        (["bookings/operations/hold.py", "bookings/search.py", "bookings/operations/hold.py"], 0),
        (["bookings/operations/hold.py", "bookings/operations/hold.py"], 0),
        # Back, but down.
        (["bookings/rules.py", "bookings/operations/hold.py", "bookings/rules.py"], 0),
        # The capability counts before the place in it.
        (["bookings/rules.py", "catalog/routes.py", "bookings/rules.py"], 1),
        (
            [
                "passes/operations.py",
                "payments/rules.py",
                "passes/operations.py",
                "catalog/queries.py",
                "payments/rules.py",
            ],
            2,
        ),
    ],
)
def test_climbs(steps: list[str], number: int) -> None:
    assert SHAPE["climbs"](steps, LAYERS).number == number
    assert SHAPE["entered"](steps).number == len(set(steps))


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Path]:
    """A package that holds something, and the driver that it sends its statements by."""
    plant(
        tmp_path / "made_up",
        {
            "hall/routes.py": "from made_up.hall import operations\nasync def hold(): return await operations.hold()\n",
            "hall/operations.py": (
                "import asyncio\nfrom made_up.hall import queries, rules\n"
                "async def hold():\n"
                "    await asyncio.create_task(look())\n"
                "    rules.decide([rules.price(n) for n in range(3)])\n"
                "    await queries.send()\n"
                "    answer()\n"
                "async def look(): await queries.find()\n"
                "def answer(): rules.describe()\n"
            ),
            "hall/queries.py": (
                "from made_up_driver import wire\nfrom made_up.core import kit\n"
                "async def find(): wire.fetch(kit.columns())\n"
                "async def send(): wire.execute()\n"
            ),
            "hall/rules.py": "def decide(prices): return any(one > 1 for one in prices)\ndef price(n): return n\ndef describe(): ...\n",
            "core/kit.py": "def columns(): return 1\n",
            "hall/other.py": "async def tick(): ...\n",
        },
    )
    plant(tmp_path / "made_up_driver", {"wire.py": "def fetch(x): ...\ndef execute(): ...\n"})
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("made_up")]:
        del sys.modules[name]


def test_a_request_is_followed_from_its_handler_to_its_last_statement(followed: Path) -> None:
    routes = importlib.import_module("made_up.hall.routes")
    other = importlib.import_module("made_up.hall.other")

    async def ask() -> Any:
        asleep = asyncio.create_task(asyncio.sleep(0))
        asleep.add_done_callback(lambda _: asyncio.ensure_future(other.tick()))
        with SHAPE["Trace"](followed / "made_up", "hold", followed / "made_up_driver") as trace:
            await other.tick()
            await routes.hold()
        await other.tick()
        return trace

    steps = asyncio.run(ask()).steps()
    # Neither the core, nor what came before the handler or belongs to somebody else, nor what follows the last statement.
    assert steps == [
        "hall/routes.py", "hall/operations.py", "hall/operations.py", "hall/queries.py", "hall/rules.py", "hall/rules.py",
        "hall/queries.py",
    ]  # fmt: skip


def test_only_the_handler_begins(followed: Path) -> None:
    operations = importlib.import_module("made_up.hall.operations")
    with SHAPE["Trace"](followed / "made_up", "hold", followed / "made_up_driver") as trace:
        asyncio.run(operations.hold())
    assert trace.steps() == []


@pytest.mark.parametrize(
    ("numbers", "limits", "wrong"),
    [
        ({"climbs": 4}, {"climbs": 4}, []),
        ({"climbs": 5}, {"climbs": 4}, ["climbs: 5, but at most 4"]),
        ({"climbs": 3}, {"climbs": 4}, ["climbs: only 3 of 4; lower it by .ci/shape --write"]),
        ({"climbs": 3}, {}, ["climbs: 3 has no limit"]),
        ({}, {"climbs": 4}, ["climbs: a limit, but not measured"]),
    ],
)
def test_what_the_ratchet_refuses(numbers: dict[str, int], limits: dict[str, int], wrong: list[str]) -> None:
    assert SHAPE["compare"](numbers, limits) == wrong


def test_limits_are_never_raised() -> None:
    assert SHAPE["lowered"]({"a": 5, "b": 3, "c": 1}, {"a": 4, "b": 4, "gone": 2}) == {"a": 4, "b": 3, "c": 1}
