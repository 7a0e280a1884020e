"""Origins as browsers write them (RFC 6454 §6.2), from what people write."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import idna

from booking_api.core.errors import unprocessable

DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


class NoOrigin(ValueError):
    """What isn't an origin."""


def read_origin(written: str) -> str:
    """`HTTPS://Shop.Example:443/` as `https://shop.example`. Raises `NoOrigin` for what names more, or less, than that.

    Apps in a web view have origins of their own schemes, such as `capacitor://localhost`.
    """
    try:
        parts = urlsplit(written.strip())
        port = parts.port
    except ValueError:
        raise NoOrigin from None
    host = parts.hostname or ""
    more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if more or not _SCHEME.fullmatch(parts.scheme):
        raise NoOrigin
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise NoOrigin from None
    if not _HOST.fullmatch(host):
        raise NoOrigin
    return f"{parts.scheme}://{host}" + ("" if port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{port}")


def read_origins(written: Iterable[str]) -> list[str]:
    """Each once, in order. Raises `Unprocessable` for the first that isn't an origin."""
    found = []
    for at, one in enumerate(written):
        try:
            found.append(read_origin(one))
        except NoOrigin:
            raise unprocessable(
                f"/allowed_origins/{at}",
                "Give an origin, which is scheme, host and maybe port, such as https://shop.example.",
            ) from None
    return sorted(set(found))
