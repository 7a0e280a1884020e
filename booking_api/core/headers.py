"""What a request's head says, looked up as it came.

Litestar's own headers are decoded one and all into another object; a hot path asks for five of them.
"""

import functools
import re
from typing import Any

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


@functools.lru_cache(256)
def url_of_host(scheme: str, host: str, fallback: str) -> str:
    """The URL under which a client reached the server; by the fallback, where the header `Host` names no host."""
    return f"{scheme}://{host if _HOST.fullmatch(host) else fallback}"
