"""A bad network in front of PostgreSQL: it delays, cuts, refuses, or keeps silent (half-open connections)."""

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

from booking_api.run.starting import free_port

POSTGRES_PORT = 5432
Fault = Literal["none", "cut", "refuse", "silent"]
What = Literal["lose", "carry out and cut", "be silent", "carry out and be silent", "be silent afterwards"]
"""Of a statement: it never arrives and the connection is cut; it is carried out and the connection is cut before the
answer; it never arrives and nobody says so; it is carried out and the answer never arrives; it is answered (prepared,
where it is new), and what comes next never arrives."""


@dataclasses.dataclass
class Trap:
    statement: bytes
    what: What
    nth: int


@dataclasses.dataclass(eq=False)
class Link:
    """One connection of a client and the one that was made for it to PostgreSQL."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    is_dead: bool = False
    """What is sent over it arrives nowhere, also once the network is well again."""
    is_doomed: bool = False
    """It is dead from the next packet of its client on."""
    is_deaf: bool = False
    """PostgreSQL hears its client, but not the other way round."""
    swallows_answer: bool = False
    """It is cut as soon as PostgreSQL has answered, before anybody hears of it."""

    def cut(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with RST, as a machine that has forgotten the connection does."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    """Use `running_proxy`. `url` is the database as clients of the proxy name it."""

    def __init__(self, database_url: str) -> None:
        self.parts = urlsplit(database_url)
        self.port = free_port()
        user = self.parts.netloc.rpartition("@")[0] or "postgres"
        # Without TLS, so that statements can be recognised.
        self.url = urlunsplit(
            (self.parts.scheme, f"{user}@127.0.0.1:{self.port}", self.parts.path, "sslmode=disable", "")
        )
        self.fault: Fault = "none"
        self.delay_seconds = 0.0
        """Added to each packet in each direction."""
        self.links: set[Link] = set()
        self.unheard: list[bytes] = []
        """What was said over dead connections."""
        self.trap: Trap | None = None
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # what a test does with it ---------------------------------------------------------------------------------------

    async def cut(self) -> None:
        """Cuts every connection; new ones are cut as soon as they are made."""
        self.fault = "cut"
        self._cut_all()

    async def refuse(self) -> None:
        """Nobody listens, and what was connected is cut: PostgreSQL is down."""
        self.fault = "refuse"
        await self._stop_listening()
        self._cut_all()

    async def be_silent(self) -> None:
        """Half-open: connections stay and can be made, but nothing that is sent arrives, in either direction."""
        self.fault = "silent"
        for link in self.links:
            link.is_dead = True

    async def heal(self) -> None:
        """New connections work again. What was silenced stays dead, as behind a router that forgot it."""
        self.fault, self.delay_seconds, self.trap = "none", 0.0, None
        if self._listener is None:
            await self._listen()

    def at(self, statement: str, what: What, nth: int = 1) -> None:
        """Does something to the connection over which the nth statement with this text is sent from now on."""
        self.trap = Trap(statement.encode(), what, nth)

    # how it works ---------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _cut_all(self) -> None:
        for link in list(self.links):
            link.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = Link(writer, is_dead=self.fault == "silent")
        self.links.add(link)
        try:
            if self.fault in {"cut", "refuse"}:
                return
            if link.is_dead:
                while packet := await reader.read(65536):
                    self.unheard.append(packet)
                return
            answers, link.server = await self._connect()
            await asyncio.gather(self._carry(link, reader, link.server, sent=True), self._carry(link, answers, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            link.cut()
            self.links.discard(link)
            self._tasks.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self.parts.query).get("host", [""])[0]
        port = self.parts.port or POSTGRES_PORT
        if folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self.parts.hostname or folder or "127.0.0.1", port)

    async def _carry(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, sent: bool = False
    ) -> None:
        try:
            while packet := await reader.read(65536):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if sent:
                    self._spring(link, packet)
                elif link.swallows_answer:
                    break
                if link.is_dead or (link.is_deaf and not sent):
                    if sent:
                        self.unheard.append(packet)
                    continue
                writer.write(packet)
                await writer.drain()
        finally:
            if not (link.is_dead or link.is_deaf):
                link.cut()

    def _spring(self, link: Link, packet: bytes) -> None:
        """Looks whether the trap has waited for this packet of a client."""
        if link.is_doomed:
            link.is_dead = True
        trap = self.trap
        if trap is None or trap.statement not in packet:
            return
        trap.nth -= 1
        if trap.nth > 0:
            return
        self.trap = None
        match trap.what:
            case "lose":
                link.cut()
            case "carry out and cut":
                link.swallows_answer = True
            case "be silent":
                link.is_dead = True
            case "be silent afterwards":
                link.is_doomed = True
            case "carry out and be silent":
                link.is_deaf = True

    async def close(self) -> None:
        await self._stop_listening()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def running_proxy(database_url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(database_url)
    await proxy._listen()
    try:
        yield proxy
    finally:
        await proxy.close()
