"""Growth: the same operations with 10,000, a million, ten million bookings in the tables."""

import asyncio
import statistics
from collections.abc import Iterator
from datetime import timedelta

from benchmarks import queries
from benchmarks.copying import CHUNK, copy_bookings
from benchmarks.loads.base import MeasuredOperation, Remark
from benchmarks.loads.confirm import Confirm
from benchmarks.loads.hold import Hold
from benchmarks.loads.scan import Scan
from benchmarks.measure import Bench
from benchmarks.queries import SlotStart
from benchmarks.schemas import BenchPlan, Result
from benchmarks.world import World, departure, offer, slot_of
from booking_api.catalog.schemas import ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_places, save_products
from booking_api.core.clock import utc_now
from booking_api.core.runtime import acquire
from booking_api.inventory.write_schemas import NewSlot

FIRST_SIZE = 10_000
STEP = 1_000_000
BOOKINGS_PER_SLOT = 10
LINES = 200
FIRST_NUMBER = 1_000_000_000
MEASURED = (Hold, Confirm, Scan)


def list_sizes(most: int) -> list[int]:
    """10,000 bookings, then a million, then up to `most`."""
    return [FIRST_SIZE, *([STEP] if most > STEP else []), most]


class Past:
    """Bookings of days gone by, on slots and products of their own."""

    def __init__(self, world: World, most: int) -> None:
        self.world, self.most, self.loaded = world, most, 0
        self.lines: list[ProductDefinition] = []
        self.slots: list[SlotStart] = []

    async def load(self, size: int, note: Remark) -> None:
        """Up to this many bookings in all, with their slots."""
        if not self.slots:
            await self._load_slots(note)
        await self._load_bookings(size, note)

    async def _load_slots(self, note: Remark) -> None:
        """As many as all the bookings will need."""
        world, now = self.world, utc_now()
        async with acquire(world.stage.runtime) as db, db.transaction():
            named = [NewPlace(code=code, name=code, time_zone="Europe/Berlin") for code in ("PASTA", "PASTB")]
            places, _, _ = await save_places(db, world.org_id, named, now)
            self.lines = [departure(f"past-{number}", places["PASTA"], places["PASTB"]) for number in range(LINES)]
            await save_products(db, world.org_id, [NewProduct(line) for line in self.lines], now)
        wanted, done = max(LINES, self.most // BOOKINGS_PER_SLOT), 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            note(f"growth: {done:,} of {wanted:,} slots")

        await offer(world.stage, world.org_id, self._all_slots(wanted), progress)
        async with acquire(world.stage.runtime) as db:
            self.slots = await queries.list_slots(db, world.org_id, [line.id for line in self.lines])

    def _all_slots(self, wanted: int) -> Iterator[NewSlot]:
        today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(wanted):
            line, turn = self.lines[number % LINES], number // LINES
            starts_at = today - timedelta(days=1 + turn // 12) + timedelta(hours=6 + turn % 12)
            yield slot_of(line, f"{line.code} {turn}", starts_at, minutes=45, capacity=180)

    async def _load_bookings(self, size: int, note: Remark) -> None:
        """Orders, claims, items and passes too: every table that holds a booking for as long as it is remembered."""
        while self.loaded < size:
            first, count = FIRST_NUMBER + self.loaded, min(2 * CHUNK, size - self.loaded)
            halves = range(first, first + count // 2), range(first + count // 2, first + count)
            # Two at once: while PostgreSQL reads one, the other is written down.
            await asyncio.gather(
                *(
                    copy_bookings(self.world, self.lines[0], self.slots, half, confirmed=True, signed=False)
                    for half in halves
                )
            )
            self.loaded += count
            note(f"growth: {self.loaded:,} of {self.most:,} bookings")
        note("growth: vacuum and analyze")
        async with acquire(self.world.stage.runtime) as db:
            await queries.tidy(db)


async def measure_growth(small: World, growing: World, plan: BenchPlan, note: Remark) -> list[Result]:
    """Measures a database that stays small and one that grows in turns, so that the machine is the same for both."""
    sizes = list_sizes(plan.bookings)
    await Past(small, sizes[0]).load(sizes[0], note)
    past = Past(growing, sizes[-1])
    results: list[Result] = []
    for size in sizes[1:]:
        await past.load(size, note)
        async with acquire(growing.stage.runtime) as db:
            gigabytes = round(await queries.database_bytes(db) / 2**30, 2)
        for kind in MEASURED:
            first, second = await _measure_both(kind(small), kind(growing), plan, note)
            slower = [1 - b / a for a, b in zip(first.ours_rounds, second.ours_rounds, strict=True)]
            limit_slower = [1 - b / a for a, b in zip(first.limit_rounds, second.limit_rounds, strict=True)]
            second.op, second.title = f"growth_{second.op}_{_word(size)}", f"{second.title}, {size:,} bookings"
            second.facts |= {
                "bookings": size, "database_gb": gigabytes, "compared_with_bookings": sizes[0],
                "compared_with_per_s": first.ours_per_s,
                "slower_percent": round(statistics.median(slower) * 100, 1),
                "limit_slower_percent": round(statistics.median(limit_slower) * 100, 1),
            }  # fmt: skip
            second.problems += first.problems
            second.exact = second.exact and first.exact
            results.append(second)
    return results


async def _measure_both(
    small: MeasuredOperation, growing: MeasuredOperation, plan: BenchPlan, note: Remark
) -> tuple[Result, Result]:
    benches = Bench(small, plan, note), Bench(growing, plan, note)
    for bench in benches:
        await bench.begin()
    for number in range(plan.rounds):
        for bench in benches if number % 2 == 0 else reversed(benches):
            await bench.round(number)
    return await benches[0].finish(), await benches[1].finish()


def _word(size: int) -> str:
    return f"{size // 1_000_000}m" if size >= 1_000_000 else f"{size // 1_000}k"
