"""What is measured, and how it is told."""

from typing import Any

import msgspec


class BenchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rounds: int = 5
    seconds: float = 4.0
    """Of each run of ours and of the limit, in each round."""
    warm_seconds: float = 1.5
    connections: int = 64
    workers: int = 1
    """Processes of the measured server."""
    slots: int = 1_000_000
    """Slots that searches run over."""
    bookings: int = 10_000_000
    """Bookings that growth is measured up to."""
    half_load: bool = True
    """Whether to measure latencies at half of the throughput, too."""


class LimitRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of pgbench."""

    per_s: float
    transactions: int
    database_us: float = 0.0
    """Of PostgreSQL's CPU for one transaction."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures were measured on."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    postgresql: str
    flush_ms: float
    """Median time of a write of 8 KB that is flushed to the disk the database was on."""
    busy_percent: float
    """Of all cores, by whatever else ran on the machine when the measurement began."""
    packages: dict[str, str]


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One operation. `ratio` is ours over the limit; a spread is (highest − lowest) / median of the rounds."""

    op: str
    title: str
    ours_per_s: float
    limit_per_s: float | None = None
    ratio: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    """At full load, where requests wait for each other."""
    p99_half_load_ms: float | None = None
    p99_half_load_rounds: list[float] = []
    connections: int
    limit_clients: int | None = None
    """Connections of pgbench."""
    ours_rounds: list[float] = []
    limit_rounds: list[float] = []
    server_cpu_us: float | None = None
    """CPU time of the server's processes for one request; `database_cpu_us` of PostgreSQL's. They say what a change
    saved even where other programs disturb the rates."""
    database_cpu_us: float | None = None
    limit_database_cpu_us: float | None = None
    """Of PostgreSQL for one of pgbench's transactions."""
    ours_spread_percent: float | None = None
    limit_spread_percent: float | None = None
    ratio_rounds: list[float] = []
    exact: bool = True
    """Whether the tables agreed with the answers after each run."""
    problems: list[str] = []
    facts: dict[str, Any] = {}


class Report(msgspec.Struct, kw_only=True):
    """All of a run."""

    machine: Machine
    generator: str
    plan: BenchPlan
    settings: dict[str, str]
    results: list[Result]
    seconds: float
