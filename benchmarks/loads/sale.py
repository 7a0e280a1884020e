"""The flash sale: a thousand customers at once for 300 seats."""

import itertools
import statistics

from benchmarks import queries
from benchmarks.generator import Load, LoadRun
from benchmarks.loads.base import Remark
from benchmarks.programs import send_load
from benchmarks.schemas import BenchPlan, Result
from benchmarks.wire import hold_body, make_request
from benchmarks.world import SALE_SEATS, World, open_sale
from booking_api.core.runtime import acquire

BUYERS = 1_000
_sales = itertools.count(1)
_buyers = itertools.count(700_000_000)


async def measure_sale(world: World, plan: BenchPlan, note: Remark) -> Result:
    """Each buyer has a connection that is open already; the clock runs from the first request to the last answer."""
    runs: list[LoadRun] = []
    problems: list[str] = []
    rounds = max(1, plan.rounds - 1)
    for number in range(rounds + 1):
        note(f"flash_sale: round {number} of {rounds}" if number else "flash_sale: warming up")
        run, found = await _sell(world)
        problems += found
        if number:
            runs.append(run)
            continue
        # As the worker does in a new installation: the planner gets to know of the rows.
        async with acquire(world.stage.runtime) as db:
            await queries.tidy(db)
    seconds = [run.seconds for run in runs]
    return Result(
        op="flash_sale", title=f"flash sale, {BUYERS:,} at once for {SALE_SEATS} seats", connections=BUYERS,
        ours_per_s=round(BUYERS / statistics.median(seconds), 1), ours_rounds=[round(BUYERS / s, 1) for s in seconds],
        ours_spread_percent=round((max(seconds) - min(seconds)) / statistics.median(seconds) * 100, 1),
        p50_ms=round(statistics.median(run.p50_ms for run in runs), 1),
        p99_ms=round(statistics.median(run.p99_ms for run in runs), 1),
        exact=not problems, problems=problems[:10],
        facts={
            "all_answered_in_s": round(statistics.median(seconds), 3),
            "slowest_round_s": round(max(seconds), 3),
            "sold": [run.statuses.get("201", 0) for run in runs],
            "refused": [run.statuses.get("409", 0) for run in runs],
        },
    )  # fmt: skip


async def _sell(world: World) -> tuple[LoadRun, list[str]]:
    product, slot_id = await open_sale(world, next(_sales))
    body = hold_body(product, slot_id)
    requests = [
        make_request(world, "POST", "/v1/bookings", world.customer_token(next(_buyers)), body, key=True)
        for _ in range(BUYERS)
    ]
    run = await send_load(Load(requests=requests, port=world.stage.settings.port, connections=BUYERS))
    async with acquire(world.stage.runtime) as db:
        slot = await queries.read_slot(db, world.org_id, slot_id)
    problems: list[str] = []
    if run.statuses != {"201": SALE_SEATS, "409": BUYERS - SALE_SEATS}:
        others = {status: text[:200] for status, text in run.refusals.items() if status != "409"}
        problems.append(f"the answers were {run.statuses}, {run.lost} lost: {others}")
    if not slot.taken == slot.places == slot.bookings == SALE_SEATS:
        problems.append(f"taken {slot.taken}, claimed {slot.places}, booked {slot.bookings} of {SALE_SEATS}")
    return run, problems
