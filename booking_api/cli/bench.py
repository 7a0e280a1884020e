"""`bench`: figures of this very installation."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from booking_api.cli.console import run
from booking_api.cli.mobile import bench_mobile


class MeasuringGroup(TyperGroup):
    """`bench hold scan --quick` is `bench run hold scan --quick`: only other commands have to be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


bench = typer.Typer(cls=MeasuringGroup, help="Figures of this very installation. Without a command: run.")


def register(app: typer.Typer) -> None:
    bench.command("run")(run_bench)
    bench.command("mobile")(bench_mobile)
    app.add_typer(bench, name="bench")


def run_bench(
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
    flash_sale, picture, memory, workers, growth. `--quick` leaves out the last two.
    """
    import asyncio

    import msgspec
    from rich.console import Console

    from booking_api.bench.chart import draw_chart
    from booking_api.bench.report import print_report
    from booking_api.bench.run import choose, make_plan
    from booking_api.bench.run import run_bench as measure
    from booking_api.core.log import configure_logging
    from booking_api.core.settings import Settings

    configure_logging(Settings(log_level="error"))
    names = choose(operations or [], quick=quick)
    plan = make_plan(
        quick=quick, rounds=rounds, seconds=seconds, connections=connections, workers=workers, slots=slots,
        bookings=bookings,
    )  # fmt: skip
    try:
        report = run(lambda: measure(names, plan, data_dir, Console(stderr=True)))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None
    print_report(report, Console())
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if chart is not None:
        chart.write_text(draw_chart(report), encoding="utf-8")
    if not all(result.exact for result in report.results):
        raise typer.Exit(1)
