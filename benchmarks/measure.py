"""Ours and the limit in turns, several rounds, with a proof after each run."""

import asyncio
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks import queries
from benchmarks.generator import Load, LoadRun
from benchmarks.loads.base import MeasuredOperation, Remark
from benchmarks.programs import send_load
from benchmarks.schemas import BenchPlan, LimitRun, Result
from booking_api.core.runtime import acquire

ROOM = 1.6
"""How many more requests than the last run would have needed a run gets."""


class OurRun(NamedTuple):
    """One run of ours, and what the server's and the database's processes used of the CPU for each request."""

    load: LoadRun
    server_us: float
    database_us: float


class Bench:
    """Measures one operation."""

    def __init__(self, operation: MeasuredOperation, plan: BenchPlan, note: Remark) -> None:
        self.operation, self.plan, self.note = operation, plan, note
        self.guess_per_s = self.limit_guess_per_s = operation.first_guess_per_s
        self.ours: list[OurRun] = []
        self.limits: dict[int, list[LimitRun]] = {clients: [] for clients in operation.limit_clients}
        self.problems: list[str] = []

    async def run(self) -> Result:
        """All of it. Slower flushes end with it, whatever happens."""
        try:
            await self.begin()
            for number in range(self.plan.rounds):
                await self.round(number)
            return await self.finish()
        finally:
            if self.operation.slow_flush:
                await self._set_flushes(slow=False)

    async def begin(self) -> None:
        """Fills caches and tables, and lets the planner know of the rows: a new table looks empty to it."""
        self.note(f"{self.operation.name}: warming up")
        await self.operation.prepare()
        if self.operation.slow_flush:
            await self._set_flushes(slow=True)
        await self._run_ours(self.plan.warm_seconds)
        await self._run_limit(self.plan.warm_seconds, self.operation.limit_clients[0])
        async with acquire(self.operation.stage.runtime) as db:
            await queries.tidy(db)

    async def round(self, number: int) -> None:
        self.note(f"{self.operation.name}: round {number + 1} of {self.plan.rounds}")
        # What comes second finds warmer caches and more rows, so they take turns.
        for ours in (True, False) if number % 2 == 0 else (False, True):
            if ours:
                self.ours.append(await self._run_ours(self.plan.seconds))
                continue
            for clients, runs in self.limits.items():
                runs.append(await self._run_limit(self.plan.seconds, clients))

    async def finish(self) -> Result:
        """One stall of the machine decides the p99 at half load, hence as many runs as rounds."""
        half_loads: list[float] = []
        if self.plan.half_load:
            self.note(f"{self.operation.name}: at half load")
            per_s = max(statistics.median(one.load.per_s for one in self.ours) / 2, 1.0)
            for _ in range(self.plan.rounds):
                half_loads.append((await self._run_ours(self.plan.seconds, per_s=per_s)).load.p99_ms)
        return self._sum_up(half_loads)

    async def _run_ours(self, seconds: float, per_s: float | None = None) -> OurRun:
        operation, stage, connections = self.operation, self.operation.stage, self.plan.connections
        room = per_s * 1.05 if per_s else self.guess_per_s * ROOM
        load = Load(
            requests=await operation.make_requests(max(int(room * seconds), connections * 2)), port=stage.settings.port,
            connections=connections, seconds=seconds, per_s=per_s, repeat=operation.repeats,
        )  # fmt: skip
        await self._settle()
        before, cpu_before = await operation.read_books(), stage.cpu_seconds()
        run = await send_load(load)
        used = [b - a for a, b in zip(cpu_before, stage.cpu_seconds(), strict=True)]
        self.problems += operation.find_problems(before, await operation.read_books(), run)
        if per_s is None:
            self.guess_per_s = max(run.per_s, 20.0)
        return OurRun(run, *(seconds_used / max(run.answered, 1) * 1e6 for seconds_used in used))

    async def _run_limit(self, seconds: float, clients: int) -> LimitRun:
        await self._settle()
        run = await self.operation.run_limit(seconds, self.limit_guess_per_s, clients)
        if clients == self.operation.limit_clients[0]:
            self.limit_guess_per_s = max(run.per_s, 20.0)
        return run

    async def _settle(self) -> None:
        async with acquire(self.operation.stage.runtime) as db:
            await queries.settle_down(db)

    async def _set_flushes(self, *, slow: bool) -> None:
        async with acquire(self.operation.stage.runtime) as db:
            await (queries.slow_flushes(db) if slow else queries.plain_flushes(db))
        await asyncio.sleep(0.3)  # Until every process has read its settings again.

    def _sum_up(self, half_loads: Sequence[float]) -> Result:
        first = self.operation.limit_clients[0]
        ours = [one.load.per_s for one in self.ours]
        limit = [one.per_s for one in self.limits[first]]
        # Of the rounds, because what else the machine was doing changes from round to round.
        ratios = {clients: _ratios(ours, runs) for clients, runs in self.limits.items()}
        facts = {}
        for clients in self.operation.limit_clients[1:]:
            facts[f"limit_per_s_of_{clients}_clients"] = _middle((one.per_s for one in self.limits[clients]), 1)
            facts[f"ratio_to_{clients}_clients"] = _middle(ratios[clients], 3)
        return Result(
            op=self.operation.name, title=self.operation.title, connections=self.plan.connections,
            ours_per_s=_middle(ours, 1), ours_rounds=_rounded(ours), ours_spread_percent=_spread(ours),
            limit_per_s=_middle(limit, 1), limit_rounds=_rounded(limit), limit_spread_percent=_spread(limit),
            limit_clients=first, ratio=_middle(ratios[first], 3), ratio_rounds=[round(ratio, 3) for ratio in ratios[first]],
            p50_ms=_middle((one.load.p50_ms for one in self.ours), 2),
            p99_ms=_middle((one.load.p99_ms for one in self.ours), 2),
            p99_half_load_ms=_middle(half_loads, 2) if half_loads else None, p99_half_load_rounds=_rounded(half_loads),
            server_cpu_us=_middle((one.server_us for one in self.ours), 0),
            database_cpu_us=_middle((one.database_us for one in self.ours), 0),
            limit_database_cpu_us=_middle((one.database_us for one in self.limits[first]), 0),
            exact=not self.problems, problems=self.problems[:10], facts=facts,
        )  # fmt: skip


def _ratios(ours: Sequence[float], limits: Sequence[LimitRun]) -> list[float]:
    return [per_s / limit.per_s for per_s, limit in zip(ours, limits, strict=True)]


def _middle(values: Iterable[float], digits: int) -> float:
    return round(statistics.median(values), digits)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 1) for value in values]


def _spread(values: Sequence[float]) -> float:
    return round((max(values) - min(values)) / statistics.median(values) * 100, 1)
