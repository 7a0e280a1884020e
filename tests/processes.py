"""Real processes for tests: started as an operator would, awaited, and never left behind."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from booking_api.run.starting import free_port

SECRET = "a secret for the tests alone and for nothing else"
PATIENCE_SECONDS = 60.0
"""How long a test waits for what should take a second: these machines are busy."""


def environment(**values: str) -> dict[str, str]:
    """This environment without settings of ours, and with these."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BOOKING_") and k != "DATABASE_URL"}
    return {**kept, "BOOKING_SECRET_KEY": SECRET, "BOOKING_LOG_LEVEL": "warning", **values}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "booking_api", *arguments]


def run(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(**values),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def run_benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m benchmarks` from this clone to its end."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=Path(__file__).parents[1], env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


class Running(subprocess.Popen[str]):
    """A process whose standard error goes to a file, because nobody empties a pipe while it runs."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - as long as it runs
        super().__init__(arguments, env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def said(self) -> str:
        """Everything it wrote to standard error so far."""
        self.log.seek(0)
        return self.log.read()


@contextlib.contextmanager
def running(*arguments: str, **values: str) -> Iterator[Running]:
    """A command in the background; killed, with all it started, when the test is done with it."""
    process = Running(command(*arguments), environment(**values))
    family: list[psutil.Process] = []
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
        process.log.close()


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true value of a function, asked again and again. Raises `AssertionError` when none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def get(url: str) -> httpx.Response | None:
    """The answer, or None where nobody answers."""
    try:
        return httpx.get(url, timeout=10, trust_env=False)
    except httpx.HTTPError:
        return None


def is_ready(url: str, workers: int = 0) -> bool:
    answer = get(f"{url}/readyz")
    return answer is not None and answer.status_code == 200 and answer.json()["workers"] >= workers


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def wait_until_gone(family: list[psutil.Process]) -> None:
    """Waits until none of the processes is left."""
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def read_line(process: Running) -> str:
    """The next line of its standard output. Raises `AssertionError` with its last words if it has ended."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.said()
    return line


@contextlib.contextmanager
def demo(folder: Path, *arguments: str, **values: str) -> Iterator[tuple[Running, dict[str, str]]]:
    """A demo that is ready, and what it announced."""
    given = ("demo", "--json", "--port", "0", "--data-dir", str(folder), *arguments)
    with running(*given, **{"BOOKING_SECRET_KEY": "", **values}) as process:
        yield process, json.loads(read_line(process))


def stop(process: Running, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    """Asks a process to stop: its exit status, and what it still wrote to standard output and error."""
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, process.said()


@contextlib.asynccontextmanager
async def served(database_url: str, *arguments: str, **values: str) -> AsyncIterator[tuple[Running, str]]:
    """A server that is ready, and its URL."""
    port = free_port()
    with running("serve", "--port", str(port), *arguments, DATABASE_URL=database_url, **values) as process:
        url = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(wait_for, lambda: is_ready(url) or process.poll() is not None)
        yield process, url
