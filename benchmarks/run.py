"""A whole run: the stage, the data, each operation in turn, the report."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import queries
from benchmarks.loads.base import MeasuredOperation, Remark
from benchmarks.loads.confirm import Confirm
from benchmarks.loads.discover import Discover
from benchmarks.loads.growth import measure_growth
from benchmarks.loads.hold import Express, Hold, HotHold, SlowHotHold
from benchmarks.loads.process import measure_memory, measure_picture, measure_workers
from benchmarks.loads.sale import measure_sale
from benchmarks.loads.scan import Scan
from benchmarks.loads.search import CategoryCalendar, LineCalendar, Reading, Search, Timetable
from benchmarks.machine import count_cores, look_at_machine
from benchmarks.measure import Bench
from benchmarks.programs import GENERATOR
from benchmarks.schemas import BenchPlan, Report, Result
from benchmarks.stage import TUNED, Stage, open_database, open_folder, open_stage
from benchmarks.world import World, build_world
from booking_api.core.process import StartFailed
from booking_api.core.runtime import acquire
from booking_api.run.demo.embedded import EmbeddedPostgres

RATES: dict[str, type[MeasuredOperation]] = {
    operation.name: operation for operation in (Hold, HotHold, SlowHotHold, Confirm, Scan, Express)
}
READING: dict[str, type[Reading]] = {
    operation.name: operation for operation in (Search, CategoryCalendar, LineCalendar, Discover)
}
OPERATIONS = (*RATES, *READING, "flash_sale", "picture", "memory", "workers", "growth")
QUICK_OPERATIONS = (*RATES, *READING, "flash_sale", "picture", "memory")
QUICK_SLOTS, QUICK_BOOKINGS = 20_000, 20_000
BYTES_PER_BOOKING = 4_500
"""On the disk, with its slot, its pass and the log of having been written."""
SHOWN_SETTINGS = (
    "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size", "wal_level", "jit",
)  # fmt: skip


def make_plan(
    *, quick: bool, rounds: int | None, seconds: float | None, connections: int, workers: int | None,
    slots: int | None, bookings: int | None,
) -> BenchPlan:  # fmt: skip
    """The plan that the options describe; a process of the server for every two cores unless they say else.

    PostgreSQL and the load generator need the other half: with a process for each core nothing was answered faster,
    and at half load everybody waited longer.
    """
    return BenchPlan(
        rounds=rounds or (2 if quick else 5), seconds=seconds or (0.5 if quick else 4.0),
        warm_seconds=0.2 if quick else 1.5, connections=connections, workers=workers or max(count_cores() // 2, 1),
        half_load=not quick,
        slots=slots or (QUICK_SLOTS if quick else 1_000_000),
        bookings=bookings or (QUICK_BOOKINGS if quick else 10_000_000),
    )  # fmt: skip


def choose(wanted: Sequence[str], *, quick: bool) -> list[str]:
    """The operations to measure, in the order in which they are. Raises `StartFailed` for one that there isn't."""
    for name in wanted:
        if name not in OPERATIONS:
            raise StartFailed(f"{name!r} is not an operation; those are {', '.join(OPERATIONS)}.")
    chosen = wanted or (QUICK_OPERATIONS if quick else OPERATIONS)
    return [name for name in OPERATIONS if name in chosen]


async def run_bench(names: list[str], plan: BenchPlan, data_dir: Path | None, console: Console) -> Report:
    """Measures the operations and tidies up, also when it is told to stop. Raises `StartFailed`."""
    measuring = asyncio.current_task()
    assert measuring is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    began = time.monotonic()
    if "growth" in names:
        check_room(plan, data_dir)
    results: list[Result] = []
    with Progress(
        TextColumn("{task.description:<48}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console,
        transient=True,
    ) as progress:  # fmt: skip
        async with AsyncExitStack() as stack:
            task = progress.add_task("Starting PostgreSQL", total=len(names))
            folder = stack.enter_context(open_folder(data_dir))
            database = await stack.enter_async_context(open_database(folder))

            def note(text: str) -> None:
                progress.update(task, description=text)

            async with open_stage(folder, database, "booking", plan.workers) as stage:
                async with acquire(stage.runtime) as db:
                    settings = {name: await queries.current_setting(db, name) for name in SHOWN_SETTINGS}
                    machine = look_at_machine(folder, await queries.server_version(db))
                if together := [name for name in names if name != "growth"]:
                    async for found in _measure_together(stage, together, plan, note, progress):
                        results += found
                        progress.advance(task)
            if "growth" in names:
                results += await _measure_growth(folder, database, plan, note)
                progress.advance(task)
    return Report(
        machine=machine, generator=GENERATOR, plan=plan, settings={**settings, **TUNED}, results=results,
        seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


def _failed(name: str, plan: BenchPlan, error: Exception) -> Result:
    return Result(
        op=name, title=name, connections=plan.connections, ours_per_s=0.0, exact=False,
        problems=[f"{type(error).__name__}: {error}"],
    )  # fmt: skip


def check_room(plan: BenchPlan, data_dir: Path | None) -> None:
    """Raises `StartFailed` where growth would fill the disk."""
    place = data_dir or Path(tempfile.gettempdir())
    needed, free = plan.bookings * BYTES_PER_BOOKING, shutil.disk_usage(place).free
    if needed > free:
        raise StartFailed(
            f"Growing to {plan.bookings:,} bookings takes {needed / 2**30:.0f} GB in {place}, where {free / 2**30:.0f} are"
            " free; choose another place with --data-dir or fewer with --bookings."
        )


async def _measure_growth(folder: Path, database: EmbeddedPostgres, plan: BenchPlan, note: Remark) -> list[Result]:
    worlds: list[World] = []
    async with AsyncExitStack() as stack:
        for name in ("small", "growing"):
            stage = await stack.enter_async_context(open_stage(folder, database, name, plan.workers))
            worlds.append(await build_world(stage))
            await stage.start_server()
        return await measure_growth(worlds[0], worlds[1], plan, note)


async def _measure_together(
    stage: Stage, names: Sequence[str], plan: BenchPlan, note: Remark, progress: Progress
) -> AsyncIterator[list[Result]]:
    """Those that share one database: loads what they need, starts the server, and measures one after the other."""
    note("Making products and slots")
    world = await build_world(stage)
    timetable = Timetable(world, plan.slots)
    if set(names) & (set(READING) - {Discover.name}):  # It brings its own.
        task = progress.add_task("Loading slots to search", total=timetable.slots)
        await timetable.load(lambda count: progress.advance(task, count))
    async with acquire(stage.runtime) as db:
        await queries.tidy(db)
    await stage.start_server()
    for name in names:
        try:
            found = await _measure(name, world, timetable, plan, note)
        except (StartFailed, OSError, asyncpg.PostgresError) as error:
            # What was measured before is worth keeping, and what comes after may go well.
            found = [_failed(name, plan, error)]
        yield found


async def _measure(name: str, world: World, timetable: Timetable, plan: BenchPlan, note: Remark) -> list[Result]:
    match name:
        case "flash_sale":
            return [await measure_sale(world, plan, note)]
        case "picture":
            return [await measure_picture(world, note)]
        case "memory":
            return [measure_memory(world)]
        case "workers":
            return await measure_workers(world, plan, note)
        case _:
            operation = RATES[name](world) if name in RATES else READING[name](world, timetable)
            return [await Bench(operation, plan, note).run()]
