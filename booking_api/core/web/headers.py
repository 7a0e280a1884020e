"""What a request's head says, looked up as it came.

Litestar's own headers are decoded one and all into another object; a hot path asks for five of them.
"""

import functools
import re
from itertools import chain
from typing import Any, Literal

from booking_api.core.errors import HeadersTooLarge, UriTooLong
from booking_api.core.settings import Settings

MOST_URL_BYTES = 8_192
MOST_HEADERS = 64
MOST_HEADER_BYTES = 32_768
"""Names and values together. Credentials of ours have one."""
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")


def read_head(scope: Any) -> dict[bytes, bytes]:
    """The headers by their names in lower case; of several with one name the first."""
    head: dict[bytes, bytes] | None = scope.get("head")
    if head is None:
        head = scope["head"] = dict(reversed(list(scope["headers"])))
    return head


def header(scope: Any, name: bytes) -> str | None:
    """One header, None where it wasn't sent."""
    value = read_head(scope).get(name)
    return None if value is None else value.decode("latin-1")


def check_head(scope: Any) -> None:
    """Raises `UriTooLong` and `HeadersTooLarge`. What is longer still, the HTTP server has refused already."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
        raise UriTooLong
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(map(len, chain.from_iterable(headers))) > MOST_HEADER_BYTES:
        raise HeadersTooLarge


@functools.lru_cache(256)
def choose_encoding(accepted: str) -> Literal["br", "gzip"] | None:
    """How to compress for an `Accept-Encoding` header (RFC 9110 §12.5.3); of two that are equally welcome, by brotli."""
    weights: dict[str, float] = {}
    for part in accepted.split(",")[:20]:
        name, _, parameters = part.strip().lower().partition(";")
        given = parameters.strip().removeprefix("q=")
        try:
            weights[name.strip()] = float(given) if given else 1.0
        except ValueError:
            continue
    best: Literal["br", "gzip"] | None = None
    weight = 0.0
    for encoding in ("br", "gzip"):
        wanted = weights.get(encoding, weights.get("*", 0.0))
        if wanted > weight:
            best, weight = encoding, wanted
    return best


def base_url_of(settings: Settings, scope: Any) -> str:
    """The server's public URL: the setting, else as the client reached it."""
    if settings.base_url:
        return settings.base_url.rstrip("/")
    return url_of_host(scope["scheme"], header(scope, b"host") or "", f"{settings.host}:{settings.port}")


@functools.lru_cache(256)
def url_of_host(scheme: str, host: str, fallback: str) -> str:
    """The URL under which a client reached the server; by the fallback, where the header `Host` names no host."""
    return f"{scheme}://{host if _HOST.fullmatch(host) else fallback}"
