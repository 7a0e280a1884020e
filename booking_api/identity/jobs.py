"""Background work of identity."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from cryptography.fernet import InvalidToken

from booking_api.core.clock import utc_now
from booking_api.core.context import Organisation
from booking_api.core.db import Connection
from booking_api.core.db.partitions import (
    Span,
    begins_of,
    drop_partition,
    first_id,
    lock_for_drop,
    make_partition,
    month_of,
)
from booking_api.core.db.queries import StoredEvent
from booking_api.core.log import log
from booking_api.core.rounds import one_by_one
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import (
    audit_queries,
    letters,
    notifier,
    operations,
    queries,
    reach,
    session_life_queries,
    session_queries,
)
from booking_api.identity.events import ContactCodeRequested, SessionOpened, SessionReused, SignInRequested
from booking_api.identity.notifier import Message

BATCH = 200
KEPT = timedelta(days=1)
"""How long a spent code and a message in the mailbox are kept, for whoever is asked why it didn't work."""
AUDIT = "audit"
MONTHS_AHEAD = 2
"""So many months a worker may be away before entries fall into the default partition."""
NEVER_CHANGED = "fillfactor = 100"


async def sweep_credentials(runtime: Runtime) -> int:
    """Deletes one batch each of expired codes, of old messages, and of sessions that no token can belong to any more."""
    now = utc_now()
    sessions_before = now - timedelta(days=runtime.settings.refresh_token_days) - KEPT
    async with acquire(runtime) as db:
        codes = await session_queries.list_old_codes(db, now - KEPT, BATCH)
        deleted = await one_by_one(codes, lambda one: session_queries.delete_codes(db, one.org_id, one.code_hashes))
        mail = await session_queries.list_old_mail(db, now - KEPT, BATCH)
        deleted += await one_by_one(mail, lambda one: session_queries.delete_mail(db, one.org_id, one.ids))
        sessions = await session_queries.list_old_sessions(db, sessions_before, BATCH)
        deleted += await one_by_one(
            sessions, lambda one: session_queries.delete_sessions(db, one.org_id, one.ids, sessions_before)
        )
    return sum(deleted)


async def keep_audit_partitions(runtime: Runtime, now: datetime | None = None) -> int:
    """Makes the audit's partitions of this month and the coming ones and drops those that are old. How many of both."""
    now = now or utc_now()
    done = 0
    async with acquire(runtime) as db:
        begins, span = await begins_of(db, AUDIT), month_of(now)
        for _ in range(MONTHS_AHEAD + 1):
            if span.begins not in begins:
                done += await _make_month(db, span)
            span = month_of(span.ends)
        if runtime.settings.audit_retention_days > 0:
            before = now - timedelta(days=runtime.settings.audit_retention_days)
            for old in (month_of(one) for one in begins):
                if old.ends <= before:
                    done += await _drop_month(db, old)
            # The month in which the installation began, and what no partition was made for.
            for org in await queries.list_organisations(db):
                done += await audit_queries.delete_rest(db, org.org_id, first_id(before), BATCH)
    return done


async def _make_month(db: Connection, span: Span) -> bool:
    first, end = first_id(span.begins), first_id(span.ends)
    if await audit_queries.rest_holds_entries(db, first, end):
        return False
    return await make_partition(db, AUDIT, span.begins, first, end, NEVER_CHANGED)


async def _drop_month(db: Connection, span: Span) -> bool:
    try:
        async with db.transaction():
            if not await lock_for_drop(db, AUDIT):
                return False
            await drop_partition(db, AUDIT, span.begins)
    except asyncpg.LockNotAvailableError:
        log.info("partition.busy", table=AUDIT, begins=span.begins.date().isoformat())
        return False
    return True


async def send_sign_in_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to the member of staff with the address that was named; nothing if there is none."""
    asked = SignInRequested.of(event)
    try:
        contact = operations.open_contact(runtime.vault, asked.contact)
    except InvalidToken:
        log.warning("sign_in.unreadable", event_id=event.id.hex)  # As `bookings.jobs.send_recovery_code`.
        return
    seconds, now = runtime.settings.code_seconds, utc_now()
    async with acquire(runtime) as db, db.transaction():
        org = await queries.find_organisation(db, event.org_id)
        member = await queries.find_staff_by_email(db, event.org_id, contact.email or "")
        if org is None or member is None:
            return
        if not await operations.may_send_code(db, event.org_id, "sign_in", member.id, None, None, now, seconds):
            return
        code = await operations.make_code(db, event.org_id, "sign_in", member.id, None, now, seconds)
    letter = letters.sign_in_letter(asked.language, org.name, code)
    await _write_to(runtime, event, member.email, letter)


async def send_contact_code(runtime: Runtime, event: StoredEvent) -> None:
    """Sends a single-use code to the address that a customer named as theirs. Who redeems it has proven that, and sees
    no more than the bookings with that address: it may have been mistyped."""
    asked = ContactCodeRequested.of(event)
    try:
        contact = operations.open_contact(runtime.vault, asked.contact)
    except InvalidToken:
        log.warning("contact_code.unreadable", event_id=event.id.hex)
        return
    seconds, now, customer_id = runtime.settings.code_seconds, utc_now(), asked.customer_id
    async with acquire(runtime) as db, db.transaction():
        org = await queries.find_organisation(db, event.org_id)
        if org is None or contact.email is None:
            return
        digest = reach.digests(runtime.vault, org, "email", contact.email)[0]
        if not await operations.may_send_code(db, event.org_id, "recover", customer_id, None, digest, now, seconds):
            return
        code = await operations.make_code(
            db, event.org_id, "recover", customer_id, None, now, seconds, address_digest=digest
        )
    letter = letters.contact_letter(asked.language, org.name, code)
    await _write_to(runtime, event, contact.email, letter)


async def tell_of_opening(runtime: Runtime, event: StoredEvent) -> None:
    """Tells a customer that somebody else opened one of their bookings: with a code to another address than theirs, or
    with the help of staff. Nobody is told what they did themselves."""
    opened = SessionOpened.of(event)
    if opened.kind != "customer" or opened.opened_by not in {"recover", "help"}:
        return
    async with acquire(runtime) as db:
        rows = await session_life_queries.find_session_rows(db, event.org_id, [event.subject_id])
        found = await _owner(db, event, opened.subject_id)
    if not rows or found is None:
        return
    org, address, language = found
    digest = rows[0].address_digest
    if digest is not None and reach.matches(runtime.vault, org, digest, address, address):
        return
    letter = letters.opened_letter(language, org.name, by_staff=opened.opened_by == "help")
    await _write_to(runtime, event, address, letter)


async def tell_of_reuse(runtime: Runtime, event: StoredEvent) -> None:
    """Tells the owner of a session that it was ended, because somebody else seems to have a token of it."""
    reused = SessionReused.of(event)
    is_staff, subject_id = reused.kind == "staff", reused.subject_id
    async with acquire(runtime) as db:
        if is_staff:
            org, member = (
                await queries.find_organisation(db, event.org_id),
                await queries.find_staff(db, event.org_id, subject_id),
            )
            found = None if org is None or member is None else (org, member.email, org.locale.split("-")[0].lower())
        else:
            found = await _owner(db, event, subject_id)
    if found is not None:
        org, address, language = found
        await _write_to(runtime, event, address, letters.reused_letter(language, org.name, staff=is_staff))


async def _owner(db: Connection, event: StoredEvent, customer_id: UUID) -> tuple[Organisation, str, str] | None:
    """Where to reach a customer, and in which language; None who never said."""
    org = await queries.find_organisation(db, event.org_id)
    known = await session_queries.find_contacts(db, event.org_id, [customer_id])
    address = (known[0].email or known[0].phone) if known else None
    return None if org is None or address is None else (org, address, known[0].language)


async def _write_to(runtime: Runtime, event: StoredEvent, recipient: str, letter: tuple[str, str]) -> None:
    subject, body = letter
    message = Message(
        org_id=event.org_id, recipient=recipient, subject=subject, body=body, created_at=utc_now(), id=event.id
    )
    await notifier.send(runtime, message)
