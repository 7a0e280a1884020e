"""The verbs of a customer's own page: what is known of them, changed, and told to the address that it replaces."""

from uuid import UUID

from msgspec import UnsetType

from booking_api.core.context import Context
from booking_api.core.errors import Forbidden
from booking_api.core.queue.events import publish
from booking_api.identity import contact_queries, reach
from booking_api.identity.codes import seal_contact
from booking_api.identity.events import ContactReplaced
from booking_api.identity.me_schemas import Me, MeEdit, OwnContact
from booking_api.identity.operations import customer_contacts, has_proven, remember_customers
from booking_api.identity.schemas import KnownContact, Reachable
from booking_api.identity.session_schemas import RecoveryContact

NOBODY = KnownContact(None, None, None)


async def show_me(ctx: Context) -> Me:
    """What is known of the caller, as far as their session sees it: one that an address opened sees that address's
    contact and no other."""
    customer_id, restriction = _customer(ctx), ctx.caller.restriction
    found = await contact_queries.find_contacts(ctx.db, ctx.org_id, [customer_id])
    known = found[0] if found and _may_see(ctx, found[0]) else None
    contact = None
    if known is not None and (known.name or known.email or known.phone):
        contact = OwnContact(name=known.name, email=known.email, phone=known.phone)
    email = known.email if known is not None else None
    return Me(
        id=customer_id,
        contact=contact,
        language=found[0].language if found else ctx.org.locale.split("-")[0].lower(),
        email_proven=email is not None and await has_proven(ctx, customer_id, "email", email),
        sees="everything" if restriction is None else "booking" if restriction.booking_id else "address",
        available_actions=["edit"] if restriction is None else [],
    )


async def change_me(ctx: Context, change: MeEdit) -> Me:
    """Changes what is known of the caller, and tells the address that was theirs. Raises `Forbidden` for a session that
    sees only some of their bookings: whose address that is, it can't know."""
    customer_id = _customer(ctx)
    if ctx.caller.restriction is not None:
        raise Forbidden("This session sees only some bookings. Change your details where you made them.")
    await contact_queries.lock_contact(ctx.db, ctx.org_id, customer_id)
    before = (await customer_contacts(ctx.db, ctx.org_id, [customer_id])).get(customer_id, NOBODY)
    after = _edited(before, change)
    language = (await show_me(ctx)).language
    if not isinstance(change.language, UnsetType):
        language = change.language.split("-")[0].lower()
    said = Reachable(customer_id, after.name, after.email, after.phone, language)
    await remember_customers(ctx.db, ctx.org_id, [said], ctx.now)
    await tell_replaced(ctx, customer_id, (before.email, before.phone), (after.email, after.phone))
    return await show_me(ctx)


async def tell_replaced(
    ctx: Context, customer_id: UUID, before: tuple[str | None, str | None], after: tuple[str | None, str | None]
) -> None:
    """Has the address (e-mail, phone) that a customer can't be reached by any more told so: who took a phone over
    changes the contact first."""
    if reach.same_addresses(before, after):
        return
    dropped = RecoveryContact(
        None if reach.same_addresses((before[0], None), after) else before[0],
        None if reach.same_addresses((None, before[1]), after) else before[1],
    )
    fact = ContactReplaced(contact=seal_contact(ctx.vault, dropped), language=ctx.language)
    await publish(ctx.db, [fact.event(ctx.org_id, customer_id, ctx.now)])


def _customer(ctx: Context) -> UUID:
    assert ctx.caller.subject_id is not None, "only customers are admitted"
    return ctx.caller.subject_id


def _may_see(ctx: Context, known: KnownContact) -> bool:
    restriction = ctx.caller.restriction
    if restriction is None:
        return True
    address = restriction.address
    return address is not None and reach.matches(ctx.vault, ctx.org, address, known.email, known.phone)


def _edited(before: KnownContact, change: MeEdit) -> KnownContact:
    edit = change.contact
    if isinstance(edit, UnsetType):
        return before
    if edit is None:
        return NOBODY
    return KnownContact(
        before.name if isinstance(edit.name, UnsetType) else edit.name,
        before.email if isinstance(edit.email, UnsetType) else edit.email,
        before.phone if isinstance(edit.phone, UnsetType) else edit.phone,
    )
