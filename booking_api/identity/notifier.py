"""How messages reach a customer. The default puts them into the table `mailbox`, which serves until a provider of
mail or push stands behind the same seam."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from booking_api.core.ids import new_id
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import session_queries


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one person. Sent twice under one `id`, it arrives once where the notifier can tell."""

    org_id: UUID
    recipient: str
    """A mail address or a phone number."""
    subject: str
    body: str
    created_at: datetime
    id: UUID = msgspec.field(default_factory=new_id)


class Notifier(Protocol):
    async def send(self, runtime: Runtime, message: Message) -> None:
        """Delivers the message or raises; may call the network, so it never runs inside a transaction."""
        ...


class Mailbox:
    """Keeps messages where developers, the demo and tests can read them."""

    async def send(self, runtime: Runtime, message: Message) -> None:
        async with acquire(runtime) as db:
            await session_queries.insert_mail(
                db, message.org_id, message.id, message.recipient, message.subject, message.body, message.created_at
            )


DEFAULT: Notifier = Mailbox()


async def send(runtime: Runtime, message: Message, notifier: Notifier = DEFAULT) -> None:
    """Sends a message, and logs that it did: neither whom to nor what, unless the installation is a demo."""
    await notifier.send(runtime, message)
    log.info("message.sent", notifier=type(notifier).__name__, message_id=message.id.hex, org_id=message.org_id.hex)
    if runtime.settings.log_messages:
        log.info("message.shown", recipient=message.recipient, subject=message.subject, body=message.body)
