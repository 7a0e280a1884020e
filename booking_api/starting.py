"""What is looked at before a process starts, so that what is missing is said at once and in one sentence."""

import errno
import socket

from booking_api.core.process import StartFailed, connect
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.upkeep.operations import schema_is_current


def check_secret(settings: Settings) -> Vault:
    """The vault of the master secret. Raises `StartFailed` where that is missing or too short."""
    try:
        return Vault(settings.secret_key)
    except ValueError as error:
        raise StartFailed(f"{error}.") from None


def check_address(host: str, port: int) -> None:
    """Raises `StartFailed` if nothing could listen there. Granian itself would silently share a taken port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartFailed(f"Port {port} on {host} is taken by another program.") from None
        if error.errno == errno.EACCES:
            raise StartFailed(f"Listening on port {port} needs more rights than this user has.") from None
        raise StartFailed(f"Listening on {host}, port {port}, is not possible: {error.strerror}.") from None
    except OverflowError:
        raise StartFailed(f"{port} is not a port; those are 0 to 65535.") from None


async def check_database(settings: Settings) -> None:
    """Raises `StartFailed` if the database can't be reached or its schema is older than the program."""
    db = await connect(settings, name="booking-api-start")
    try:
        current = await schema_is_current(db)
    finally:
        await db.close()
    if not current:
        raise StartFailed("The database's schema is older than this program; run `booking-api migrate` first.")
