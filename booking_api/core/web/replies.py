"""What is sent: an answer serialised once, its ETag, the tokens that join it and are never stored."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.types import Receive, Scope, Send

from booking_api.core.context import Context
from booking_api.core.errors import (
    invalid,
)
from booking_api.core.preconditions import Precondition
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import content_etag
from booking_api.core.web.headers import header

JSON = "application/json"
PROBLEM = "application/problem+json"

encode = msgspec.json.Encoder().encode


class Reply:
    """An answer, serialised at once, so that what is stored for a replay is what is sent."""

    __slots__ = ("body", "etag", "headers", "media_type", "secrets", "status", "tokens_for")

    def __init__(
        self,
        value: Any = None,
        status: int = 200,
        *,
        etag: str | None = None,
        headers: dict[str, str] | None = None,
        tokens_for: UUID | None = None,
        secrets: Any = None,
        media_type: str = JSON,
    ) -> None:
        self.status = status
        self.body: bytes = value if isinstance(value, bytes) else b"" if value is None else encode(value)
        self.etag = etag
        self.headers = headers or {}
        self.tokens_for = tokens_for
        """A customer who gets tokens with this answer. They are minted anew on a replay and never stored."""
        self.secrets = secrets
        """An object whose members join the answer as it is sent and are never stored; see `writing`'s `renew`."""
        self.media_type = media_type


WITHOUT_CONTENT = {204, 304}


class BytesResponse(Response[bytes]):
    """An answer whose body is bytes already: it sends itself.

    Litestar makes another object of a response first and searches all its headers for each that it adds.
    """

    __slots__ = ("body", "lines", "status")

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], media_type: str = JSON) -> None:
        self.body = body
        self.status = status
        self.lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        if status not in WITHOUT_CONTENT:
            self.lines += [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send({"type": "http.response.start", "status": self.status, "headers": self.lines})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Replayed(Exception):
    """Not an error: the idempotency key was answered before, and this is the answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def version_etag(version: int) -> str:
    """The ETag of a versioned resource."""
    return f'"{version}"'


ENTITY_TAG = re.compile(r'[ \t]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(,|$)')
VERSION = re.compile(r"[1-9][0-9]{0,8}")


def expected_versions(request: Request[Any, Any, Any]) -> frozenset[int] | None:
    """The versions in `If-Match`, any of which will do; None where it is absent or `*`.

    An ETag that isn't one of ours fits nothing. A weak one counts as what it was before a proxy that compresses
    answers made it weak: a version is the same whatever its bytes. Raises `Invalid` for what is no list of ETags.
    """
    given = header(request.scope, b"if-match")
    if given is None or given.strip() == "*":
        return None
    versions, at = set[int](), 0
    while True:
        found = ENTITY_TAG.match(given, at)
        if found is None:
            raise invalid("/headers/If-Match", "This is not a list of ETags.")
        if VERSION.fullmatch(found[1]):
            versions.add(int(found[1]))
        if not found[2]:
            return frozenset(versions)
        at = found.end()


def precondition_of(request: Request[Any, Any, Any]) -> Precondition:
    """`If-Match` and `If-None-Match` of a PUT. Raises `Invalid` for what isn't understood there."""
    absent = header(request.scope, b"if-none-match")
    if absent is not None and absent.strip() != "*":
        raise invalid("/headers/If-None-Match", "Where something is written, only * is understood here.")
    return Precondition(
        revisions=expected_versions(request),
        must_exist=header(request.scope, b"if-match") is not None,
        must_be_new=absent is not None,
    )


def send(request: Request[Any, Any, Any], ctx: Context) -> Response[bytes]:
    """The HTTP answer for `ctx.reply`; 304 where the client has it already."""
    reply: Reply = ctx.reply
    headers = dict(reply.headers)
    headers.setdefault("Content-Language", ctx.language)
    headers.setdefault("Cache-Control", "no-store")
    body = reply.body
    if reply.tokens_for is not None:
        body = _join(body, runtime_of(request).mint(ctx.org, reply.tokens_for, ctx.caller.channel, ctx.now))
    if reply.secrets is not None:
        body = _join(body, reply.secrets)
    if reply.etag is not None:
        headers["ETag"] = reply.etag
        if request.method == "GET" and etag_matches(header(request.scope, b"if-none-match"), reply.etag):
            return BytesResponse(b"", 304, headers)
    return BytesResponse(body, reply.status, headers, reply.media_type if body else JSON)


def _join(body: bytes, members: Any) -> bytes:
    """Members that come last in the object: `{…}` and `{"access_token": …}` become one object."""
    return body[:-1] + (b"," if len(body) > 2 else b"") + encode(members)[1:]


def etag_matches(given: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the ETag (RFC 9110 §13.1.2: the weak comparison)."""
    return given is not None and (
        given.strip() == "*" or any(part.strip().removeprefix("W/") == etag for part in given.split(","))
    )


def body_etag(reply: Reply) -> Reply:
    """Gives a reply the ETag of its content: for answers that don't depend on the minute."""
    reply.etag = content_etag(reply.body)
    reply.headers.setdefault("Cache-Control", "private, no-cache")
    reply.headers.setdefault("Vary", "Accept-Language, Authorization, Origin")
    return reply


def runtime_of(request: ASGIConnection[Any, Any, Any, Any]) -> Runtime:
    """What the process holds open; `core.web.dispatch` puts it into each request's scope."""
    return request.scope["runtime"]  # type: ignore[typeddict-item]
