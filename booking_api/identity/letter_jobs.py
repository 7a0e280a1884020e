"""What identity writes to people: codes that they asked for, and what became of their sessions."""

from uuid import UUID

from cryptography.fernet import InvalidToken

from booking_api.core.clock import utc_now
from booking_api.core.context import Organisation
from booking_api.core.db import Connection
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import (
    codes,
    contact_queries,
    letters,
    notifier,
    queries,
    reach,
    session_life_queries,
    staff_queries,
)  # fmt: skip
from booking_api.identity.events import ContactCodeRequested, SessionOpened, SessionReused, SignInRequested


async def send_sign_in_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to the member of staff with the address that was named; nothing if there is none."""
    asked = SignInRequested.of(event)
    try:
        contact = codes.open_contact(runtime.vault, asked.contact)
    except InvalidToken:
        log.warning("sign_in.unreadable", event_id=event.id.hex)  # As `bookings.jobs.send_recovery_code`.
        return
    seconds, now = runtime.settings.code_seconds, utc_now()
    async with acquire(runtime) as db, db.transaction():
        org = await queries.find_organisation(db, event.org_id)
        member = await staff_queries.find_staff_by_email(db, event.org_id, contact.email or "")
        if org is None or member is None:
            return
        if not await codes.may_send_code(db, event.org_id, "sign_in", member.id, None, None, now, seconds):
            return
        code = await codes.make_code(db, event.org_id, "sign_in", member.id, None, now, seconds)
    letter = letters.sign_in_letter(asked.language, org.name, code)
    await write_to(runtime, event, member.email, letter)


async def send_contact_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to the address that a customer named as theirs. Who redeems it has proven that, and sees
    no more than the bookings with that address: it may have been mistyped."""
    asked = ContactCodeRequested.of(event)
    try:
        contact = codes.open_contact(runtime.vault, asked.contact)
    except InvalidToken:
        log.warning("contact_code.unreadable", event_id=event.id.hex)
        return
    seconds, now, customer_id = runtime.settings.code_seconds, utc_now(), asked.customer_id
    async with acquire(runtime) as db, db.transaction():
        org = await queries.find_organisation(db, event.org_id)
        if org is None or contact.email is None:
            return
        digest = reach.digests(runtime.vault, org, "email", contact.email)[0]
        if not await codes.may_send_code(db, event.org_id, "recover", customer_id, None, digest, now, seconds):
            return
        code = await codes.make_code(
            db, event.org_id, "recover", customer_id, None, now, seconds, address_digest=digest
        )
    letter = letters.contact_letter(asked.language, org.name, code)
    await write_to(runtime, event, contact.email, letter)


async def tell_of_opening(runtime: Runtime, event: StoredEvent) -> None:
    """Tells a customer that somebody else opened one of their bookings: with a code to another address than theirs, or
    with the help of staff. Nobody is told what they did themselves."""
    opened = SessionOpened.of(event)
    if opened.kind != "customer" or opened.opened_by not in {"recover", "help"}:
        return
    async with acquire(runtime) as db:
        rows = await session_life_queries.find_session_rows(db, event.org_id, [event.subject_id])
        found = await owner_of(db, event, opened.subject_id)
    if not rows or found is None:
        return
    org, address, language = found
    digest = rows[0].address_digest
    if digest is not None and reach.matches(runtime.vault, org, digest, address, address):
        return
    letter = letters.opened_letter(language, org.name, by_staff=opened.opened_by == "help")
    await write_to(runtime, event, address, letter)


async def tell_of_reuse(runtime: Runtime, event: StoredEvent) -> None:
    """Tells the owner of a session that it was ended, because somebody else seems to have a token of it."""
    reused = SessionReused.of(event)
    is_staff, subject_id = reused.kind == "staff", reused.subject_id
    async with acquire(runtime) as db:
        if is_staff:
            org = await queries.find_organisation(db, event.org_id)
            member = await staff_queries.find_staff(db, event.org_id, subject_id)
            found = None if org is None or member is None else (org, member.email, org.locale.split("-")[0].lower())
        else:
            found = await owner_of(db, event, subject_id)
    if found is not None:
        org, address, language = found
        await write_to(runtime, event, address, letters.reused_letter(language, org.name, staff=is_staff))


async def owner_of(db: Connection, event: StoredEvent, customer_id: UUID) -> tuple[Organisation, str, str] | None:
    """Where to reach a customer, and in which language; None who never said."""
    org = await queries.find_organisation(db, event.org_id)
    known = await contact_queries.find_contacts(db, event.org_id, [customer_id])
    address = (known[0].email or known[0].phone) if known else None
    return None if org is None or address is None else (org, address, known[0].language)


async def write_to(runtime: Runtime, event: StoredEvent, recipient: str, letter: tuple[str, str]) -> None:
    subject, body = letter
    message = notifier.Message(
        org_id=event.org_id, recipient=recipient, subject=subject, body=body, created_at=utc_now(), id=event.id
    )
    await notifier.send(runtime, message)
