"""Sending a load: by `wrk` where it is installed, else by the generator of our own."""

import asyncio
import functools
import shutil
import sys
from pathlib import Path

import msgspec

from booking_api.bench.generator import Load, write_requests
from booking_api.bench.schemas import LoadRun
from booking_api.bench.stage import Stage
from booking_api.core.process import StartFailed

WRK_SCRIPT = Path(__file__).parent / "wrk.lua"
PATIENCE_SECONDS = 60.0


@functools.cache
def find_wrk() -> str | None:
    return shutil.which("wrk")


def generator_name() -> str:
    """What sends the load."""
    return "wrk" if find_wrk() else "the bench's own (asyncio and uvloop, in a process of its own)"


async def send_load(
    stage: Stage, requests: list[bytes], *, connections: int, seconds: float | None = None,
    per_s: float | None = None, repeat: bool = False,
) -> LoadRun:  # fmt: skip
    """Sends the requests, each once and in order unless they repeat, until they or the seconds are over.

    A burst always comes from the generator of our own: wrk knows none.
    """
    file = stage.folder / "requests.bin"
    await asyncio.to_thread(write_requests, file, requests)
    load = Load(
        file=str(file), host="127.0.0.1", port=stage.settings.port, connections=connections, seconds=seconds,
        per_s=per_s, repeat=repeat,
    )  # fmt: skip
    wrk = find_wrk()
    if wrk is not None and seconds is not None:
        return await _run_wrk(wrk, load, seconds)
    output = await _run([sys.executable, "-P", "-m", "booking_api.bench.generator"], msgspec.json.encode(load), seconds)
    return msgspec.json.decode(output, type=LoadRun)


async def _run(command: list[str], given: bytes, seconds: float | None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, said = await asyncio.wait_for(process.communicate(given), (seconds or 0.0) + PATIENCE_SECONDS)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise StartFailed(f"The load generator failed: {' '.join(said.decode(errors='replace').splitlines()[-1:])}")
    return output


async def _run_wrk(wrk: str, load: Load, seconds: float) -> LoadRun:
    """wrk counts time in whole seconds and ends earlier where the requests do."""
    command = [
        wrk, "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(WRK_SCRIPT),
        f"http://{load.host}:{load.port}", "--", load.file, "repeat" if load.repeat else "once",
    ]  # fmt: skip
    if load.per_s is not None:
        command.append(str(load.per_s))
    return read_wrk((await _run(command, b"", seconds)).decode(errors="replace"))


def read_wrk(output: str) -> LoadRun:
    """What `wrk.lua` printed. Requests that were under way when wrk ended were sent, but have no answer.

    wrk counts a latency from the moment of sending. Where requests have even times at which they are due, how late
    they were sent is added.
    """
    told: dict[str, str] = {}
    statuses: dict[str, int] = {}
    refusals: dict[str, str] = {}
    for line in output.splitlines():
        mark, _, rest = line.partition(" ")
        if mark != "BENCH":
            continue
        if rest.startswith("statuses"):
            pairs = (pair.split("=") for pair in rest.split()[1:])
            statuses = {status: int(count) for status, count in sorted(pairs)}
        elif rest.startswith("refused "):
            _, status, body = rest.split(" ", 2)
            refusals[status] = body
        else:
            told |= dict(pair.split("=") for pair in rest.split())
    return LoadRun(
        seconds=float(told["seconds"]), sent=int(told["sent"]), statuses=statuses, lost=int(told["lost"]),
        p50_ms=round(float(told["p50"]), 3), p99_ms=round(float(told["p99"]) + float(told["late_p99"]), 3), max_ms=round(float(told["max"]), 3),
        refusals=refusals,
    )  # fmt: skip
