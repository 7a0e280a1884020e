"""The parts of the bench that need no database."""

import os
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import booking_api
from benchmarks.__main__ import app
from benchmarks.chart import draw_chart
from benchmarks.copying import reference_of
from benchmarks.generator import LoadRun
from benchmarks.ids import KINDS, make_id
from benchmarks.loads.base import MeasuredOperation
from benchmarks.loads.growth import list_sizes
from benchmarks.loads.hold import Hold
from benchmarks.machine import count_cores, measure_flush
from benchmarks.pgbench import SCRIPTS, read_pgbench
from benchmarks.programs import our_environment
from benchmarks.queries import RowCounts
from benchmarks.run import OPERATIONS, QUICK_OPERATIONS, check_room, choose, make_plan
from benchmarks.schemas import BenchPlan, Machine, Report, Result
from booking_api.cli import app as product
from booking_api.core.process import StartFailed

ROOT = Path(__file__).parents[2]
PGBENCH = """number of transactions per client: 100
number of transactions actually processed: 800/800
number of failed transactions: 0 (0.000%)
latency average = 1.9 ms
tps = 4186.604400 (without initial connection time)
"""


def report(*results: Result) -> Report:
    machine = Machine(
        cpu="A <quick> & small one", cores=2, memory_gb=8.0, system="Linux", python="3.12", postgresql="18.1",
        flush_ms=0.1, busy_percent=1.0, packages={},
    )  # fmt: skip
    return Report(machine=machine, generator="ours", plan=BenchPlan(), settings={}, results=list(results), seconds=1.0)


def test_what_pgbench_says():
    run = read_pgbench("hold", 0, PGBENCH, "")
    assert (run.per_s, run.transactions) == (4186.6044, 800)


@pytest.mark.parametrize(
    ("status", "output"), [(1, PGBENCH), (0, PGBENCH.replace("transactions: 0", "transactions: 3")), (0, "")]
)
def test_a_limit_that_failed_is_none(status, output):
    with pytest.raises(StartFailed, match=r"pgbench failed at scripts/hold\.sql: no such column"):
        read_pgbench("hold", status, output, "no such\ncolumn")


def books(**changed: int) -> RowCounts:
    return RowCounts(**(dict.fromkeys(RowCounts.__struct_fields__, 0) | changed))


def run_of(statuses: dict[str, int], sent: int | None = None, lost: int = 0) -> LoadRun:
    return LoadRun(
        seconds=1.0, sent=sent or sum(statuses.values()) + lost, statuses=statuses, lost=lost, p50_ms=1.0, p99_ms=1.0, max_ms=1.0,
        refusals={"500": "oh"},
    )  # fmt: skip


GROWN = {"bookings": 9, "claims": 9, "units": 9, "events": 9, "stored": 9}


@pytest.mark.parametrize(
    ("after", "run", "said"),
    [
        (GROWN, run_of({"201": 9}), []),
        (GROWN, run_of({"201": 7}, sent=9), []),
        (GROWN, run_of({"201": 7}, sent=8), ["bookings grew by 9, the answers say 7"]),
        ({**GROWN, "claims": 8}, run_of({"201": 9}), ["claims grew by 8, the answers say 9"]),
        ({**GROWN, "wrong_slots": 1}, run_of({"201": 9}), ["1 slots say that other places are taken"]),
        (GROWN, run_of({"201": 9, "500": 1}), ["1 answers were 500: oh"]),
        (GROWN, run_of({"201": 8}, lost=1), ["1 requests had no answer"]),
    ],
)
def test_the_proof_finds_what_is_wrong(after, run, said):
    operation: MeasuredOperation = Hold(SimpleNamespace(hall=None))  # type: ignore[arg-type]
    found = operation.find_problems(books(), books(**after), run)
    assert len(found) >= len(said)
    assert bool(found) == bool(said)
    for sentence in said:
        assert any(sentence in problem for problem in found)


def test_operations_are_measured_in_their_order():
    assert choose(["scan", "hold"], quick=False) == ["hold", "scan"]
    assert choose([], quick=False) == list(OPERATIONS)
    assert choose([], quick=True) == [name for name in OPERATIONS if name in QUICK_OPERATIONS]
    with pytest.raises(StartFailed, match="'holding' is not an operation"):
        choose(["holding"], quick=True)


def test_a_plan_is_what_the_options_say():
    options = {"rounds": None, "seconds": None, "connections": 64, "workers": 1, "slots": None, "bookings": None}
    quick, whole = make_plan(quick=True, **options), make_plan(quick=False, **options)  # type: ignore[arg-type]
    assert quick.rounds < whole.rounds
    assert whole.slots == 1_000_000
    assert make_plan(quick=True, **{**options, "rounds": 9}).rounds == 9  # type: ignore[arg-type]
    assert make_plan(quick=True, **{**options, "workers": None}).workers == max(count_cores() // 2, 1)  # type: ignore[arg-type]


def test_growth_begins_only_where_there_is_room(tmp_path):
    check_room(BenchPlan(bookings=20_000), tmp_path)
    with pytest.raises(StartFailed, match=r"takes .* GB in .*--bookings"):
        check_room(BenchPlan(bookings=10**12), tmp_path)


def test_growth_passes_a_million():
    assert list_sizes(10_000_000) == [10_000, 1_000_000, 10_000_000]
    assert list_sizes(1_000_000) == [10_000, 1_000_000]
    assert list_sizes(50_000) == [10_000, 50_000]


def test_ids_and_references_are_told_apart():
    ids = {make_id(kind, number) for kind in KINDS for number in (0, 1, 2**40)}
    assert len(ids) == 3 * len(KINDS)
    assert all(found.version == 7 for found in ids)
    assert len({reference_of(number) for number in range(0, 10**6, 997)}) == len(range(0, 10**6, 997))
    assert len(reference_of(10**9)) == 8


def test_the_chart_shows_what_has_a_limit():
    drawn = draw_chart(
        report(
            Result(op="hold", title="hold & co", ours_per_s=500.0, limit_per_s=1000.0, ratio=0.5, connections=64),
            Result(op="memory", title="memory per worker", ours_per_s=0.0, connections=0),
            Result(op="hot", title="hot", ours_per_s=5000.0, limit_per_s=1000.0, ratio=5.0, connections=64),
        )
    )
    root = ET.fromstring(drawn)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "hold & co" in texts
    assert "memory per worker" not in texts
    assert any(text.startswith("5.00 ×") for text in texts)
    widths = [float(node.get("width", 0)) for node in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[1] * 4 == pytest.approx(widths[3], abs=1), "what is longer than twice the limit ends in an arrow"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 1


def test_the_chart_of_nothing_is_a_picture():
    ET.fromstring(draw_chart(report()))


def test_a_flush_takes_time(tmp_path):
    assert measure_flush(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_every_limit_says_what_it_is():
    scripts = list(SCRIPTS.glob("*.sql"))
    assert len(scripts) == 6
    assert all(script.read_text().startswith("-- ") for script in scripts)


def test_the_command_line_knows_both_ways_in():
    said = CliRunner().invoke(app, ["--help"]).output
    assert "run" in said
    assert "mobile" in said
    wrong = CliRunner().invoke(app, ["holding", "--quick"])
    assert wrong.exit_code == 1


def test_the_product_has_no_benchmark():
    said = CliRunner().invoke(product, ["--help"])
    assert said.exit_code == 0
    assert "serve" in said.output
    assert "bench" not in said.output.lower()
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert built["wheel"] == {"packages": ["booking_api"]}
    assert not [path for path in (ROOT / "booking_api").rglob("*") if path.name.startswith("bench")]


def test_what_is_measured_is_the_package_beside_it(monkeypatch):
    """Also where another one is installed; and no setting of whoever measures gets to it."""
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/")
    monkeypatch.setenv("BOOKING_WORKERS", "7")
    given = our_environment(BOOKING_LOG_LEVEL="warning")
    assert given["PYTHONPATH"].split(os.pathsep) == [str(Path(booking_api.__file__).parents[1]), "/elsewhere"]
    assert {name for name in given if name.startswith("BOOKING_")} == {"BOOKING_LOG_LEVEL"}
    assert "DATABASE_URL" not in given
    assert given["PATH"] == os.environ["PATH"]
    monkeypatch.delenv("PYTHONPATH")
    assert our_environment()["PYTHONPATH"] == str(Path(booking_api.__file__).parents[1])
