"""The programs that a measurement runs: the product's own, the load generator, pgbench."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

import booking_api
from benchmarks import generator
from benchmarks.generator import Load, LoadRun
from booking_api.core.process import StartFailed

PATIENCE_SECONDS = 120.0
GENERATOR = "one process of plain sockets"
"""What sends the load, for a reader who compares with a report of another generator's."""


def our_environment(**values: str) -> dict[str, str]:
    """For the product's processes: these settings and none of this environment's; and the package that is imported here,
    though another version of it may be installed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BOOKING_", "PROMETHEUS_")) and name != "DATABASE_URL"
    }
    folders = [str(Path(booking_api.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(folders), **values}


async def run_program(command: Sequence[str], given: bytes, seconds: float) -> tuple[int | None, bytes, str]:
    """(exit status, standard output, standard error) of a program that should take so long; killed if it does not end."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, said = await asyncio.wait_for(process.communicate(given), seconds + PATIENCE_SECONDS)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return process.returncode, output, said.decode(errors="replace")


async def send_load(load: Load) -> LoadRun:
    """Sends the requests, each once and in order unless they repeat, until they or the seconds are over.

    Raises `StartFailed`.
    """
    command = [sys.executable, "-P", generator.__file__]
    status, output, said = await run_program(command, msgspec.msgpack.encode(load), load.seconds or 0.0)
    if status != 0:
        raise StartFailed(f"The load generator failed: {' '.join(said.splitlines()[-1:])}")
    return msgspec.msgpack.decode(output, type=LoadRun)
