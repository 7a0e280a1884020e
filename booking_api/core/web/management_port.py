"""A small HTTP server for a port beside the public one: health of a worker, metrics. One answer a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

import msgspec

PATIENCE_SECONDS = 5.0
"""How long the head of a request may take, and its answer to be read."""
MOST_CONNECTIONS = 32
GOES_WRONG = (OSError, TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError)


class PlainAnswer(msgspec.Struct, frozen=True):
    status: int
    media_type: str = "text/plain; charset=utf-8"
    body: bytes = b""


Respond = Callable[[str, str], Awaitable[PlainAnswer]]
"""From method and target to the answer."""


async def open_management_port(host: str, port: int, respond: Respond, *, shared: bool = False) -> asyncio.Server:
    """Listens there. `shared`: several processes may, and each connection goes to any of them."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            if connections <= MOST_CONNECTIONS:
                with suppress(*GOES_WRONG):
                    await _answer(reader, writer, respond)
        finally:
            connections -= 1
            writer.close()

    return await asyncio.start_server(serve, host, port, reuse_port=shared or None, limit=16 * 1024)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond) -> None:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    answer = await respond(method, rest.partition(" ")[0])
    writer.write(
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: {answer.media_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n".encode("latin-1")
    )
    if method != "HEAD":
        writer.write(answer.body)
    await asyncio.wait_for(writer.drain(), PATIENCE_SECONDS)
