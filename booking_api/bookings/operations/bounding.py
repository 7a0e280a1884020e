"""The bounds on places that nobody has paid for: whose they are, how many an order keeps, and the refusal."""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from booking_api.bookings import holding_rules as rules
from booking_api.bookings.hold_queries import OrderContact, SlotWithCounts, sum_unpaid_beside
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.refusals import ContactUnproven, TooManyHolds
from booking_api.bookings.schemas import BookingRow, Contact
from booking_api.catalog.rules import places
from booking_api.core.context import Context
from booking_api.core.text.addresses import email_key, phone_key
from booking_api.identity import operations as identity
from booking_api.identity.notifier import delivers

PURPOSE = "unpaid places"
DIGEST_BYTES = 16


def keeper_of(ctx: Context, customer_id: UUID, contact: Contact | None, address: str | None) -> rules.Keeper | None:
    """For whom places are counted; None for staff and keys, who have no bounds. `address` is that of the network."""
    if not rules.is_bounded(ctx.caller):
        return None
    most = ctx.settings.unpaid_places_per_address
    return rules.Keeper(
        customer_id, contact_digest(ctx, contact), _digest(ctx, "network", address) if address and most else None
    )


def contact_digest(ctx: Context, contact: Contact | None) -> bytes | None:
    """The digest of a bounded caller's contact, however its address is written: of the mail address, else the number.

    None where there is neither, or nothing is to be counted.
    """
    if contact is None or not ctx.settings.unpaid_places_per_contact or not rules.is_bounded(ctx.caller):
        return None
    if contact.email:
        return _digest(ctx, "email", email_key(contact.email))
    return _digest(ctx, "phone", phone_key(contact.phone, None)) if contact.phone else None


def _digest(ctx: Context, kind: str, text: str) -> bytes:
    """Of no use without the master secret. Counted is what was digested under the current one."""
    message = ctx.org_id.bytes + kind.encode() + b"\0" + text.encode()
    return hmac.digest(ctx.vault.keys_for(PURPOSE)[0], message, "sha256")[:DIGEST_BYTES]


def counts_of(slots: Iterable[SlotWithCounts]) -> Counter[rules.BoundKey]:
    """How many unpaid places there are already, as the look-up of the slots found."""
    held: Counter[rules.BoundKey] = Counter()
    for slot in slots:
        for bound, whose, slot_id, number in slot.unpaid:
            if bound == "customer":
                held["slot", UUID(whose), UUID(slot_id)] += number
                held["customer", UUID(whose), None] += number
            else:
                held[bound, bytes.fromhex(whose), None] += number
        break  # Each slot carries the same counts.
    return held


def claim_room(ctx: Context, facts: Facts, keeper: rules.Keeper | None, held: Counter[rules.BoundKey]) -> None:
    """Adds what an order is going to keep unpaid to what is held. Raises `TooManyHolds`, and then adds nothing."""
    if keeper is None:
        return
    wanted = rules.counted(keeper, _places_by_slot(facts, unpaid_bookings(facts)))
    _refuse_excess(ctx, wanted, held)
    for key, number in wanted.items():
        held[key] += number


def require_room_of_contact(ctx: Context, facts: Facts, held: int) -> None:
    """Asks for room under the contact of an order that is to be paid on site; `held` are the contact's other places.

    Raises `TooManyHolds`.
    """
    facts.contact_held = held
    if facts.contact_digest is not None and _is_due_on_site(facts):
        key: rules.BoundKey = ("contact", facts.contact_digest, None)
        _refuse_excess(ctx, {key: sum(_places_by_slot(facts, facts.live).values())}, {key: held})


async def count_beside(ctx: Context, orders: Sequence[Facts]) -> dict[UUID, int]:
    """By order the unpaid places of other orders with the contact that a returning customer is known by.

    It takes the round trip that finding these contacts takes elsewhere.
    """
    asked = [
        OrderContact(one.order.id, one.contact_digest) for one in orders if one.contact_digest and _is_due_on_site(one)
    ]
    if not asked:
        return {}
    found = await sum_unpaid_beside(ctx.db, ctx.org_id, asked, ctx.now)
    return {row.order_id: row.places for row in found}


def needs_proof(ctx: Context, facts: Facts) -> bool:
    """Whether the contact of an order that is about to be confirmed, or just was, has to have proven its address."""
    contact = facts.bookings[0].contact
    return rules.needs_proof(
        bounded=rules.is_bounded(ctx.caller),
        delivers=contact is not None and contact.email is not None and delivers(ctx.settings, "email"),
        on_site=_is_due_on_site(facts),
        places=facts.contact_held + sum(_places_by_slot(facts, facts.live).values()),
        most=ctx.settings.unproven_places_on_site,
    )


async def require_proof(ctx: Context, facts: Facts) -> None:
    """Raises `ContactUnproven`. A batch leaves what needs a proof to the plain path."""
    contact = facts.bookings[0].contact
    if contact is None or contact.email is None or not needs_proof(ctx, facts):
        return
    if not await identity.has_proven(ctx, facts.order.customer_id, "email", contact.email):
        raise ContactUnproven(limit=ctx.settings.unproven_places_on_site, held=facts.contact_held)


def _is_due_on_site(facts: Facts) -> bool:
    return any(booking.price.due_on_site.amount for booking in facts.live)


def _refuse_excess(ctx: Context, wanted: Mapping[rules.BoundKey, int], held: Mapping[rules.BoundKey, int]) -> None:
    found = rules.excess(wanted, held, rules.limits(ctx.settings))
    if found is not None:
        raise TooManyHolds(limit=found.limit, held=found.held, because=found.bound)


def unpaid_bookings(facts: Facts) -> list[BookingRow]:
    """Those of an order's live bookings that are held or being paid, or still to be paid on site."""
    if facts.order.status != "confirmed":
        return facts.live
    return [one for one in facts.live if one.price.due_on_site.amount > facts.settled.get(one.id, 0)]


def unpaid(facts: Facts) -> tuple[datetime | None, int]:
    """Until when an order's places count as unpaid, and how many they are."""
    bookings = unpaid_bookings(facts)
    until = rules.unpaid_until(facts.order, bookings)
    return until, 0 if until is None else sum(_places_by_slot(facts, bookings).values())


def _places_by_slot(facts: Facts, bookings: Iterable[BookingRow]) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    for booking in bookings:
        occupied = facts.places.get(booking.id)
        if occupied is None:
            units: dict[UUID, int] = {}
            for item in facts.items[booking.id]:
                if item.status == "active":
                    units[item.unit_id] = units.get(item.unit_id, 0) + 1
            occupied = places(facts.definition(booking), units)
        found[booking.slot_id] = found.get(booking.slot_id, 0) + occupied
    return found
