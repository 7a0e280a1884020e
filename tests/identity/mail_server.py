"""A mail server of its own for a test, which takes, refuses, hangs up or falls asleep as the test wants it."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # It tells everything, as a test server may.
USER, PASSWORD = "tickets@ostwind", "p/ss:w@rd %"


class MailServer:
    """What came, and how the next ones are answered."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.connections = 0
        self.to_recipient: Callable[[str], str | None] = lambda _: None
        self.to_data: Callable[[], str | None] = lambda: None
        self.sleep_seconds = 0.0
        self.hang_up_after_taking = False
        self.transports: list[Any] = []

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(bytes(one.content or b""), policy=default) for one in self.taken]  # type: ignore[misc]

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if refusal := self.to_recipient(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.sleep_seconds)
        if refusal := self.to_data():
            return refusal
        self.taken.append(envelope)
        if self.hang_up_after_taking:
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"


@contextlib.asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, users: bool = False
) -> AsyncIterator[tuple[MailServer, int]]:
    """A server and its port."""
    handler = MailServer()

    def allow(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    def factory() -> SMTP:
        handler.connections += 1
        made = SMTP(
            handler, enable_SMTPUTF8=True, tls_context=starttls, require_starttls=starttls is not None,
            authenticator=allow if users else None, auth_required=users, auth_require_tls=False,
        )  # fmt: skip
        handler.transports.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=tls)
    try:
        yield handler, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in handler.transports:
            if one.transport is not None:
                one.transport.abort()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for 127.0.0.1, and the file that a client has to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, private = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, private)
    return context, chain
