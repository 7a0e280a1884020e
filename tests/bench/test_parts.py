"""The parts of the bench that need no database."""

import asyncio
import shutil
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from booking_api.bench.chart import draw_chart
from booking_api.bench.copying import reference_of
from booking_api.bench.ids import KINDS, make_id
from booking_api.bench.load import find_wrk, read_wrk, send_load
from booking_api.bench.loads.base import MeasuredOperation
from booking_api.bench.loads.growth import list_sizes
from booking_api.bench.loads.hold import Hold
from booking_api.bench.machine import count_cores, measure_flush
from booking_api.bench.pgbench import SCRIPTS, read_pgbench
from booking_api.bench.queries import RowCounts
from booking_api.bench.run import OPERATIONS, QUICK_OPERATIONS, check_room, choose, make_plan
from booking_api.bench.schemas import BenchPlan, LoadRun, Machine, Report, Result
from booking_api.cli import app
from booking_api.core.process import StartFailed

WRK = """Running 1s test @ http://127.0.0.1:8000
Requests/sec:    961.37
BENCH seconds=1.004512 p50=61.5 p99=165.25 max=201.5 late_p99=2 sent=1012 lost=2
BENCH statuses 201=940 409=8
BENCH refused 409 {"code":"sold_out","detail":"There are not 1 places left."}
"""
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


def test_what_wrk_says():
    run = read_wrk(WRK)
    assert (run.statuses, run.sent, run.answered, run.lost) == ({"201": 940, "409": 8}, 1012, 948, 2)
    assert (run.p50_ms, run.p99_ms, run.max_ms) == (61.5, 167.25, 201.5)
    assert run.refusals["409"].startswith('{"code":"sold_out"')


@pytest.mark.skipif(find_wrk() is None, reason="wrk is not installed")
async def test_wrk_keeps_the_pace(tmp_path):
    """Of all connections together. Without one, these would be answered within a tenth of the second."""

    async def answer(reader, writer):
        while line := await reader.readline():
            if line != b"\r\n":
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    stage: Any = SimpleNamespace(folder=tmp_path, settings=SimpleNamespace(port=server.sockets[0].getsockname()[1]))
    requests = [b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"] * 1_000
    run = await send_load(stage, requests, connections=8, seconds=1.0, per_s=200.0)
    server.close()
    assert set(run.statuses) == {"200"}
    # However long a busy machine took: no faster than the pace, and each connection may be one ahead of it.
    assert 0 < run.answered <= 200.0 * run.seconds + 8


def test_what_pgbench_says():
    run = read_pgbench("hold", 0, PGBENCH, "")
    assert (run.per_s, run.transactions) == (4186.6044, 800)


@pytest.mark.parametrize(
    ("status", "output"), [(1, PGBENCH), (0, PGBENCH.replace("transactions: 0", "transactions: 3")), (0, "")]
)
def test_a_limit_that_failed_is_none(status, output):
    with pytest.raises(StartFailed, match=r"pgbench failed at limits/hold\.sql: no such column"):
        read_pgbench("hold", status, output, "no such\ncolumn")


def books(**changed: int) -> RowCounts:
    return RowCounts(**(dict.fromkeys(RowCounts.__struct_fields__, 0) | changed))


def run_of(statuses: dict[str, int], sent: int | None = None) -> LoadRun:
    return LoadRun(
        seconds=1.0, sent=sent or sum(statuses.values()), statuses=statuses, p50_ms=1.0, p99_ms=1.0, max_ms=1.0,
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
    assert len(scripts) == 5
    assert all(script.read_text().startswith("-- ") for script in scripts)


def test_the_command_line_knows_both_ways_in():
    said = CliRunner().invoke(app, ["bench", "--help"]).output
    assert "run" in said
    assert "mobile" in said
    wrong = CliRunner().invoke(app, ["bench", "holding", "--quick"])
    assert wrong.exit_code == 1


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_is_preferred():
    from booking_api.bench.load import generator_name

    assert generator_name() == "wrk"
