"""The refusals of orders and bookings, each with what an app should do."""

from typing import Any, ClassVar

from booking_api.availability.schemas import Alternative
from booking_api.bookings.schemas import ChangedSlot, Missing
from booking_api.catalog.schemas import Price
from booking_api.core.errors import DomainError


class SoldOut(DomainError):
    wanted: Any = None
    """By what alternatives are looked for, once nothing is locked any more; see `operations.refusing`."""
    code, status, title = "sold_out", 409, "There are not enough places left"
    explanation = "Offer the customer one of `alternatives`, which had room at the moment of the answer."
    member_types: ClassVar[dict[str, Any]] = {
        "alternatives": list[Alternative],
        "pointer": str | None,
        "slot_id": str | None,
        "order_id": str | None,
    }


class TooManyHolds(DomainError):
    code, status, title = "too_many_holds", 409, "Too many places are kept without being paid"
    explanation = (
        "No more than `limit` places may be kept without being paid, and `held` are already. `because` says of whom: "
        "the customer's on this `slot`, the `customer`'s, those under this `contact`, or those from this network "
        "`address`. Pay for, cancel or release some of them, or wait for holds to end."
    )
    member_types: ClassVar[dict[str, Any]] = {"limit": int, "held": int, "because": str}


class ContactUnproven(DomainError):
    code, status, title = "contact_unproven", 409, "The mail address is to be proven first"
    explanation = (
        "So many places are only kept for payment on site once the contact has proven its mail address. Hold them, send a "
        "code with `POST /v1/me/contact-code`, redeem it with `POST /v1/tokens {grant: code}` and confirm again; the "
        "customer's own tokens stay good. Paying at once needs no proof."
    )
    member_types: ClassVar[dict[str, Any]] = {"limit": int, "held": int}


class HoldExpired(DomainError):
    code, status, title = "hold_expired", 409, "The hold has ended"
    explanation = "The places were given back. Hold again; the same places are often still there."


class PriceChanged(DomainError):
    code, status, title = "price_changed", 409, "The amount is not the one you expected"
    explanation = "Show the new amount and let the customer agree to it."
    member_types: ClassVar[dict[str, Any]] = {"price": Price}


class SalesClosed(DomainError):
    wanted: Any = None
    """As in `SoldOut`."""
    code, status, title = "sales_closed", 409, "This can no longer be booked"
    explanation = (
        "`because` says why: the slot was `cancelled`, has `departed`, its gate has closed (`gate_closed`), it was "
        "`closed` to newcomers, its product was `withdrawn`, or the option's sales are over (`sales_over`). Offer one "
        "of `alternatives`, which had room at the moment of the answer."
    )
    member_types: ClassVar[dict[str, Any]] = {
        "because": str, "alternatives": list[Alternative], "pointer": str | None, "slot_id": str | None, "booking_id": str | None,
        "order_id": str | None,
    }  # fmt: skip


class SlotChanged(DomainError):
    code, status, title = "slot_changed", 409, "The time or place is not the one that was agreed"
    explanation = (
        "Show the customer each of `slots` as it is now. Confirm again with the starts that they agree to: "
        "`expected_starts_at`, or `expected_slots` for an order."
    )
    member_types: ClassVar[dict[str, Any]] = {"slots": list[ChangedSlot]}


class DetailsMissing(DomainError):
    code, status, title = "details_missing", 409, "Details are missing"
    explanation = "Each of `missing` points at what to ask the customer for. Fill it with PATCH or in confirm."
    member_types: ClassVar[dict[str, Any]] = {"missing": list[Missing]}


class PaymentDeclined(DomainError):
    code, status, title = "payment_declined", 402, "The payment was declined"
    explanation = "The hold is kept until its `expires_at`. Let the customer try another means of payment."
    retryable = True
    member_types: ClassVar[dict[str, Any]] = {"order_id": str, "decline_code": str}


class NotCancellable(DomainError):
    code, status, title = "not_cancellable", 409, "This can't be cancelled"
    explanation = (
        "`because` says why: it is over, has begun, or somebody was admitted with it (`already_used`), and then only a "
        "manager may, with a reason. See `available_actions`."
    )
    member_types: ClassVar[dict[str, Any]] = {"because": list[str]}


class AlreadyUsed(DomainError):
    code, status, title = "already_used", 409, "It was used at the gate already"
    explanation = (
        "The people of `item_ids` were admitted, so that their items can't be changed, cancelled or passed on any more. "
        "The booking's other items still can. A manager may do it, with a reason."
    )
    member_types: ClassVar[dict[str, Any]] = {"item_ids": list[str]}


class NotChangeable(DomainError):
    code, status, title = "not_changeable", 409, "This can't be changed any more"
    explanation = "`because` says why: the slot has departed, its gate has closed, or it was cancelled."
    member_types: ClassVar[dict[str, Any]] = {"because": list[str]}


class UseOrder(DomainError):
    code, status, title = "use_order", 409, "This booking is part of an order of several"
    explanation = "Use the same operation of the order `order_id`: all of it is confirmed, extended or released as one."
    member_types: ClassVar[dict[str, Any]] = {"order_id": str}


class SyncExpired(DomainError):
    code, status, title = "sync_expired", 410, "This sync position is too old"
    explanation = "Drop what is stored on the phone and sync from the start, without `since`."
