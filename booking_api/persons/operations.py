"""The verbs of one person: export what is known of them, and erase it."""

from collections.abc import Sequence
from uuid import UUID

from booking_api.catalog import operations as catalog
from booking_api.core.context import Context
from booking_api.core.errors import NotFound, invalid
from booking_api.core.text.addresses import email_forms, phone_digits
from booking_api.core.transactions import ERASED, UNFINISHED
from booking_api.identity import audit
from booking_api.persons import queries, rules
from booking_api.persons.schemas import BookingsAhead, Person, PersonErased, PersonExport

MOST_CUSTOMERS, MOST_ROWS, SHOWN = 100, 1_000, 20


async def _customers(ctx: Context, person: Person) -> list[UUID]:
    """Raises `Invalid` unless exactly one way to find somebody is given, `NotFound` where it finds nobody."""
    given = [person.customer_id, person.email, person.phone]
    if sum(one is not None for one in given) != 1:
        raise invalid("", "Give exactly one of `customer_id`, `email` and `phone`.")
    if person.customer_id is not None:
        return [person.customer_id]
    emails = email_forms(person.email) if person.email else []
    digits = phone_digits(person.phone, ctx.org.phone_country) if person.phone else []
    found = await queries.find_customers(ctx.db, ctx.org_id, emails, digits, MOST_CUSTOMERS)
    if not found:
        raise NotFound("Nobody is known by this address.")
    return [row.id for row in found]


async def export(ctx: Context, person: Person) -> PersonExport:
    """What is known of a person, at most 1,000 of each kind; the audit has who asked for whom."""
    ids = await _customers(ctx, person)
    org_id, limit = ctx.org_id, MOST_ROWS + 1
    found = await queries.list_bookings(ctx.db, org_id, ids, limit)
    definitions = await catalog.load_definitions(
        ctx.db, ctx.caches, org_id, [(row.product_id, row.product_version) for row in found]
    )
    bookings = [rules.known_booking(row, definitions[row.product_id, row.product_version]) for row in found]
    customers = await queries.list_customers(ctx.db, org_id, ids)
    if not bookings and not customers:
        raise NotFound("Nobody is known by this id.")
    feedback = await queries.list_feedback(ctx.db, org_id, ids, limit)
    scans = await queries.list_scans(ctx.db, org_id, ids, limit)
    sessions = await queries.list_sessions(ctx.db, org_id, ids, limit)
    for customer_id in ids:
        await audit.note(ctx, "person.exported", "person", customer_id)
    return PersonExport(
        customers=customers, bookings=bookings[:MOST_ROWS], feedback=feedback[:MOST_ROWS], scans=scans[:MOST_ROWS],
        sessions=sessions[:MOST_ROWS],
        incomplete=len(ids) == MOST_CUSTOMERS or max(map(len, (bookings, feedback, scans, sessions))) > MOST_ROWS,
    )  # fmt: skip


async def erase(ctx: Context, person: Person) -> PersonErased:
    """Erases what a person said about themselves, in the caller's transaction; it may be repeated.

    Raises `BookingsAhead`, and then nothing is erased: whoever is to be let in has to be known until they were, and
    erasing half of somebody would be worse than telling them when. What was paid stays, under ids that name nobody.
    """
    ids = await _customers(ctx, person)
    ahead = await queries.lock_bookings_ahead(ctx.db, ctx.org_id, ids, ctx.now, SHOWN)
    if ahead:
        raise BookingsAhead(booking_ids=[row.id for row in ahead])
    recipients = await _recipients(ctx, ids)
    org_id, db = ctx.org_id, ctx.db
    await queries.erase_digests(db, org_id, ids)
    await queries.erase_items(db, org_id, ids)
    erased = PersonErased(
        bookings=await queries.erase_bookings(db, org_id, ids, ctx.now),
        feedback=await queries.erase_feedback(db, org_id, ids, ctx.now),
        scans=await queries.erase_scans(db, org_id, ids) + await queries.erase_archived_scans(db, org_id, ids),
        stored_answers=await queries.delete_answers(db, org_id, ids)
        + await queries.erase_answers(db, org_id, ids, ERASED, UNFINISHED),
        messages=await queries.delete_mail(db, org_id, recipients),
        customers=await queries.erase_customers(db, org_id, ids, ctx.now),
    )
    await queries.forget_devices(db, org_id, ids, ctx.now)
    for customer_id in ids:
        await audit.note(ctx, "person.erased", "person", customer_id)
    return erased


async def _recipients(ctx: Context, ids: Sequence[UUID]) -> list[str]:
    """The addresses under which messages to them may lie in the mailbox, in small letters."""
    known: set[str] = set()
    for customer in await queries.list_customers(ctx.db, ctx.org_id, ids):
        known |= {address for address in (customer.email, customer.phone) if address}
    for booking in await queries.list_bookings(ctx.db, ctx.org_id, ids, MOST_ROWS):
        contact = booking.contact or {}
        known |= {str(contact[kind]) for kind in ("email", "phone") if contact.get(kind)}
    return sorted({form for address in known for form in email_forms(address)})
