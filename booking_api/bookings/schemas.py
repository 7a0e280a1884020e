"""Requests, answers and rows of orders and bookings."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from booking_api.availability.schemas import SlotAnswer
from booking_api.catalog.read_schemas import OptionBrief, ProductBrief
from booking_api.catalog.schemas import Price
from booking_api.core.clock import Moment
from booking_api.core.kinds import kind_of
from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields
from booking_api.feedback.schemas import FeedbackPrompt
from booking_api.passes.schemas import PassAnswer
from booking_api.payments.schemas import NewPayment, PaymentAnswer

Status = Literal["on_hold", "pending", "confirmed", "cancelled", "expired", "rejected"]
STATUSES = "x-extensible-enum: on_hold, pending, confirmed, cancelled, expired, rejected"
StatusReasonCode = Literal["no_room", "payment_undecided", "slot_cancelled", "departed", "gate_closed", "released"]
AnswerValue = str | int | float | bool | None
Answers = Annotated[
    dict[Annotated[str, fields.token(64)], Annotated[str, fields.text(1000)] | int | float | bool | None],
    Meta(max_length=50, description="Question code → answer. In a PATCH, null clears an answer."),
]
Name = Annotated[str, fields.line(200, examples=["Ada Lovelace"])]
ExternalReference = Annotated[str, fields.code(100, examples=["PNR-4711"])]
Metadata = Annotated[
    dict[
        Annotated[str, fields.code(40, pattern=r"^[A-Za-z0-9_.\-]+$")],
        Annotated[str, fields.line(200, examples=["4711"])],
    ],
    Meta(
        max_length=20,
        description="Up to 20 notes of your own, short key → text, for keys and staff alone. What is written replaces all "
        "of it. It is erased with the visit's contacts.",
    ),
]
ChosenSeat = Annotated[str, fields.code(8, examples=["12A"])]


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom to reach about the booking: a name, and a mail address or a phone number. What isn't given yet is missing."""

    name: Name | None = None
    email: Annotated[str, fields.email(examples=["ada@example.org"])] | None = None
    phone: Annotated[str, fields.phone(examples=["+49 30 1234567"])] | None = None
    """Kept as E.164. A national number is one of the organisation's country."""


# requests ---------------------------------------------------------------------------------------------------------


class NewItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person, bike or other unit. `unit_id` or `unit` (its code), not both."""

    unit_id: UUID | None = None
    unit: Annotated[str, fields.code(64, examples=["adult"])] | None = None
    seat: ChosenSeat | None = None
    name: Name | None = None
    answers: Answers | None = None


class NewBookingOfOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One party on one slot and option."""

    id: UUID | None = None
    """Chosen by the client, so that a repeated request makes nothing twice."""
    slot_id: UUID
    option_id: UUID
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=20)]
    answers: Answers | None = None
    external_reference: ExternalReference | None = None
    """What you call it, for keys and staff alone; it needn't be unique."""
    metadata: Metadata | None = None


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several bookings that are held, paid and confirmed as one."""

    id: UUID | None = None
    """Chosen by the client, so that a repeated request makes nothing twice."""
    bookings: Annotated[list[NewBookingOfOrder], Meta(min_length=1, max_length=10)]
    contact: Contact | None = None
    confirm: bool = False
    """Confirm at once: the express booking."""
    payment: NewPayment | None = None
    expected_total: Money | None = None
    """What the app showed. A different price is refused as `price_changed`."""
    external_reference: ExternalReference | None = None
    """What you call it, for keys and staff alone; it needn't be unique."""
    metadata: Metadata | None = None


class NewBooking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One booking in an order of its own."""

    id: UUID | None = None
    """Chosen by the client, so that a repeated request makes nothing twice."""
    slot_id: UUID
    option_id: UUID
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=20)]
    answers: Answers | None = None
    contact: Contact | None = None
    confirm: bool = False
    """Confirm at once: the express booking."""
    payment: NewPayment | None = None
    expected_total: Money | None = None
    """What the app showed. A different price is refused as `price_changed`."""
    external_reference: ExternalReference | None = None
    """What you call it, for keys and staff alone; it needn't be unique."""
    metadata: Metadata | None = None


class ExpectedSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A slot with the start that the app showed."""

    slot_id: UUID
    starts_at: Moment


class Confirmation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is still needed to confirm. A known customer's last contact is used where none is given."""

    contact: Contact | None = None
    payment: NewPayment | None = None
    expected_total: Money | None = None
    """What the app showed. A different price is refused as `price_changed`."""
    expected_starts_at: Moment | None = None
    """The start that the customer agrees to, where the order has one booking. Another one is `slot_changed`."""
    expected_slots: Annotated[list[ExpectedSlot], Meta(max_length=10)] | None = None
    """The starts that the customer agrees to. Other ones are refused as `slot_changed`."""


class SlotChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is chosen about a slot that moved. Who wants the money back cancels instead."""

    choice: Literal["keep"]
    expected_starts_at: Moment | None = None
    """The start that the app showed. Another one is refused as `slot_changed`."""


class Cancellation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, fields.text(500)] | None = None
    """Needed of a manager who cancels a booking of which somebody was admitted."""
    expected_refund: Money | None = None
    """What the app showed. A different refund is refused as `price_changed`."""


class ItemEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of one item. Absent means untouched, null clears."""

    id: UUID
    name: Name | None | UnsetType = UNSET
    seat: ChosenSeat | None | UnsetType = UNSET
    answers: Answers | None | UnsetType = UNSET


class BookingEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of a booking's details. Absent means untouched, null clears."""

    contact: Contact | None | UnsetType = UNSET
    answers: Answers | None | UnsetType = UNSET
    items: Annotated[list[ItemEdit], Meta(max_length=20)] | UnsetType = UNSET
    reason: Annotated[str, fields.text(500)] | None = None
    """Needed of a manager who changes an item whose person was admitted."""
    external_reference: ExternalReference | None | UnsetType = UNSET
    """What you call it, for keys and staff alone."""
    metadata: Metadata | None | UnsetType = UNSET


class OnSitePayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money taken at the counter or the gate."""

    method: Literal["cash", "terminal"]
    amount: Money


class BookingsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    when: Annotated[
        Literal["upcoming", "past"] | None,
        Meta(
            description="`upcoming`: those whose visit isn't over and that stand, the next one first. `past`: all others, "
            "the latest first. Absent: all, the one made last first."
        ),
    ] = None
    status: Status | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class SyncQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    since: Cursor | None = None
    """`next_since` of the answer before. Absent: from the start."""
    limit: Limit = 50


# answers ----------------------------------------------------------------------------------------------------------


class Missing(msgspec.Struct, frozen=True):
    """Something that must be given before the booking can be confirmed."""

    pointer: str
    """JSON pointer into the booking, or into the order where one of several is confirmed. To be filled by PATCH or, for
    `/contact`, `/payment`, `/expected_starts_at` and, in an order of several, `/expected_slots`, by confirm."""
    code: Annotated[
        str,
        Meta(
            description="x-extensible-enum: agreement_required, contact_required, name_required, address_required, answer_required, payment_required"
        ),
    ]


class CancellationTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What cancelling now would mean."""

    until: datetime | None = None
    """Until when these terms hold; absent where they don't end before the booking can't be cancelled any more."""
    fee: Money
    refund: Money


class BookingItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One unit on a booking: one person, one seat, one pass."""

    id: UUID
    unit_id: UUID
    unit: str
    """The unit's code."""
    title: str
    name: str | None = None
    seat: str | None = None
    answers: dict[str, AnswerValue] | None = None
    status: Annotated[str, Meta(description="x-extensible-enum: active, cancelled")]
    price: Money
    """Its share of the booking's total, added taxes and fees per booking included: the items add up to `price.total`.
    Two items of one unit may differ by the smallest coin."""
    companion_item_id: UUID | None = None
    """The item this one travels with: a lap infant's adult."""
    admitted_at: datetime | None = None
    """When the gate first let it in. From then on its owner can't change or cancel it."""
    pass_: PassAnswer | None = msgspec.field(default=None, name="pass")


class StatusReason(msgspec.Struct, frozen=True):
    """Why the status is what it is, where nobody asked for it."""

    code: Annotated[
        str,
        Meta(
            description="x-extensible-enum: no_room, payment_undecided, slot_cancelled, departed, gate_closed, released"
        ),
    ]
    text: str


class AgreedTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When and where a slot takes place, or took place once. Times have the local offset of their zone."""

    starts_at: datetime
    time_zone: str
    ends_at: datetime
    end_time_zone: str
    origin_id: UUID
    """The place of an entry or appointment, or where a departure begins."""
    destination_id: UUID | None = None


class ChangeOfSlot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A slot was cancelled or moved after it was booked, and its customer may choose.

    Until `decide_by` cancelling gives everything back. Who hasn't chosen by then gets the money back where it was
    cancelled, and keeps the booking where it moved.
    """

    kind: Annotated[str, Meta(description="x-extensible-enum: cancelled, moved")]
    from_: AgreedTimes = msgspec.field(name="from")
    """What was agreed."""
    to: AgreedTimes | None = None
    """What it is now."""
    decide_by: datetime
    choices: list[Annotated[str, Meta(description="x-extensible-enum: keep, move, refund")]]
    """`keep`: `POST /v1/bookings/{id}/slot-change`. `refund`: cancel the booking. What doesn't work now isn't listed."""


class Booking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One party on one slot and option, self-sufficient: an app shows it without another call."""

    id: UUID
    reference: Annotated[str, Meta(examples=["7K3QX9AB"])]
    order_id: UUID
    status: Annotated[str, Meta(description=STATUSES)]
    status_reason: StatusReason | None = None
    version: int
    updated_at: datetime
    expires_at: datetime | None = None
    """When the hold ends. Count down from it minus the answer's `Date`."""
    pending_until: datetime | None = None
    """Until when capacity is kept for a payment under way."""
    slot: SlotAnswer
    product: ProductBrief
    option: OptionBrief
    contact: Contact | None = None
    answers: dict[str, AnswerValue] | None = None
    items: list[BookingItem]
    price: Price
    payment: PaymentAnswer
    cancellation: CancellationTerms
    missing: list[Missing]
    slot_change: ChangeOfSlot | None = None
    available_actions: Annotated[
        list[str],
        Meta(
            description="`settle_on_site` is for staff. x-extensible-enum: edit, choose_seat, extend, confirm, cancel, keep, resume, show_pass, settle_on_site"
        ),
    ]
    feedback_prompt: FeedbackPrompt | None = None
    external_reference: str | None = None
    """What an integrator calls it; keys and staff alone see it."""
    metadata: dict[str, str] | None = None
    """What an integrator notes of it; keys and staff alone see it."""


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bookings that are held, paid and confirmed as one."""

    id: UUID
    status: Annotated[str, Meta(description=STATUSES)]
    status_reason: StatusReason | None = None
    version: int
    """Raised with each change of the order or any of its bookings; its ETag."""
    expires_at: datetime | None = None
    pending_until: datetime | None = None
    price: Price
    payment: PaymentAnswer
    bookings: list[Booking]
    available_actions: Annotated[list[str], Meta(description="x-extensible-enum: extend, confirm, cancel")]
    external_reference: str | None = None
    """What an integrator calls it; keys and staff alone see it."""
    metadata: dict[str, str] | None = None
    """What an integrator notes of it; keys and staff alone see it."""
    access_token: str | None = None
    """With the first order under a publishable key: the tokens of the new customer."""
    access_token_expires_at: datetime | None = None
    refresh_token: str | None = None


class BookingWithTokens(Booking, frozen=True, kw_only=True, omit_defaults=True):
    """A booking, and with the first one under a publishable key the tokens of the new customer."""

    access_token: str | None = None
    access_token_expires_at: datetime | None = None
    refresh_token: str | None = None


class BookingList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[Booking]
    next_cursor: str | None = None


class OrdersQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Limit = 50
    cursor: Cursor | None = None


class OrderList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of orders."""

    items: list[Order]
    """The one made last first."""
    next_cursor: str | None = None


class ResumeCode(msgspec.Struct, frozen=True, kw_only=True):
    """A single-use code with which another device goes on as the same customer: `POST /v1/tokens {grant: code}`."""

    code: str
    """To be read aloud or typed; upper and lower case and hyphens don't matter."""
    expires_at: datetime
    """From when it is worth nothing."""
    svg_url: str
    """The code as a QR code for the other device's camera. It needs no header, and ends with the code."""
    png_url: str
    """The same as PNG."""


class ChangedSlot(msgspec.Struct, frozen=True):
    """A booking's slot as it is now, because it isn't what was agreed."""

    booking_id: UUID
    slot: SlotAnswer


class SyncItem(msgspec.Struct, frozen=True, kw_only=True):
    """A thing as it is now, or the news that it is gone."""

    type: str
    """What it is."""
    id: UUID
    """The thing's id: put what comes in the place of whatever you have under it."""


@kind_of(SyncItem)
class SyncedBooking(SyncItem, frozen=True, kw_only=True):
    """A booking as it is now."""

    type: Literal["booking"]
    data: Booking
    """The whole booking."""


@kind_of(SyncItem)
class DeletedBooking(SyncItem, frozen=True, kw_only=True):
    """A booking that is gone: drop it."""

    type: Literal["booking"]
    deleted: bool
    """Always true."""


class SyncPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[SyncItem]
    next_since: str
    has_more: bool


# rows -------------------------------------------------------------------------------------------------------------


class OrderRow(msgspec.Struct):
    id: UUID
    customer_id: UUID
    status: Status
    expires_at: datetime | None
    hold_limit_at: datetime
    pending_until: datetime | None
    intent_id: UUID | None
    channel: str
    created_at: datetime
    updated_at: datetime
    version: int
    status_reason: StatusReasonCode | None
    session_id: UUID | None
    """The restricted session that made it, which sees it whatever its contact is."""
    external_reference: str | None
    metadata: dict[str, str] | None


class BookingRow(msgspec.Struct):
    id: UUID
    order_id: UUID
    position: int
    customer_id: UUID
    reference: str
    slot_id: UUID
    product_id: UUID
    product_version: int
    option_id: UUID
    status: Status
    version: int
    contact: Contact | None
    answers: dict[str, Any] | None
    price: Price
    total: int
    cancel_reason: str | None
    refund_amount: int | None
    channel: str
    visit_ends_at: datetime
    created_at: datetime
    updated_at: datetime
    confirmed_at: datetime | None
    erased_at: datetime | None
    agreed_starts_at: datetime | None
    """The slot's times and places as the customer last agreed to them; null: as the slot is."""
    agreed_ends_at: datetime | None
    agreed_origin_id: UUID | None
    agreed_destination_id: UUID | None
    moved_while_paying: bool
    """Confirmed for a time or place that nobody was asked about, because the payment was under way."""
    slot_change: Literal["cancelled", "moved", "kept"] | None
    """What the customer may choose about; `kept` once they, or their silence, kept a slot that had moved."""
    decide_by: datetime | None
    offered_starts_at: datetime | None
    """The start that the choice was offered for."""
    status_reason: StatusReasonCode | None
    external_reference: str | None
    metadata: dict[str, str] | None


AfterAdmission = Literal["kept", "given_back"]
"""What became of the place of an item that was cancelled although its person had been admitted."""


class ItemRow(msgspec.Struct):
    id: UUID
    booking_id: UUID
    slot_id: UUID
    position: int
    unit_id: UUID
    name: str | None
    seat: str | None
    answers: dict[str, Any] | None
    status: Literal["active", "cancelled"]
    amount: int
    companion_item_id: UUID | None
    after_admission: AfterAdmission | None = None
