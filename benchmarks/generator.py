"""The load generator: a program of its own that sends requests made beforehand, as cheaply as Python can.

It reads a `Load` on standard input and writes a `LoadRun` on standard output, both in MessagePack. Each connection is
kept alive and carries one request at a time. Without a rate each sends its next request when it has its answer;
with one, requests are due at even times and their latency counts from then, so that a queue shows.

It shares the machine with what it measures. Hence plain sockets in one loop, which takes no more of the processor than
wrk does, and sleeps until a request is due or an answer is there (`docs/adr/0028`).
"""

import gc
import itertools
import select
import selectors
import socket
import sys
import time
from array import array
from collections import deque

import msgspec

GRACE_SECONDS = 30.0
"""How long answers are waited for when nothing is sent any more."""
CHUNK = 2**16
SHOWN_BYTES = 600


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. A burst is a load with as many connections as requests."""

    requests: list[bytes]
    port: int
    connections: int
    seconds: float | None = None
    """None: until every request was sent."""
    per_s: float | None = None
    repeat: bool = False
    """Whether to begin again where the requests end."""


class LoadRun(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a load. Latencies in milliseconds, until the last byte of an answer was received."""

    seconds: float
    sent: int
    statuses: dict[str, int]
    lost: int = 0
    """Requests whose connection ended before their answer."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    refusals: dict[str, str] = {}
    """The first answer of each status that isn't 2xx."""

    @property
    def answered(self) -> int:
        return sum(self.statuses.values())

    @property
    def per_s(self) -> float:
        return self.answered / self.seconds


class Lane:
    """One connection, and the answer that is coming in on it."""

    __slots__ = ("body_at", "buffer", "busy", "due", "needed", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.needed = self.body_at = 0
        self.due = 0.0
        self.busy = False

    def receive(self) -> bytes | None:
        """The answer, once all of it is there. Raises `OSError` where the connection has ended."""
        data = self.socket.recv(CHUNK)
        if not data:
            raise ConnectionResetError
        if self.buffer:
            data = self.buffer + data
        if not self.needed and (head_ends := data.find(b"\r\n\r\n")) > 0:
            self.body_at = head_ends + 4
            self.needed = self.body_at + content_length(data[:head_ends])
        if not self.needed or len(data) < self.needed:
            self.buffer = data
            return None
        self.buffer, self.needed = b"", 0
        return data


def content_length(head: bytes) -> int:
    """How long the body is. Raises `ValueError` for a body of unknown length, which no hot answer has."""
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at < 0:
        if b"\r\ntransfer-encoding:" in lowered:
            raise ValueError("an answer came in chunks")
        return 0
    ends = lowered.find(b"\r\n", at + 2)
    return int(lowered[at + 17 : ends if ends > 0 else None])


class Sender:
    """Sends a load and counts what comes back."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = itertools.cycle(load.requests) if load.repeat else iter(load.requests)
        self.selector = selectors.DefaultSelector()
        self.idle = deque(Lane(load.port) for _ in range(load.connections))
        for lane in self.idle:
            self.selector.register(lane.socket, selectors.EVENT_READ, lane)
        self.overdue: deque[float] = deque()
        """When requests were due that found no connection free."""
        self.flying = self.lost = 0
        self.latencies = array("d")
        self.statuses: dict[bytes, int] = {}
        self.refusals: dict[str, str] = {}

    def run(self) -> LoadRun:
        load = self.load
        self.began = self.ended = now = time.perf_counter()
        self.deadline = now + (float("inf") if load.seconds is None else load.seconds)
        give_up = now + (load.seconds or 0.0) + GRACE_SECONDS
        if load.per_s is None:
            self._send_all()
        else:
            self._pace(1.0 / load.per_s)
        while self.flying and (now := time.perf_counter()) < give_up:
            self._receive(give_up - now)
        if self.flying:
            self.lost, self.ended = self.lost + self.flying, now
        for lane in self.selector.get_map().values():
            lane.data.socket.close()
        self.selector.close()
        return self._sum_up()

    def _send_all(self) -> None:
        while self.idle and self._send(self.idle.popleft(), time.perf_counter()):
            pass

    def _pace(self, step: float) -> None:
        """Sends what is due, until the deadline or the last request."""
        due = self.began
        while (now := time.perf_counter()) < self.deadline and self.selector.get_map():
            while due <= now:
                if not self.idle:
                    self.overdue.append(due)
                elif not self._send(self.idle.popleft(), due):
                    return
                due += step
            # The selector itself waits for whole milliseconds.
            if select.select([self.selector], [], [], max(due - time.perf_counter(), 0.0))[0]:
                self._receive(0.0)
        self.overdue.clear()

    def _send(self, lane: Lane, due: float) -> bool:
        """Sends the next request, if there is one left."""
        request = next(self.requests, None)
        if request is None:
            return False
        lane.due, lane.busy = due, True
        self.flying += 1
        try:
            lane.socket.sendall(request)
        except OSError:
            self._lose(lane)
        return True

    def _receive(self, seconds: float) -> None:
        """Takes what has come in, and sends what waits for a free connection."""
        for key, _ in self.selector.select(seconds):
            lane: Lane = key.data
            try:
                answer = lane.receive()
            except OSError:
                self._lose(lane)
                continue
            if answer is None:
                continue
            self.ended = now = time.perf_counter()
            self._count(answer[9:12], now - lane.due, answer, lane.body_at)
            self.flying -= 1
            lane.busy = False
            if self.load.per_s is None:
                if now < self.deadline:
                    self._send(lane, now)
            elif not self.overdue or not self._send(lane, self.overdue.popleft()):
                self.idle.append(lane)

    def _count(self, status: bytes, seconds: float, answer: bytes, body_at: int) -> None:
        self.latencies.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if not status.startswith(b"2") and (name := status.decode()) not in self.refusals:
            self.refusals[name] = answer[body_at : body_at + SHOWN_BYTES].decode(errors="replace")

    def _lose(self, lane: Lane) -> None:
        """The connection has ended, and with it the request that was under way."""
        self.ended = time.perf_counter()
        self.selector.unregister(lane.socket)
        lane.socket.close()
        if lane.busy:
            self.lost += 1
            self.flying -= 1
        elif lane in self.idle:
            self.idle.remove(lane)

    def _sum_up(self) -> LoadRun:
        ordered = sorted(self.latencies)

        def at(share: float) -> float:
            return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3) if ordered else 0.0

        return LoadRun(
            seconds=max(self.ended - self.began, 1e-9), sent=len(ordered) + self.lost,
            statuses={status.decode(): count for status, count in sorted(self.statuses.items())}, lost=self.lost,
            p50_ms=at(0.5), p99_ms=at(0.99), max_ms=at(1.0), refusals=self.refusals,
        )  # fmt: skip


def main() -> None:
    sender = Sender(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load))
    gc.collect()
    gc.disable()
    sys.stdout.buffer.write(msgspec.msgpack.encode(sender.run()))


if __name__ == "__main__":
    main()
