"""What is looked at before a process starts, so that what is missing is said at once and in one sentence; free ports."""

import errno
import socket
import sys

from booking_api.core.db import prepare_connection
from booking_api.core.log import log
from booking_api.core.process import StartFailed, check_secret, connect
from booking_api.core.settings import Settings
from booking_api.identity import resealing, smtp
from booking_api.payments.check_queries import list_live
from booking_api.upkeep.operations import schema_is_current

MOST_NAMED = 5
_RESERVED: list[socket.socket] = []
"""They are bound but never listen, and are closed when the process ends."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses, for a server that is about to be started; nobody else is given it in the meantime.

    Linux gives a bound port to nobody who wants any, but lets a server that asks for this very one have it if both
    allow its reuse. Elsewhere that server would be refused, and the port is only likely to be still free.
    """
    holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    holder.bind((host, 0))
    port: int = holder.getsockname()[1]
    if sys.platform == "linux":
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _RESERVED.append(holder)
    else:
        holder.close()
    return port


def check_mail(settings: Settings) -> None:
    """Raises `StartFailed` where mail is to be sent by a server that isn't described well."""
    try:
        smtp.read_server(settings)
    except ValueError as error:
        raise StartFailed(f"{error}.") from None


def check_address(host: str, port: int, chosen_by: str = "--port") -> None:
    """Raises `StartFailed` if nothing could listen there, naming what chooses another port. Granian itself would
    silently share a taken port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartFailed(
                f"Port {port} on {host} is taken by another program; choose another one with {chosen_by}."
            ) from None
        if error.errno == errno.EACCES:
            raise StartFailed(f"Listening on port {port} needs more rights than this user has.") from None
        raise StartFailed(f"Listening on {host}, port {port}, is not possible: {error.strerror}.") from None
    except OverflowError:
        raise StartFailed(f"{port} is not a port; those are 0 to 65535.") from None


async def check_database(settings: Settings) -> None:
    """Raises `StartFailed` if the database can't be reached, its schema is older than the program, or the keys that
    passes are signed with can't be read with the configured secrets."""
    vault = check_secret(settings)
    db = await connect(settings, name="booking-api-start")
    try:
        if not await schema_is_current(db):
            raise StartFailed("The database's schema is older than this program; run `booking-api migrate` first.")
        await prepare_connection(db)
        if settings.test_provider_url and (live := await list_live(db, MOST_NAMED)):
            # Whatever is set up, no live organisation is paid with play money.
            log.warning("test_provider.not_for_live", organisations=[one.name for one in live])
        unreadable = await resealing.unreadable_keys(db, vault)
    finally:
        await db.close()
    if unreadable:
        raise StartFailed(f"{resealing.sentence_of(unreadable)} {resealing.REMEDY}")
