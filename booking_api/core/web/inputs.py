"""How a request is read: its JSON body and its query string, as Structs, with a pointer to whatever doesn't fit."""

import asyncio
import math
import re
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Empty

from booking_api.core.errors import BodyTimedOut, FieldError, Invalid, UnsupportedMediaType, invalid, pointer_to
from booking_api.core.per_process import PerProcess
from booking_api.core.text.fields import Unfit, apply_rules
from booking_api.core.web.headers import header, read_head
from booking_api.core.web.misfits import describe_malformed, describe_misfit
from booking_api.core.web.patience import Patience
from booking_api.core.web.replies import JSON, runtime_of

BODIES = PerProcess(Patience)
LONG_BYTES = 16 * 1024
"""Longer bodies whose texts aren't ASCII are treated off the event loop."""
T = TypeVar("T")
Query = TypeVar("Query", bound=msgspec.Struct)

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class ApiRequest(Request[Any, Any, Any]):
    """A request that reads its body without a chain of generators: nearly always it comes in one piece."""

    async def body(self) -> bytes:
        """The body. Raises 413 beyond the limit, whether that is announced or not, and 408 where it takes too long."""
        if self._body is not Empty:
            return cast("bytes", self._body)
        state = self._connection_state
        if state.body is Empty:
            state.body = await self._read_in_time()
        self._body = state.body
        return cast("bytes", state.body)

    async def _read_in_time(self) -> bytes:
        """All of it within one time-out: a body that comes byte by byte would never be late."""
        runtime = runtime_of(self)
        patience = BODIES.of(runtime.caches, runtime.settings.body_seconds)
        task = asyncio.current_task()
        assert task is not None
        patience.begin(task, asyncio.get_running_loop())
        try:
            body = await self._read_whole()
        except asyncio.CancelledError:
            if patience.end(task):
                raise BodyTimedOut from None
            raise
        except BaseException:
            patience.end(task)
            raise
        if patience.end(task):  # It was cancelled in the very moment in which the rest came.
            raise BodyTimedOut
        return body

    async def _read_whole(self) -> bytes:
        limit = self.route_handler.resolve_request_max_body_size() or math.inf
        announced = read_head(self.scope).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            raise RequestEntityTooLarge
        body, more = b"", True
        while more:
            message: Any = await self.receive()
            if message["type"] != "http.request":
                raise ClientException("The client went away before all of its request had come.")
            body += message["body"]
            if len(body) > limit:
                raise RequestEntityTooLarge
            more = message.get("more_body", False)
        self.is_connected = False
        return body


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


async def read_body(request: Request[Any, Any, Any], into: type[T], *, optional: bool = False) -> T:
    """The JSON body as a Struct, each text treated as its field says (`core.text.fields`).

    Raises `Invalid` with a pointer to the field for anything that doesn't fit.
    """
    raw = await request.body()
    if optional and not raw.strip():
        raw = b"{}"
    elif (given := header(request.scope, b"content-type")) is not None and given != JSON:
        content_type = given.partition(";")[0].strip().lower()
        if content_type != JSON:
            raise UnsupportedMediaType(f"Send application/json, not {content_type[:60]!r}.")
    value = decode_json(raw, into)
    if len(raw) > LONG_BYTES and not (raw.isascii() and b"\\u" not in raw):
        # Whatever can be heaped upon a body of the greatest length takes a second to clean: others go on meanwhile.
        loop, threads = asyncio.get_running_loop(), runtime_of(request).threads
        return await loop.run_in_executor(threads, _treated, request, value, into)
    return _treated(request, value, into)


def decode_json(raw: bytes, into: type[T]) -> T:
    """JSON as it came, as a Struct whose texts are untreated. Raises `Invalid` with a pointer."""
    decoder = _decoders.get(into)
    if decoder is None:
        decoder = _decoders[into] = msgspec.json.Decoder(into)
    try:
        value = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _misfit(error, into) from None
    except RecursionError:
        raise invalid("", "The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise invalid("", "The body is not valid UTF-8.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid("", describe_malformed(str(error), raw)) from None
    if b"\\u0000" in raw and _NUL.search(raw):
        raise invalid("", "A string contains the character NUL, which no text here may.")
    return value


def read_line(raw: bytes, into: type[T], country: str | None) -> T:
    """One JSON document of many, its texts treated as its fields say. Raises `Invalid` with a pointer."""
    value = decode_json(raw, into)
    try:
        return apply_rules(value, into, country)
    except Unfit as error:
        raise invalid(pointer_to(*reversed(error.steps)), error.detail) from None


def read_query(request: Request[Any, Any, Any], into: type[Query]) -> Query:
    """The query string as a Struct, treated as a body is. Raises `Invalid` with a pointer `/query/<name>`."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise invalid(pointer_to("query", name), "The parameter is given twice.")
        if "\0" in value or "\ufffd" in value:
            raise invalid(pointer_to("query", name), "The value is not text without NUL in valid UTF-8.")
        given[name] = value
    try:
        query = msgspec.convert(given, into, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error, into, "query") from None
    # Not `msgspec.structs.fields`, which resolves the annotations anew each time: a tenth of a search's time.
    for name, field in zip(query.__struct_encode_fields__, query.__struct_fields__, strict=True):
        if name in given:
            _refuse_lenience(name, given[name], getattr(query, field))
    return _treated(request, query, into, "query")


def _misfit(error: msgspec.ValidationError, into: Any, *within: str) -> Invalid:
    steps, detail = describe_misfit(error, into)
    return Invalid(detail, errors=[FieldError(pointer_to(*within, *steps), detail)])


def _treated(request: Request[Any, Any, Any], value: T, into: Any, *within: str) -> T:
    auth = request.scope.get("auth")
    try:
        return apply_rules(value, into, None if auth is None else auth[0].phone_country)
    except Unfit as error:
        raise invalid(pointer_to(*within, *reversed(error.steps)), error.detail) from None


def _refuse_lenience(name: str, given: str, value: Any) -> None:
    """Reading text leniently takes `null` for what may be absent, and a number for seconds since 1970."""
    if value is None:
        raise invalid(pointer_to("query", name), "The parameter can't be null; leave it out.")
    if isinstance(value, datetime) and "-" not in given[1:]:
        raise invalid(pointer_to("query", name), "Give a time with its offset, such as 2026-06-01T09:00:00Z.")
