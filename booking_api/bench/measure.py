"""Ours and the limit in turns, several rounds, with a proof after each run."""

import asyncio
import dataclasses
import statistics
from collections.abc import Sequence

from booking_api.bench import queries
from booking_api.bench.load import send_load
from booking_api.bench.loads.base import MeasuredOperation, Remark
from booking_api.bench.schemas import BenchPlan, LimitRun, LoadRun, Result
from booking_api.core.runtime import acquire

ROOM = 1.6
"""How many more requests than the last run would have needed a run gets."""


@dataclasses.dataclass
class _Rounds:
    ours: list[float] = dataclasses.field(default_factory=list)
    limits: list[float] = dataclasses.field(default_factory=list)
    """With the first number of clients; `other_limits` with the others."""
    other_limits: dict[int, list[float]] = dataclasses.field(default_factory=dict)
    p50s: list[float] = dataclasses.field(default_factory=list)
    p99s: list[float] = dataclasses.field(default_factory=list)
    server_cpu: list[float] = dataclasses.field(default_factory=list)
    database_cpu: list[float] = dataclasses.field(default_factory=list)
    limit_cpu: list[float] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)


class Bench:
    """Measures one operation."""

    def __init__(self, operation: MeasuredOperation, plan: BenchPlan, note: Remark) -> None:
        self.operation, self.plan, self.note = operation, plan, note
        self.guess_per_s = operation.first_guess_per_s
        self.limit_guess_per_s = operation.first_guess_per_s
        self.rounds = _Rounds()
        self.cpu = [0.0, 0.0]
        """What the server and the database used in the last run of ours, in seconds."""

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
        self.note(f"{self.operation.name}: warming up")
        await self.operation.prepare()
        if self.operation.slow_flush:
            await self._set_flushes(slow=True)
        await self._warm_up()

    async def round(self, number: int) -> None:
        self.note(f"{self.operation.name}: round {number + 1} of {self.plan.rounds}")
        # Whoever comes second finds warmer caches and more rows, so they take turns.
        for ours in (True, False) if number % 2 == 0 else (False, True):
            await (self._measure_ours() if ours else self._measure_limit())

    async def finish(self) -> Result:
        return self._sum_up(await self._run_half_loads() if self.plan.half_load and self.rounds.ours else [])

    async def _warm_up(self) -> None:
        """Fills caches and tables, and lets the planner know of the rows: a new table looks empty to it."""
        warm = await self._run_ours(self.plan.warm_seconds)
        self.guess_per_s = max(warm.answered / warm.seconds, 20.0)
        if (limit := await self._run_limit(self.plan.warm_seconds, self.operation.limit_clients[0])) is not None:
            self.limit_guess_per_s = max(limit.per_s, 20.0)
        async with acquire(self.operation.stage.runtime) as db:
            await queries.tidy(db)

    async def _measure_ours(self) -> None:
        run = await self._run_ours(self.plan.seconds)
        self.rounds.server_cpu.append(self.cpu[0] / max(run.answered, 1) * 1e6)
        self.rounds.database_cpu.append(self.cpu[1] / max(run.answered, 1) * 1e6)
        self.guess_per_s = run.answered / run.seconds
        self.rounds.ours.append(self.guess_per_s)
        self.rounds.p50s.append(run.p50_ms)
        self.rounds.p99s.append(run.p99_ms)

    async def _measure_limit(self) -> None:
        first, *others = self.operation.limit_clients
        if (limit := await self._run_limit(self.plan.seconds, first)) is not None:
            self.limit_guess_per_s = limit.per_s
            self.rounds.limit_cpu.append(limit.database_cpu_s / max(limit.transactions, 1) * 1e6)
            self.rounds.limits.append(limit.per_s)
        for clients in others:
            if (limit := await self._run_limit(self.plan.seconds, clients)) is not None:
                self.rounds.other_limits.setdefault(clients, []).append(limit.per_s)

    async def _run_ours(self, seconds: float, per_s: float | None = None) -> LoadRun:
        operation = self.operation
        room = per_s * 1.05 if per_s else self.guess_per_s * ROOM
        requests = await operation.make_requests(max(int(room * seconds), self.plan.connections * 2))
        await self._settle()
        before = await operation.read_books()
        cpu_before = operation.stage.cpu_seconds()
        run = await send_load(
            operation.stage, requests, connections=self.plan.connections, seconds=seconds, per_s=per_s,
            repeat=operation.repeats,
        )  # fmt: skip
        self.cpu = [b - a for a, b in zip(cpu_before, operation.stage.cpu_seconds(), strict=True)]
        after = await operation.read_books()
        self.rounds.problems += operation.find_problems(before, after, run)
        return run

    async def _run_limit(self, seconds: float, clients: int) -> LimitRun | None:
        await self._settle()
        return await self.operation.run_limit(seconds, self.limit_guess_per_s, clients)

    async def _run_half_loads(self) -> list[float]:
        """The p99 of each, in milliseconds. One stall of the machine decides it, hence as many runs as rounds."""
        self.note(f"{self.operation.name}: at half load")
        per_s = max(statistics.median(self.rounds.ours) / 2, 1.0)
        return [(await self._run_ours(self.plan.seconds, per_s=per_s)).p99_ms for _ in range(self.plan.rounds)]

    async def _settle(self) -> None:
        async with acquire(self.operation.stage.runtime) as db:
            await queries.settle_down(db)

    async def _set_flushes(self, *, slow: bool) -> None:
        async with acquire(self.operation.stage.runtime) as db:
            await (queries.slow_flushes(db) if slow else queries.plain_flushes(db))
        await asyncio.sleep(0.3)  # Until every process has read its settings again.

    def _sum_up(self, p99s_half_load: Sequence[float]) -> Result:
        rounds = self.rounds
        result = Result(
            op=self.operation.name, title=self.operation.title, connections=self.plan.connections,
            ours_per_s=round(statistics.median(rounds.ours), 1), ours_rounds=_rounded(rounds.ours),
            ours_spread_percent=_spread(rounds.ours), p50_ms=round(statistics.median(rounds.p50s), 2),
            p99_ms=round(statistics.median(rounds.p99s), 2), p99_half_load_rounds=_rounded(p99s_half_load),
            p99_half_load_ms=round(statistics.median(p99s_half_load), 2) if p99s_half_load else None,
            server_cpu_us=_middle(rounds.server_cpu), database_cpu_us=_middle(rounds.database_cpu),
            limit_database_cpu_us=_middle(rounds.limit_cpu), exact=not rounds.problems, problems=rounds.problems[:10],
        )  # fmt: skip
        if rounds.limits:
            result.limit_per_s = round(statistics.median(rounds.limits), 1)
            result.limit_rounds = _rounded(rounds.limits)
            result.limit_spread_percent = _spread(rounds.limits)
            result.ratio_rounds = [round(a / b, 3) for a, b in zip(rounds.ours, rounds.limits, strict=True)]
            # Of the rounds, because what else the machine was doing changes from round to round.
            result.ratio = round(statistics.median(result.ratio_rounds), 3)
            result.limit_clients = self.operation.limit_clients[0]
        for clients, per_s in rounds.other_limits.items():
            result.facts |= {
                f"limit_per_s_of_{clients}_clients": round(statistics.median(per_s), 1),
                f"ratio_to_{clients}_clients": round(
                    statistics.median(a / b for a, b in zip(rounds.ours, per_s, strict=True)), 3
                ),
            }
        return result


def _middle(values: Sequence[float]) -> float | None:
    return round(statistics.median(values)) if values else None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 1) for value in values]


def _spread(values: Sequence[float]) -> float:
    return round((max(values) - min(values)) / statistics.median(values) * 100, 1)
