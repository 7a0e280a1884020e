"""The one client of HTTP. A name is resolved once and the connection goes to an address that was judged; no redirect is
followed, no proxy of the environment is used, nothing is unpacked, and the certificate must be that of the name.

Each call has a connection of its own: what one server does to it concerns no other call.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from booking_api.core.outbound.addresses import BadUrl, Destination, all_reachable, check_url, read_url
from booking_api.core.outbound.failures import Answer, CallFailed
from booking_api.core.settings import Settings

CONNECT_SECONDS: Final = 5.0
MOST_TRIED: Final = 3
"""Addresses of one name that are tried, in the resolver's order."""
RESOLVERS: Final = 16
"""Names that are resolved at once. A resolver can't be interrupted, so that it must be in nobody else's thread."""


class Outbound:
    """Of one process. `close` it in the end."""

    def __init__(self, settings: Settings) -> None:
        self._loopback = settings.outbound_loopback
        self._ca_file = settings.outbound_ca_file
        self._threads = ThreadPoolExecutor(max_workers=RESOLVERS, thread_name_prefix="resolve")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        seconds: float,
        connect_seconds: float = CONNECT_SECONDS,
        most_bytes: int,
        trusted: bool = False,
    ) -> Answer:
        """The answer, whatever its status. Raises `CallFailed` where there is none within `seconds`, or where it has more
        than `most_bytes`; with 0 its body isn't read at all.

        `trusted` is for servers that the operator has named in a setting: they may be anywhere.
        """
        try:
            destination = read_url(url) if trusted else check_url(url, loopback=self._loopback)
        except BadUrl:
            raise CallFailed("bad_url") from None
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(destination, trusted=trusted)
                from booking_api.core.outbound.exchange import exchange

                return await exchange(
                    method, destination, addresses, headers, content, connect_seconds=connect_seconds,
                    most_bytes=most_bytes, trust=self._trust if destination.scheme == "https" else None,
                )  # fmt: skip
        except TimeoutError:
            raise CallFailed("timed_out") from None

    async def _resolve(self, to: Destination, *, trusted: bool) -> list[str]:
        """The addresses of a name, all of which may be called. Raises `CallFailed`."""

        def look_up() -> list[str]:
            found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(address[4][0]) for address in found))

        try:
            addresses = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        except (OSError, UnicodeError, RuntimeError):  # Threads that have ended raise `RuntimeError`.
            raise CallFailed("unresolved") from None
        if not trusted and not all_reachable(addresses, loopback=self._loopback):
            raise CallFailed("forbidden_address")
        return addresses[:MOST_TRIED]

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca_file:
            context.load_verify_locations(cafile=self._ca_file)
        return context
