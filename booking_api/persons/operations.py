"""The verbs of one person: export what is known of them, and erase it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from booking_api.bookings.operations import retention
from booking_api.capabilities import all_erasers
from booking_api.catalog import operations as catalog
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.errors import NotFound, invalid
from booking_api.core.personal import Theirs
from booking_api.core.text.addresses import email_forms
from booking_api.core.web.transactions import ERASED, UNFINISHED
from booking_api.identity import audit
from booking_api.identity import operations as identity
from booking_api.identity.audit_schemas import AuditAction
from booking_api.persons import erasing_queries, queries, rules
from booking_api.persons.schemas import BookingsAhead, Person, PersonalData, PersonErased, PersonExport, Reached

MOST_ROWS, SHOWN, PAGE = 1_000, 20, 1_000
FIRST = UUID(int=0)
Look = Callable[[Connection, UUID, str, str, str, UUID, int], Awaitable[list[Reached]]]


async def _find(ctx: Context, person: Person) -> PersonalData:
    """Raises `Invalid` unless exactly one way to find somebody is given, `NotFound` where it finds nobody."""
    given = [person.customer_id, person.email, person.phone]
    if sum(one is not None for one in given) != 1:
        raise invalid("", "Give exactly one of `customer_id`, `email` and `phone`.")
    if person.customer_id is not None:
        return await _all_of(ctx, [person.customer_id])
    kind = "email" if person.email is not None else "phone"
    country = ctx.org.phone_country
    key = rules.key_of(kind, person.email or person.phone or "", country)
    if not key:
        raise invalid("/phone", "There is no phone number with these digits.")
    own = await _reached(ctx, queries.find_reached_customers, kind, key)
    bookings = await _reached(ctx, queries.find_reached_bookings, kind, key)
    if not own and not bookings:
        raise NotFound("Nobody is known by this address.")
    bookers = sorted({row.customer_id for row in (*own, *bookings)})
    known = await queries.list_addresses(ctx.db, ctx.org_id, kind, bookers)
    whole = await _all_of(ctx, sorted(rules.wholly_theirs(kind, key, country, known)))
    return PersonalData(
        customer_ids=whole.customer_ids, booking_ids=sorted({*whole.booking_ids, *(row.id for row in bookings)}),
        contact_ids=sorted({*whole.customer_ids, *(row.id for row in own)}), booker_ids=bookers,
    )  # fmt: skip


async def _all_of(ctx: Context, customer_ids: list[UUID]) -> PersonalData:
    bookings = await queries.list_bookings_of(ctx.db, ctx.org_id, customer_ids)
    return PersonalData(customer_ids, [row.id for row in bookings], customer_ids, customer_ids)


async def _reached(ctx: Context, look: Look, kind: str, key: str) -> list[Reached]:
    """What has an address, by the one comparison that recovery uses as well."""
    country, found, after = ctx.org.phone_country, list[Reached](), FIRST
    while True:
        page = await look(ctx.db, ctx.org_id, kind, key, rules.IRREGULAR[kind], after, PAGE)
        found += [row for row in page if rules.key_of(kind, row.address, country) == key]
        if len(page) < PAGE:
            return found
        after = page[-1].id


async def export(ctx: Context, person: Person) -> PersonExport:
    """What is known of a person, at most 1,000 of each kind; the audit has who asked for whom."""
    whose = await _find(ctx, person)
    org_id, limit = ctx.org_id, MOST_ROWS + 1
    found = await queries.list_bookings(ctx.db, org_id, whose.booking_ids, limit)
    definitions = await catalog.load_definitions(
        ctx.db, ctx.caches, org_id, [(row.product_id, row.product_version) for row in found]
    )
    bookings = [rules.known_booking(row, definitions[row.product_id, row.product_version]) for row in found]
    customers = await queries.list_customers(ctx.db, org_id, whose.contact_ids)
    if not bookings and not customers:
        raise NotFound("Nobody is known by this id.")
    feedback = await queries.list_feedback(ctx.db, org_id, whose.customer_ids, whose.booking_ids, limit)
    scans = await queries.list_scans(ctx.db, org_id, whose.booking_ids, limit)
    sessions = await queries.list_sessions(ctx.db, org_id, whose.customer_ids, limit)
    await _note(ctx, "person.exported", whose)
    return PersonExport(
        customers=customers[:MOST_ROWS], bookings=bookings[:MOST_ROWS], feedback=feedback[:MOST_ROWS],
        scans=scans[:MOST_ROWS], sessions=sessions[:MOST_ROWS],
        incomplete=max(map(len, (customers, bookings, feedback, scans, sessions))) > MOST_ROWS,
    )  # fmt: skip


async def erase(ctx: Context, person: Person) -> tuple[PersonErased, list[UUID]]:
    """Erases what a person said about themselves, in the caller's transaction; it may be repeated. Also whose sessions
    it ended, all of them.

    Raises `BookingsAhead`, and then nothing is erased: whoever is to be let in has to be known until they were, and
    erasing half of somebody would be worse than telling them when. What was paid stays, under ids that name nobody.
    """
    whose = await _find(ctx, person)
    org_id, db = ctx.org_id, ctx.db
    if ahead := await retention.lock_ahead(db, org_id, whose.booking_ids, ctx.now, SHOWN):
        raise BookingsAhead(booking_ids=ahead)
    recipients = await _recipients(ctx, person, whose)
    erased = await retention.erase(db, org_id, whose.booking_ids, ctx.now)
    answer = PersonErased(
        bookings=erased.bookings,
        feedback=await erasing_queries.erase_feedback(db, org_id, whose.customer_ids, whose.booking_ids, ctx.now),
        scans=await erasing_queries.erase_scans(db, org_id, whose.booking_ids)
        + await erasing_queries.erase_archived_scans(db, org_id, whose.booking_ids),
        stored_answers=await erasing_queries.delete_answers(db, org_id, whose.customer_ids)
        # Of who booked for others as well: nobody knows which of the stored answers has the others in it.
        + await erasing_queries.erase_answers(db, org_id, whose.booker_ids, ERASED, UNFINISHED),
        messages=await erasing_queries.delete_mail(db, org_id, recipients),
        customers=erased.customers + await identity.forget_contacts(db, org_id, whose.contact_ids, ctx.now),
    )
    for erase_theirs in all_erasers():
        await erase_theirs(db, org_id, Theirs(whose.customer_ids, whose.booking_ids), ctx.now)
    await erasing_queries.forget_devices(db, org_id, whose.customer_ids, ctx.now)
    await identity.end_customers(db, org_id, whose.customer_ids, ctx.now)
    await _note(ctx, "person.erased", whose)
    return answer, whose.customer_ids


async def _note(ctx: Context, action: AuditAction, whose: PersonalData) -> None:
    notes = [audit.noted(ctx, action, "person", customer_id) for customer_id in whose.booker_ids]
    await audit.write(ctx.db, ctx.org_id, notes)


async def _recipients(ctx: Context, person: Person, whose: PersonalData) -> list[str]:
    """The addresses under which messages to them may lie in the mailbox, in small letters."""
    known = {address for address in (person.email, person.phone) if address}
    for customer in await queries.list_customers(ctx.db, ctx.org_id, whose.contact_ids):
        known |= {address for address in (customer.email, customer.phone) if address}
    for booking in await queries.list_bookings(ctx.db, ctx.org_id, whose.booking_ids, len(whose.booking_ids)):
        contact = booking.contact or {}
        known |= {str(contact[kind]) for kind in ("email", "phone") if contact.get(kind)}
    return sorted({form for address in known for form in email_forms(address)})
