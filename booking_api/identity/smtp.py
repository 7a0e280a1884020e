"""Mail by SMTP (RFC 5321): the URL that names the server, the message, and connections that carry several.

Delivery is at least once: what was sent twice has one Message-ID. Nothing here is logged with an address in it, and
no failure carries what a server answered, which repeats addresses too: only its code.
"""

import asyncio
import dataclasses
import re
import time
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.identity.schemas import Message

if TYPE_CHECKING:
    import aiosmtplib

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
MOST_CONNECTIONS = 4
IDLE_SECONDS = 30.0
"""So long a connection waits for the next message."""
MOST_MESSAGES = 100
"""So many go over one connection; servers end it after some number of their own."""
WHOLE_SECONDS = 40.0
"""Less than a job may take, so that a slow server is a failure of this message and not of the worker."""
DEFAULT_TIMEOUT_SECONDS = 10.0
_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x20\x7f]{1,64}@[^\s@<>(),;:\\\"\[\]\x00-\x20\x7f]{1,253}")
HOW = "such as smtps://user:password@mail.example.org or smtp+starttls://…, with %-escapes in user and password"


class MailNotSent(Exception):
    """The message may be tried again. The code is the server's (RFC 5321 §4.2), 0 where there was none."""

    def __init__(self, what: str, code: int = 0) -> None:
        super().__init__(f"{what} ({code})" if code else what)


class MailRefused(Exception):
    """The server will never take this message for this recipient, so that it isn't tried again."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused ({code})")
        self.code = code


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """Where `BOOKING_SMTP_URL` says that mail goes."""

    host: str
    port: int
    tls: str
    """`always` (from the first byte), `required` (STARTTLS) or `offered` (STARTTLS where the server has it)."""
    user: str | None
    password: str | None
    timeout_seconds: float
    ca_file: str | None
    sender: Address


def read_server(settings: Settings) -> Server | None:
    """The server; None where none is configured. Raises `ValueError` with a sentence for what makes no sense."""
    if not settings.smtp_url:
        return None
    try:
        parts = urlsplit(settings.smtp_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"BOOKING_SMTP_URL is not a URL {HOW}") from None
    if parts.scheme not in PORTS or not host or parts.path not in {"", "/"}:
        raise ValueError(f"BOOKING_SMTP_URL is not a URL {HOW}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - {"timeout", "ca_file"}):
        raise ValueError(f"BOOKING_SMTP_URL has an option {unknown[0]!r}; there are timeout and ca_file")
    try:
        timeout = float(options.get("timeout", DEFAULT_TIMEOUT_SECONDS))
    except ValueError:
        timeout = 0.0
    if not 0 < timeout <= WHOLE_SECONDS:
        raise ValueError(f"The timeout in BOOKING_SMTP_URL is a number of seconds up to {WHOLE_SECONDS:.0f}")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if (user is None) != (password is None):
        raise ValueError("BOOKING_SMTP_URL needs both a user and a password, or neither")
    tls = {"smtps": "always", "smtp+starttls": "required"}.get(parts.scheme, "offered")
    if user is not None and tls == "offered" and host not in LOOPBACK:
        tls = "required"  # A password never goes out in clear.
    return Server(
        host, port or PORTS[parts.scheme], tls, user, password, timeout, options.get("ca_file"),
        _sender(settings.mail_from),
    )  # fmt: skip


def _sender(mail_from: str) -> Address:
    found = getaddresses([mail_from]) if mail_from.isprintable() else []
    name, address = found[0] if len(found) == 1 else ("", "")
    try:
        if is_mail_address(address):
            return Address(name, addr_spec=address)
    except (HeaderParseError, ValueError):
        pass
    raise ValueError("BOOKING_MAIL_FROM must be an address to send from, such as 'Ostwind <tickets@example.org>'")


def is_mail_address(text: str) -> bool:
    """Whether something can be put into an envelope as one recipient and nothing else."""
    return _ADDRESS.fullmatch(text) is not None and text.isprintable()


def compose(server: Server, message: Message) -> EmailMessage:
    """The message as it is sent. Whatever its texts hold, it has the headers that are written here, and no others."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = server.sender
    mail["To"] = message.recipient
    # A subject is one line: whoever wrote a line break into it doesn't begin a header with it.
    mail["Subject"] = " ".join("".join(c if c.isprintable() else " " for c in message.subject).split())
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id.hex}@{server.sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail


# connections ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class _Line:
    """A connection that is open."""

    client: "aiosmtplib.SMTP"
    carried: int = 0
    idle_since: float = 0.0


@dataclasses.dataclass(slots=True)
class _Lines:
    server: Server
    free: list[_Line] = dataclasses.field(default_factory=list)
    places: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(MOST_CONNECTIONS))


CONNECTIONS = PerProcess(_Lines)


@cache
def _context(ca_file: str | None) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca_file)


async def _open(server: Server) -> _Line:
    import aiosmtplib

    client = aiosmtplib.SMTP(
        hostname=server.host, port=server.port, username=server.user, password=server.password,
        timeout=server.timeout_seconds, use_tls=server.tls == "always",
        start_tls={"always": False, "required": True}.get(server.tls), tls_context=_context(server.ca_file),
    )  # fmt: skip
    try:
        await client.connect()
    except BaseException:
        client.close()
        raise
    return _Line(client)


async def send(runtime: Runtime, server: Server, message: Message) -> None:
    """Hands a message to the server. Raises `MailRefused` if it never will be taken, `MailNotSent` for anything else.

    A connection that another message went over may have been ended by the server meanwhile: then the message goes
    over a new one. Never to be called in a transaction.
    """
    import aiosmtplib

    if not is_mail_address(message.recipient):
        raise MailRefused(553)
    lines = CONNECTIONS.of(runtime.caches, server)
    mail = compose(server, message)
    try:
        async with asyncio.timeout(WHOLE_SECONDS), lines.places:
            line = _take(lines)
            if line is not None:
                try:
                    return await _carry(lines, line, mail)
                except aiosmtplib.SMTPTimeoutError:
                    raise  # It may have been taken.
                except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
                    pass
            await _carry(lines, await _open(server), mail)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _verdict(error.recipients[0].code if error.recipients else 0, "The recipient was refused") from None
    except aiosmtplib.SMTPDataError as error:
        raise _verdict(error.code, "The message was refused") from None
    except aiosmtplib.SMTPResponseException as error:
        # The sender, the password or the greeting: for an operator to mend, and then it goes out.
        raise MailNotSent(type(error).__name__, error.code) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise MailNotSent(type(error).__name__) from None


def _verdict(code: int, what: str) -> Exception:
    return MailRefused(code) if 500 <= code < 600 else MailNotSent(what, code)


def _take(lines: _Lines) -> _Line | None:
    while lines.free:
        line = lines.free.pop()
        if line.client.is_connected and time.monotonic() - line.idle_since < IDLE_SECONDS:
            return line
        line.client.close()
    return None


async def _carry(lines: _Lines, line: _Line, mail: EmailMessage) -> None:
    kept = False
    try:
        await line.client.send_message(mail)
        line.carried += 1
        line.idle_since = time.monotonic()
        kept = line.client.is_connected and line.carried < MOST_MESSAGES
        if kept:
            lines.free.append(line)
    finally:
        if not kept:
            line.client.close()


def close(runtime: Runtime) -> None:
    """Ends the connections of a process."""
    found: _Lines | None = runtime.caches.pop(CONNECTIONS, None)
    for line in found.free if found is not None else ():
        line.client.close()


async def probe(server: Server) -> str | None:
    """Signs in at the server and leaves again; what is wrong, in a few words without any secret, or None."""
    import aiosmtplib

    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            (await _open(server)).client.close()
    except aiosmtplib.SMTPAuthenticationError as error:
        return f"it refuses user and password ({error.code})"
    except aiosmtplib.SMTPResponseException as error:
        return f"it answers with {error.code}"
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        return type(error).__name__
    return None
