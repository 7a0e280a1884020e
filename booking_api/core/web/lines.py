"""A body that is read line by line while it comes, however long it is: NDJSON in bounded memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import ClientException

from booking_api.core.errors import BodyTimedOut, UnsupportedMediaType
from booking_api.core.web.headers import header
from booking_api.core.web.replies import runtime_of

NDJSON = "application/x-ndjson"
KINDS = {NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines"}
LONGEST_LINE = 64 * 1024
LONGEST_SECONDS = 900.0
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
TOO_LONG = b"\0"
"""Stands for a line that is longer than any is taken, of which no more is kept."""


async def read_lines(request: Request[Any, Any, Any]) -> AsyncIterator[tuple[int, bytes]]:
    """Each line that isn't blank, with its number from 1. One that is too long is `TOO_LONG`.

    The sender is read no faster than the lines are taken. Raises `UnsupportedMediaType` for another kind of body, and
    `BodyTimedOut` where nothing more comes for as long as a whole body may take elsewhere, or all of it takes too long.
    """
    given = (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()
    if given not in KINDS:
        raise UnsupportedMediaType(f"Send application/x-ndjson, not {given[:60]!r}.")
    number, rest, more = 0, b"", True
    began = False
    deadline = asyncio.get_running_loop().time() + LONGEST_SECONDS
    while more:
        if asyncio.get_running_loop().time() > deadline:
            raise BodyTimedOut
        piece, more = await _next_piece(request)
        if not began and piece:
            piece, began = piece.removeprefix(BYTE_ORDER_MARK), True
        *whole, rest = (rest + piece).split(b"\n")
        if not more:
            whole.append(rest)
        elif len(rest) > LONGEST_LINE:
            rest = rest[: LONGEST_LINE + 1]  # It is too long whatever follows.
        for line in whole:
            number += 1
            if line.strip():
                yield number, line if len(line) <= LONGEST_LINE else TOO_LONG


async def _next_piece(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(runtime_of(request).settings.body_seconds):
            message: Any = await request.receive()
    except TimeoutError:
        raise BodyTimedOut from None
    if message["type"] != "http.request":
        raise ClientException("The client went away before all of its request had come.")
    return message.get("body", b""), message.get("more_body", False)
