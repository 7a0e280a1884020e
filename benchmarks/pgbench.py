"""PostgreSQL's own limit: pgbench running the same operation's statements one by one."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.programs import run_program
from benchmarks.schemas import LimitRun
from benchmarks.stage import Stage
from booking_api.core.process import StartFailed

SCRIPTS = Path(__file__).parent / "scripts"
CLIENTS = 8
"""As many connections as one process of ours has. More make a spread load hardly faster."""
_TPS = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)
_DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


async def run_limit(
    stage: Stage, script: str, variables: Mapping[str, object], seconds: float, guess_per_s: float, *,
    clients: int, exactly: int | None = None,
) -> LimitRun:  # fmt: skip
    """Runs `scripts/<script>.sql` for some seconds. Raises `StartFailed`.

    Statements are prepared once a connection, as ours are. Scripts that use rows up get an exact number of
    transactions for each client. pgbench counts time in whole seconds, so that less is a number of transactions too.
    """
    if exactly is None and seconds < 1:
        exactly = int(guess_per_s * seconds) // clients
    amount = ["-T", str(round(seconds))] if exactly is None else ["-t", str(max(1, exactly))]
    command = [
        str(stage.database.programs / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", *amount,
        "-f", str(SCRIPTS / f"{script}.sql"), "-h", str(stage.database.sockets), "-U", "postgres",
    ]  # fmt: skip
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    before = stage.cpu_seconds()[1]
    status, output, said = await run_program([*command, stage.database_name], b"", seconds)
    run = read_pgbench(script, status, output.decode(), said)
    used = stage.cpu_seconds()[1] - before
    return msgspec.structs.replace(run, database_us=used / max(run.transactions, 1) * 1e6)


def read_pgbench(script: str, status: int | None, output: str, said: str) -> LimitRun:
    """What pgbench printed. Raises `StartFailed` where a transaction failed: then it isn't the same operation."""
    tps, done, failed = _TPS.search(output), _DONE.search(output), _FAILED.search(output)
    if status != 0 or tps is None or done is None or (failed is not None and int(failed[1])):
        why = " ".join(said.split())[-400:] or "it printed no figures"
        raise StartFailed(f"pgbench failed at scripts/{script}.sql: {why}")
    return LimitRun(per_s=float(tps[1]), transactions=int(done[1]))
