"""What happens to sessions, and the codes that people ask for. Contacts in them are encrypted."""

from typing import ClassVar
from uuid import UUID

from booking_api.core.queue.events import Fact


class _CodeAsked(Fact, frozen=True, kw_only=True):
    about: ClassVar[str] = "the request for a code"

    contact: str
    """Encrypted under the master secret."""
    language: str = "en"


class RecoveryRequested(_CodeAsked, frozen=True, kw_only=True):
    """Somebody asks for a code to get back to a booking."""

    type: ClassVar[str] = "recovery.requested"

    reference: str


class SignInRequested(_CodeAsked, frozen=True, kw_only=True):
    """Somebody asks for a code to sign in as a member of staff."""

    type: ClassVar[str] = "sign_in.requested"


class ContactCodeRequested(_CodeAsked, frozen=True, kw_only=True):
    """A customer asks for a code to prove their address."""

    type: ClassVar[str] = "contact_code.requested"

    customer_id: UUID


class ContactReplaced(_CodeAsked, frozen=True, kw_only=True):
    """A customer, or a booking of theirs, can't be reached any more by an address that it had."""

    type: ClassVar[str] = "contact.replaced"
    about: ClassVar[str] = "customer"


class BookingsClaimed(Fact, frozen=True, kw_only=True):
    """Bookings of a customer were joined to those of another, who had proven the address of their contact."""

    type: ClassVar[str] = "bookings.claimed"
    about: ClassVar[str] = "customer"

    undone: bool
    """Whether that was undone, and these were the other's."""
    language: str = "en"


class _OfSession(Fact, frozen=True, kw_only=True):
    about: ClassVar[str] = "session"

    subject_id: UUID
    """The customer or the member of staff."""
    kind: str
    """`customer` or `staff`."""


class SessionOpened(_OfSession, frozen=True, kw_only=True):
    """A code opened a session."""

    type: ClassVar[str] = "session.opened"

    opened_by: str
    """What the code was for."""
    session_id: UUID


class SessionReused(_OfSession, frozen=True, kw_only=True):
    """A refresh token came again long after its successor was used, so that its session was ended."""

    type: ClassVar[str] = "session.reused"
