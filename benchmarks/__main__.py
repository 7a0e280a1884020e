"""The command line, `python -m benchmarks`."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from benchmarks import mobile
from benchmarks.chart import draw_chart
from benchmarks.report import print_report
from benchmarks.run import choose, make_plan, run_bench
from booking_api.cli.console import OneSentenceGroup
from booking_api.core.console import run
from booking_api.core.log import configure_logging
from booking_api.core.settings import Settings


class MeasuringGroup(OneSentenceGroup):
    """`hold scan --quick` is `run hold scan --quick`: only other commands have to be named."""

    program = "benchmarks"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="benchmarks",
    cls=MeasuringGroup,
    help="How fast the booking API is on this machine. Without a command: run.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)


@app.command("run")
def measure(
    operations: Annotated[list[str] | None, typer.Argument(help="Which to measure. [default: all]")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A rough picture within a minute.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="Draw them into this file (SVG).")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="[default: 5]")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.2, help="Of each run. [default: 4]")] = None,
    connections: Annotated[int, typer.Option(min=1, max=4_000, help="Clients at once.")] = 64,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of the measured server. [default: one for every two cores]")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1_000, help="Slots to search. [default: 1000000]")] = None,
    bookings: Annotated[
        int | None, typer.Option(min=20_000, max=100_000_000, help="Bookings to grow to. [default: 10000000]")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the database is put. [default: where temporary files go]")
    ] = None,
) -> None:
    """Measures the hot paths against PostgreSQL's own limit, in a database and with a server of its own.

    Operations: hold, hold_hot, hold_hot_slow_disk, confirm, scan, express, search, calendar, calendar_line,
    discover, flash_sale, picture, memory, workers, growth. `--quick` leaves out the last two.
    """
    configure_logging(Settings(log_level="error"))
    names = choose(operations or [], quick=quick)
    plan = make_plan(
        quick=quick, rounds=rounds, seconds=seconds, connections=connections, workers=workers, slots=slots,
        bookings=bookings,
    )  # fmt: skip
    try:
        report = run(lambda: run_bench(names, plan, data_dir, Console(stderr=True)))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None
    print_report(report, Console())
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if chart is not None:
        chart.write_text(draw_chart(report), encoding="utf-8")
    if not all(result.exact for result in report.results):
        raise typer.Exit(1)


@app.command("mobile")
def measure_phone(
    url: Annotated[str, typer.Option(help="Of a running installation; without it a demo is started.")] = "",
    key: Annotated[str, typer.Option(help="A publishable key of it.")] = "",
    origin: Annotated[str, typer.Option(help="Place to go from.")] = "JFK",
    destination: Annotated[str, typer.Option(help="Place to go to.")] = "LAX",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead of tables.")] = False,
) -> None:
    """Requests and bytes that a booking costs a phone: a first-time guest's, and a returning customer's."""
    if url:
        guest, returning = run(lambda: mobile.book(url, key, origin, destination))
    else:
        with mobile.demo_of_its_own() as (own_url, own_key):
            guest, returning = run(lambda: mobile.book(own_url, own_key, origin, destination))
    mobile.tell(guest, returning, as_json=as_json)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
