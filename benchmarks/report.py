"""The table that people read."""

from rich.console import Console
from rich.table import Table

from benchmarks.schemas import Report, Result


def print_report(report: Report, console: Console) -> None:
    machine = report.machine
    console.print()
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB; {machine.system}; Python {machine.python}; "
        f"PostgreSQL {machine.postgresql}; a flush takes {machine.flush_ms} ms; "
        f"{machine.busy_percent:.0f} % busy with other things at the start"
    )
    plan = report.plan
    console.print(
        f"Load: {report.generator}. {plan.rounds} rounds of {plan.seconds:g} s each, {plan.connections} connections, "
        f"{plan.workers} worker{'s' * (plan.workers > 1)}. Took {report.seconds:.0f} s."
    )
    console.print(_table(report.results))
    for result in report.results:
        if result.facts:
            told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.facts.items())
            console.print(f"{result.op}: {told}")
    console.print(
        "Medians of the rounds; ± is (highest − lowest) / median. The limit is pgbench with the same statements one by one. "
        "CPU of server + database for a request (of the database for one of pgbench's)."
    )
    for result in report.results:
        for problem in result.problems:
            console.print(f"[bold red]{result.op} is not exact:[/] {problem}")


def _table(results: list[Result]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("operation")
    for name in ("ours /s", "±", "limit /s", "±", "ratio", "p50 ms", "p99 ms", "p99 half load", "CPU µs", "exact"):
        table.add_column(name, justify="right")
    for result in results:
        if result.op == "memory":
            continue
        table.add_row(
            result.title, _rate(result.ours_per_s), _percent(result.ours_spread_percent), _rate(result.limit_per_s),
            _percent(result.limit_spread_percent), "–" if result.ratio is None else f"{result.ratio:.2f}",
            _milliseconds(result.p50_ms), _milliseconds(result.p99_ms), _milliseconds(result.p99_half_load_ms),
            _cpu(result), "yes" if result.exact else "[bold red]NO[/]",
        )  # fmt: skip
    return table


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _cpu(result: Result) -> str:
    """Of the server, of the database, and in brackets of the database for one of pgbench's transactions."""
    if result.server_cpu_us is None:
        return "–"
    told = f"{result.server_cpu_us:,.0f} + {result.database_cpu_us:,.0f}"
    return told if result.limit_database_cpu_us is None else f"{told} ({result.limit_database_cpu_us:,.0f})"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} %"


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"
