"""What the figures are measured on."""

import os
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.schemas import Machine

PACKAGES = ("booking-api", "litestar", "granian", "asyncpg", "msgspec", "uvloop", "pyjwt", "cryptography")
FLUSHES = 60
GIBIBYTE = 2**30


def count_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def look_at_machine(folder: Path, postgresql: str) -> Machine:
    """Takes about a second: it listens how busy the machine is and writes to the disk that `folder` is on."""
    return Machine(
        cpu=_cpu_name(), cores=count_cores(),
        memory_gb=round(psutil.virtual_memory().total / GIBIBYTE, 1), system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(), postgresql=postgresql, busy_percent=psutil.cpu_percent(interval=0.5),
        flush_ms=round(measure_flush(folder) * 1000, 3), packages=_versions(),
    )  # fmt: skip


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def measure_flush(folder: Path) -> float:
    """Seconds that a write of 8 KB takes until it is on the disk, as the log of the database is written."""
    path, page = folder / "flush", bytes(8192)
    # Made at full length first: what is measured is the flush of a page, not of a longer file.
    path.write_bytes(page * FLUSHES)
    taken: list[float] = []
    flush = getattr(os, "fdatasync", os.fsync)
    handle = os.open(path, os.O_WRONLY)
    try:
        os.fsync(handle)
        for number in range(FLUSHES):
            began = time.perf_counter()
            os.pwrite(handle, page, number * len(page))
            flush(handle)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(taken)
