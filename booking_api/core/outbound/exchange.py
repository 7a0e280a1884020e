"""One request to one server over a connection of its own, to an address that was chosen before.

Imported where somebody is called: most processes never do, and start sooner without it. httpcore is what httpx is made
of; it lets the way of connecting be given, which httpx doesn't.
"""

import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION

from booking_api.core.outbound.addresses import Destination
from booking_api.core.outbound.failures import Answer, CallFailed


class Pinned(httpcore.AsyncNetworkBackend):
    """Connects to these addresses, whatever name it is given; the name stays that of the certificate."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        # The type checker sees the stand-in that httpcore has where anyio isn't installed.
        self._network: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


async def exchange(
    method: str, to: Destination, addresses: Sequence[str], headers: Mapping[str, str], content: bytes, *,
    connect_seconds: float, most_bytes: int, trust: ssl.SSLContext | None,
) -> Answer:  # fmt: skip
    """The answer. Raises `CallFailed`; how long it may take in all is for its caller to bound."""
    sent = {"host": to.authority, "connection": "close", "accept-encoding": "identity", **headers}
    if content:
        sent["content-length"] = str(len(content))
    request = httpcore.Request(
        method,
        httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target),
        headers=[(name.encode(), value.encode()) for name, value in sent.items()],
        content=content,
        extensions={"timeout": {"connect": connect_seconds}},
    )
    origin = httpcore.Origin(to.scheme.encode(), to.host.encode(), to.port)
    try:
        async with httpcore.AsyncHTTPConnection(
            origin, ssl_context=trust, network_backend=Pinned(addresses)
        ) as connection:
            response = await connection.handle_async_request(request)
            try:
                body = await _read(response, most_bytes)
            finally:
                await response.aclose()
    except httpcore.TimeoutException:
        raise CallFailed("timed_out") from None
    except httpcore.ConnectError as error:
        raise CallFailed("untrusted" if _is_about_trust(error) else "unconnected") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, RuntimeError, ValueError):
        raise CallFailed("broken") from None
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(response.status, found, body)


async def _read(response: httpcore.Response, most_bytes: int) -> bytes:
    body = bytearray()
    if most_bytes:
        async for part in response.aiter_stream():
            body += part
            if len(body) > most_bytes:
                raise CallFailed("too_large")
    return bytes(body)


def _is_about_trust(error: BaseException | None) -> bool:
    """Whether a connection came about, but the other end isn't who it was meant to be."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
