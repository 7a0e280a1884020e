"""How messages reach a person: mail by SMTP where that is configured, else a table that operators and tests read.

A message is sent by a job, which comes again with growing pauses until it went out; so it may arrive twice, under one
Message-ID. What a server refuses for good isn't tried again.
"""

from typing import Literal, Protocol

from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.settings import Settings
from booking_api.identity import contact_queries, smtp
from booking_api.identity.schemas import Message

MessageChannel = Literal["email", "phone"]


class Notifier(Protocol):
    async def send(self, runtime: Runtime, message: Message) -> None:
        """Delivers the message or raises; may call the network, so it never runs inside a transaction."""
        ...


class Mailbox:
    """Keeps messages where developers, the demo and tests can read them."""

    async def send(self, runtime: Runtime, message: Message) -> None:
        async with acquire(runtime) as db:
            await contact_queries.insert_mail(
                db, message.org_id, message.id, message.recipient, message.subject, message.body, message.created_at
            )


class Smtp:
    """Hands mail to a server."""

    async def send(self, runtime: Runtime, message: Message) -> None:
        """Raises `smtp.MailNotSent` where it is worth another try."""
        server = smtp.read_server(runtime.settings)
        assert server is not None, "chosen where one is configured"
        try:
            await smtp.send(runtime, server, message)
        except smtp.MailRefused as error:
            log.warning("message.refused", message_id=message.id.hex, org_id=message.org_id.hex, code=error.code)
            raise


DEFAULT: Notifier = Mailbox()
MAIL: Notifier = Smtp()


def channel_of(recipient: str) -> MessageChannel:
    return "email" if "@" in recipient else "phone"


def delivers(settings: Settings, channel: MessageChannel) -> bool:
    """Whether a message over this channel reaches a person. Where none does, nothing may be asked of them that needs
    a code: the mailbox is read by operators alone."""
    return channel == "email" and bool(settings.smtp_url)


def notifier_for(settings: Settings, recipient: str) -> Notifier:
    return MAIL if delivers(settings, channel_of(recipient)) else DEFAULT


async def send(runtime: Runtime, message: Message, notifier: Notifier | None = None) -> None:
    """Sends a message, and logs that it did: neither whom to nor what, unless the installation is a demo.

    Raises what is worth another try; a message that was refused for good is done with.
    """
    chosen = notifier or notifier_for(runtime.settings, message.recipient)
    try:
        await chosen.send(runtime, message)
    except smtp.MailRefused:
        return
    log.info("message.sent", notifier=type(chosen).__name__, message_id=message.id.hex, org_id=message.org_id.hex)
    if runtime.settings.log_messages:
        log.info("message.shown", recipient=message.recipient, subject=message.subject, body=message.body)
