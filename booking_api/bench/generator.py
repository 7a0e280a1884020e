"""The bench's own load generator: a process that sends requests made beforehand, as cheaply as Python can.

It reads one JSON object, a `Load`, on standard input and prints one, a `LoadRun`, on standard output. Each connection
is kept alive and carries one request at a time. Without a rate each sends its next request when it has its answer;
with one, requests are due at even times and their latency counts from then, so that a queue shows.
"""

import asyncio
import gc
import struct
import sys
import time
from array import array
from collections import deque
from pathlib import Path
from typing import cast

import msgspec

from booking_api.bench.schemas import LoadRun

_LENGTH = struct.Struct("!I")
GRACE_SECONDS = 30.0
TICK_SECONDS = 0.0005
SHOWN_BYTES = 600


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. A burst is a load with as many connections as requests."""

    file: str
    host: str
    port: int
    connections: int
    seconds: float | None = None
    """None: until every request was sent."""
    per_s: float | None = None
    repeat: bool = False
    """Whether to begin again where the requests end."""


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Each request behind its length; `wrk.lua` reads the same file."""
    with path.open("wb") as file:
        for request in requests:
            file.write(_LENGTH.pack(len(request)))
            file.write(request)


def read_requests(path: Path) -> list[bytes]:
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        found.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class Tally:
    """What all connections share: the requests, the clock and the counts."""

    def __init__(self, load: Load, requests: list[bytes]) -> None:
        self.load, self.requests = load, requests
        self.position = self.in_flight = self.lost = 0
        self.began = self.ended = 0.0
        self.deadline = float("inf")
        self.statuses: dict[bytes, int] = {}
        self.latencies = array("d")
        self.refusals: dict[str, str] = {}
        self.idle: deque[Lane] = deque()
        self.overdue: deque[float] = deque()
        self.done = asyncio.Event()

    def next_request(self) -> bytes | None:
        position = self.position
        if position == len(self.requests):
            if not self.load.repeat:
                return None
            position = self.position = 0
        self.position += 1
        return self.requests[position]

    def count(self, status: bytes, seconds: float, answer: bytes) -> None:
        self.latencies.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if not status.startswith(b"2") and status.decode() not in self.refusals:
            self.refusals[status.decode()] = answer[:SHOWN_BYTES].decode(errors="replace")


class Lane(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.buffer = b""
        self.needed = self.body_at = 0
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, due: float) -> bool:
        """Sends the next request, if there is one left."""
        request = self.tally.next_request()
        if request is None:
            return False
        self.due, self.busy = due, True
        self.tally.in_flight += 1
        self.transport.write(request)
        return True

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer = self.buffer + data if self.buffer else data
        if not self.needed:
            head_ends = buffer.find(b"\r\n\r\n")
            if head_ends < 0:
                return
            self.body_at = head_ends + 4
            self.needed = self.body_at + _content_length(buffer[:head_ends])
        if len(buffer) < self.needed:
            return
        self.buffer, self.needed = b"", 0
        self._answered(buffer)

    def _answered(self, answer: bytes) -> None:
        tally, clock = self.tally, time.perf_counter()
        self.busy = False
        tally.in_flight -= 1
        tally.count(answer[9:12], clock - self.due, answer[self.body_at :])
        if tally.load.per_s is not None:
            if tally.overdue:
                self.send(tally.overdue.popleft())
            else:
                tally.idle.append(self)
        elif clock < tally.deadline and self.send(clock):
            return
        if not tally.in_flight:
            tally.ended = clock
            tally.done.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self.busy:
            self.tally.lost += 1
            self.tally.in_flight -= 1
            if not self.tally.in_flight:
                self.tally.ended = time.perf_counter()
                self.tally.done.set()


def _content_length(head: bytes) -> int:
    """How long the body is. Raises `ValueError` for a body of unknown length, which no hot answer has."""
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        if b"\r\ntransfer-encoding:" in lowered:
            raise ValueError("an answer came in chunks")
        return 0
    ends = lowered.find(b"\r\n", at + 2)
    return int(lowered[at + 17 : ends if ends > 0 else None])


async def run(load: Load) -> LoadRun:
    """Opens the connections, then lets the clock run."""
    tally = Tally(load, read_requests(Path(load.file)))
    loop = asyncio.get_running_loop()
    lanes = [
        (await loop.create_connection(lambda: Lane(tally), load.host, load.port))[1] for _ in range(load.connections)
    ]
    gc.collect()
    gc.disable()
    tally.began = time.perf_counter()
    if load.seconds is not None:
        tally.deadline = tally.began + load.seconds
    if load.per_s is not None:
        tally.idle.extend(lanes)
        await _pace(tally, load.per_s)
    else:
        for lane in lanes:
            if not lane.send(time.perf_counter()):
                break
    patience = (load.seconds or 0.0) + GRACE_SECONDS
    if tally.in_flight:
        tally.done.clear()
        try:
            await asyncio.wait_for(tally.done.wait(), patience)
        except TimeoutError:
            tally.lost += tally.in_flight
            tally.ended = time.perf_counter()
    for lane in lanes:
        lane.transport.abort()
    return _sum_up(tally)


async def _pace(tally: Tally, per_s: float) -> None:
    """Sends what is due, until the deadline."""
    step, due = 1.0 / per_s, tally.began
    while (clock := time.perf_counter()) < tally.deadline:
        while due <= clock:
            if tally.idle:
                if not tally.idle.popleft().send(due):
                    return
            else:
                tally.overdue.append(due)
            due += step
        await asyncio.sleep(TICK_SECONDS)
    tally.overdue.clear()


def _sum_up(tally: Tally) -> LoadRun:
    ordered = sorted(tally.latencies)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3) if ordered else 0.0

    return LoadRun(
        seconds=max(tally.ended - tally.began, 1e-9), sent=len(ordered) + tally.lost,
        statuses={status.decode(): count for status, count in sorted(tally.statuses.items())}, lost=tally.lost,
        p50_ms=at(0.5), p99_ms=at(0.99), max_ms=at(1.0), refusals=tally.refusals,
    )  # fmt: skip


def main() -> None:
    import uvloop

    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(load))))


if __name__ == "__main__":
    main()
