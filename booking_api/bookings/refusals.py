"""The refusals of orders and bookings, each with what an app should do."""

from typing import Any, ClassVar

from booking_api.bookings.schemas import Missing
from booking_api.catalog.schemas import Price
from booking_api.core.errors import DomainError
from booking_api.inventory.schemas import Alternative


class SoldOut(DomainError):
    code, status, title = "sold_out", 409, "There are not enough places left"
    explanation = "Offer the customer one of `alternatives`, which had room at the moment of the answer."
    member_types: ClassVar[dict[str, Any]] = {"alternatives": list[Alternative]}


class HoldExpired(DomainError):
    code, status, title = "hold_expired", 409, "The hold has ended"
    explanation = "The places were given back. Hold again; the same places are often still there."


class PriceChanged(DomainError):
    code, status, title = "price_changed", 409, "The amount is not the one you expected"
    explanation = "Show the new amount and let the customer agree to it."
    member_types: ClassVar[dict[str, Any]] = {"price": Price}


class SalesClosed(DomainError):
    code, status, title = "sales_closed", 409, "This can no longer be booked"
    explanation = "Sales have ended, or the slot was closed or cancelled. Search again."


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
    explanation = "It is over, has begun, or a payment is under way. See `available_actions`."


class UseOrder(DomainError):
    code, status, title = "use_order", 409, "This booking is part of an order of several"
    explanation = "Use the same operation of the order `order_id`: all of it is confirmed, extended or released as one."
    member_types: ClassVar[dict[str, Any]] = {"order_id": str}


class SyncExpired(DomainError):
    code, status, title = "sync_expired", 410, "This sync position is too old"
    explanation = "Drop what is stored on the phone and sync from the start, without `since`."
