"""How many places nobody has paid for one may keep: pure decisions, so that stock can't be taken hostage.

Counted are holds, payments under way, and what is to be paid on site, until it is paid, cancelled or over. There are
bounds for a customer, a customer on one slot, a contact and a network address, never for a slot as a whole: somebody
who keeps too much must not stand in the way of others. Why these: docs/adr/0019.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from booking_api.bookings.schemas import BookingRow, OrderRow
from booking_api.core.context import Caller
from booking_api.core.settings import Settings

Bound = Literal["slot", "customer", "contact", "address"]
BoundKey = tuple[Bound, UUID | bytes, UUID | None]
"""Whose places are counted: a customer's on a slot, a customer's, those under a contact, or those from an address."""


class Keeper(msgspec.Struct, frozen=True):
    """For whom places are kept. None where something isn't known, or isn't bounded."""

    customer_id: UUID
    contact: bytes | None = None
    """Digests, see `operations.bounding`."""
    address: bytes | None = None


class Excess(msgspec.Struct, frozen=True):
    """A bound that a wish would go beyond."""

    bound: Bound
    limit: int
    held: int


def is_bounded(caller: Caller) -> bool:
    """Whether a caller is held to the bounds: customers, and apps for those whom they make; staff and keys aren't."""
    return caller.kind in {"app", "customer"}


def limits(settings: Settings) -> dict[Bound, int]:
    """The most places of each kind; 0 sets no bound."""
    return {
        "slot": settings.unpaid_places_per_slot,
        "customer": settings.unpaid_places_per_customer,
        "contact": settings.unpaid_places_per_contact,
        "address": settings.unpaid_places_per_address,
    }


def counted(keeper: Keeper, places: Mapping[UUID, int]) -> dict[BoundKey, int]:
    """What an order with so many places by slot adds to which counts, the narrowest first."""
    total = sum(places.values())
    found: dict[BoundKey, int] = {("slot", keeper.customer_id, slot_id): wanted for slot_id, wanted in places.items()}
    found["customer", keeper.customer_id, None] = total
    if keeper.contact is not None:
        found["contact", keeper.contact, None] = total
    if keeper.address is not None:
        found["address", keeper.address, None] = total
    return found


def excess(wanted: Mapping[BoundKey, int], held: Mapping[BoundKey, int], most: Mapping[Bound, int]) -> Excess | None:
    """The first bound that the wanted places would go beyond; None where they may be kept.

    What keeps no places for nothing, such as a party that occupies none, is never refused.
    """
    for key, places in wanted.items():
        limit, already = most[key[0]], held.get(key, 0)
        if 0 < limit < already + places and places > 0:
            return Excess(key[0], limit, already)
    return None


def needs_proof(*, bounded: bool, delivers: bool, on_site: bool, places: int, most: int) -> bool:
    """Whether a contact has to prove its address before an order is confirmed. `places` are those of the order and what
    else the contact keeps unpaid; `delivers` whether a code reaches it."""
    return bounded and delivers and on_site and 0 < most < places


def unpaid_until(order: OrderRow, unpaid: Iterable[BookingRow]) -> datetime | None:
    """Until when an order's places count as kept without being paid for; None where they don't.

    `unpaid` are its live bookings of which something is still due on site.
    """
    match order.status:
        case "on_hold":
            return order.expires_at
        case "pending":
            return order.pending_until
        case "confirmed":
            return max((booking.visit_ends_at for booking in unpaid), default=None)
        case _:
            return None
