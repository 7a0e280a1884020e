"""Connections to PostgreSQL: which server they go to, when one is given up, how a silent one is noticed.

A database URL may name several servers, `postgresql://a,b/booking?target_session_attrs=read-write`: the one that
accepts writes is used, and another one after a failover. The driver would spend the whole time-out on the first of
them; a machine that is gone answers nothing at all, so that each server has a time-out of its own here.
"""

import asyncio
import socket
import sys
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg.protocol import protocol as driver

from booking_api.core.environment import forget_database_variables

CONNECT_SECONDS = 10.0
"""How long a server may take to accept a connection where there is only one."""
CONNECT_SECONDS_EACH = 3.0
"""The same where the next one can be asked instead."""
IDLE_SECONDS, INTERVAL_SECONDS, PROBES = 15, 5, 3
"""A connection without traffic is probed after so long, then at this interval, and is lost after so many silences."""
UNACKNOWLEDGED_SECONDS = 20
"""How long what was sent may stay unacknowledged by the other end's kernel before the connection is lost."""
SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": str(IDLE_SECONDS),
    "tcp_keepalives_interval": str(INTERVAL_SECONDS),
    "tcp_keepalives_count": str(PROBES),
    "tcp_user_timeout": str(UNACKNOWLEDGED_SECONDS * 1000),
}
"""Session settings that let the server notice a client that is gone, and give its locks back."""
NOT_THIS_ONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TargetServerAttributeNotMatched,
)
"""What says that another server may be the right one: away, starting, stopping, or a replica."""
TRANSACTION_TIMEOUT = "transaction_timeout"
"""The session setting that bounds a transaction as a whole; PostgreSQL knows it from 17 on."""
DOESNT_KNOW_IT = (asyncpg.UndefinedObjectError, asyncpg.ProtocolViolationError)
"""What a server says to a setting that it doesn't know, and PgBouncer to one that it wasn't told to ignore."""
CANT_CONNECT = (*NOT_THIS_ONE, asyncpg.InterfaceError, asyncpg.TooManyConnectionsError)
"""What says that no connection can be had right now."""
GIVE_UP = (TimeoutError, asyncpg.ReadOnlySQLTransactionError)
"""What shows that a connection is good for nothing more: the server keeps silent, or it has become a replica."""


# The driver asks of each value in an array whether it is an array itself, by an abstract class whose answer Python
# computes: a third of what it costs to send a batch. Arrays are lists and tuples here (tests/core/test_arrays.py).
driver.IterableABC = (list, tuple)  # type: ignore[attr-defined]


class LeanConnection(asyncpg.Connection):
    """A connection that isn't reset when it goes back to the pool, and is given up when its server is of no use.

    Nothing here leaves session state behind (no `set`, no `listen`, no session locks on pooled connections), and
    the reset cost 7–27 % of a hold.

    The server itself ends a statement that takes too long. Where not even that is heard, it is gone or out of reach:
    whatever else were said over this connection, a cancellation or a rollback, would be waited for in vain once more.
    A server that refuses to write has been demoted; the next connection goes to its successor.
    """

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        keep_alive(transport.get_extra_info("socket"))

    def get_reset_query(self) -> str:
        return ""

    async def execute(self, query: str, *args: Any, **options: Any) -> str:
        try:
            return await super().execute(query, *args, **options)
        except GIVE_UP:
            self.terminate()
            raise

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetch(query, *args, **options)
        except GIVE_UP:
            self.terminate()
            raise

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetchrow(query, *args, **options)
        except GIVE_UP:
            self.terminate()
            raise

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        try:
            return await super().fetchval(query, *args, **options)
        except GIVE_UP:
            self.terminate()
            raise


def keep_alive(sock: Any) -> None:
    """Lets the kernel find out that the other end is gone, also while nothing is sent. The driver doesn't ask for it."""
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":  # Elsewhere the names differ, and the system's own patience has to do.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_SECONDS * 1000)


def one_server_each(database_url: str) -> list[str]:
    """The same URL for each server that it names. Of several, only one that accepts writes will do, unless it says else.

    Hosts and ports stand in the authority or in the query, as in libpq: one port for all of them, or one for each.
    Raises `ValueError` where their numbers don't match.
    """
    parts = urlsplit(database_url)
    login, at, authority = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if authority:
        servers = [(f"{login}{at}{server}", {}) for server in authority.split(",")]
    else:
        # A host that is a folder of sockets can't stand in the authority everywhere.
        hosts, ports = query.pop("host", "").split(","), query.pop("port", "").split(",")
        if len(ports) not in {1, len(hosts)}:
            raise ValueError("The database URL names another number of ports than of hosts.")
        servers = [
            (parts.netloc, {"host": host, **({"port": port} if port else {})})
            for host, port in zip(hosts, ports if len(ports) > 1 else ports * len(hosts), strict=True)
        ]
    if len(servers) == 1:
        return [database_url]
    query.setdefault("target_session_attrs", "read-write")
    return [
        urlunsplit((parts.scheme, netloc, parts.path, urlencode({**query, **place}), "")) for netloc, place in servers
    ]


class Servers:
    """The servers of a database URL. The one that accepted the last connection is asked first for the next one."""

    def __init__(self, database_url: str) -> None:
        self.urls = one_server_each(database_url)
        """In the order in which they are asked."""
        self.accepted = 0
        """How many connections were accepted so far."""
        self.bounds_transactions = True
        """False once a server was found not to know the setting for it."""
        self._seconds = CONNECT_SECONDS if len(self.urls) == 1 else CONNECT_SECONDS_EACH

    async def connect(self, *_: Any, **options: Any) -> Any:
        """A connection to the first server that will do. The options are asyncpg's; raises what it raises."""
        failure: BaseException | None = None
        before = self.accepted
        for url in list(self.urls):
            try:
                connection = await self._connect_to(url, options)
            except NOT_THIS_ONE as error:
                if failure is None or not isinstance(error, asyncpg.TargetServerAttributeNotMatched):
                    failure = error  # "It is a replica" tells less than why the primary can't be reached.
                continue
            except asyncio.CancelledError:
                # Whoever waits has less patience than this server takes: the next try begins with another one.
                self.urls.remove(url)
                self.urls.append(url)
                raise
            if self.accepted > before and url != self.urls[0]:
                # Another server took over while this one kept silent. It can't know, and would tell what was.
                connection.terminate()
                return await self.connect(**options)
            self.accepted += 1
            self.urls.remove(url)
            self.urls.insert(0, url)
            return connection
        assert failure is not None
        raise failure

    async def _connect_to(self, url: str, options: dict[str, Any]) -> Any:
        forget_database_variables()  # The driver takes from them what the URL leaves out.
        settings: dict[str, str] = options.get("server_settings") or {}
        if not self.bounds_transactions:
            settings = {name: value for name, value in settings.items() if name != TRANSACTION_TIMEOUT}
        given = {"connection_class": LeanConnection, **options, "server_settings": settings, "timeout": self._seconds}
        try:
            return await asyncpg.connect(url, **given)
        except DOESNT_KNOW_IT as error:
            if TRANSACTION_TIMEOUT not in settings or TRANSACTION_TIMEOUT not in str(error):
                raise
            self.bounds_transactions = False
            return await self._connect_to(url, options)


@lru_cache(maxsize=16)
def servers_of(database_url: str) -> Servers:
    """The servers of a URL, the same for all connections of the process: which one took over, all of them know.

    Otherwise a connection made outside of the pool could go to a former primary that came to life again.
    Raises `ValueError` as `one_server_each` does.
    """
    return Servers(database_url)
