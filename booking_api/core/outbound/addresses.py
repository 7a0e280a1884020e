"""Where a call may lead: which URLs, and which network addresses. No input or output."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

import idna
import msgspec

LONGEST_URL: Final = 2_000
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that is assigned to hosts of the Internet. Outside of it are loopback, link-local and unique local addresses,
IPv4 in the clothes of IPv6 (mapped, compatible, NAT64) and multicast."""
TUNNELS: Final = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4: they carry an IPv4 address that would have to be judged as well."""
NEARBY: Final = tuple(map(IPv4Network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")))
"""Global by their number, or for some versions of Python, but answered by the network around a machine: clouds' agents,
what is set apart for protocols, relays."""
PORTS: Final = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """Says what is wrong with a URL, in a sentence."""


class Destination(msgspec.Struct, frozen=True):
    """A URL that has been read once, so that nobody reads it in another way."""

    scheme: str
    host: str
    """In ASCII, as it is resolved and as the certificate has to name it."""
    port: int
    target: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> Destination:
    """A URL as a destination. Raises `BadUrl`."""
    if len(url) > LONGEST_URL:
        raise BadUrl(f"A URL may have {LONGEST_URL} characters.")
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        raise BadUrl("A URL has no blanks, controls or backslashes.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadUrl("This is not a URL.") from None
    if parts.scheme not in PORTS or not host:
        raise BadUrl("A URL begins with https:// and the name of a server.")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("A URL can't carry a user name or password.")
    if port == 0:
        raise BadUrl("This port can't be reached.")
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if not target.isascii():
        raise BadUrl("Characters of other alphabets are written with % in path and query.")
    return Destination(parts.scheme, _ascii_host(host), port or PORTS[parts.scheme], target)


def check_url(url: str, *, loopback: bool) -> Destination:
    """A URL that may be called, as far as can be said without resolving its name. Raises `BadUrl`."""
    destination = read_url(url)
    if is_address(destination.host) and not may_reach(destination.host, loopback=loopback):
        raise BadUrl("Only addresses of the Internet are called.")
    if destination.scheme == "http" and not loopback:
        raise BadUrl("A URL begins with https://.")
    return destination


def is_address(host: str) -> bool:
    """Whether a host is an address already, written as usual."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _ascii_host(host: str) -> str:
    if is_address(host):
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise BadUrl("This is not the name of a server.") from None


def may_reach(address: str, *, loopback: bool = False) -> bool:
    """Whether a network address is one of the Internet's; `loopback` admits this machine's own too."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if loopback and found.is_loopback:
        return True
    if isinstance(found, IPv6Address):
        return found in GLOBAL_UNICAST and found.is_global and not any(found in tunnel for tunnel in TUNNELS)
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not any(found in network for network in NEARBY)
    )


def all_reachable(addresses: Sequence[str], *, loopback: bool = False) -> bool:
    """Whether a name leads to the Internet alone: one that leads elsewhere as well isn't trusted at all."""
    return bool(addresses) and all(may_reach(address, loopback=loopback) for address in addresses)
