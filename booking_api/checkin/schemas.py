"""Requests, answers and rows of the gate."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from booking_api.core.clock import Moment
from booking_api.core.money import Money
from booking_api.core.paging import Cursor, Limit
from booking_api.core.text import fields
from booking_api.inventory.schemas import Delay

Direction = Literal["entry", "exit"]
NONCE_PATTERN = r"^[A-Za-z0-9._~:\-]{1,128}$"
Nonce = Annotated[
    str,
    fields.token(
        pattern=NONCE_PATTERN,
        description="Chosen by the device, unique in the organisation: a scan sent twice is one scan.",
        examples=["019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a16"],
    ),
]
Gate = Annotated[str, fields.code(64, description="The gate as signs name it.", examples=["B7"])]
VERDICTS = (
    "x-extensible-enum: forged, unknown, cancelled, revoked, unpaid, wrong_gate, wrong_slot, too_early, expired, "
    "already_used, exited, not_inside, admitted"
)
Verdict = Annotated[str, Meta(description=VERDICTS, examples=["admitted"])]
Reason = Annotated[str, Meta(description="The verdict as a sentence for the agent.", examples=["Admitted."])]

# requests ---------------------------------------------------------------------------------------------------------


class ScanOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Admits against the verdict. For managers and keys with the scope `scan:override`."""

    reason: Annotated[str, fields.line(500, min_length=1, examples=["Delayed by our own shuttle"])]
    """Why, in the agent's own words. It stays on record."""


class NewScan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One presentation of a pass at a gate. Either `code` or, for staff who looked somebody up, `item_id`."""

    code: (
        Annotated[
            str,
            fields.scanned(examples=["eyJhbGciOiJFZERTQSIsImtpZCI6IlI0SzlUMlFNIn0.eyJzdWIiOiJBWnFseV8.c2lnbmF0dXJl"]),
        ]
        | None
    ) = None
    """The text of the QR code, whatever it is. What a scanner adds to it (line ends, blanks, a byte-order mark, a
    symbology prefix) doesn't count."""
    item_id: UUID | None = None
    gate: Gate | None = None
    slot_id: UUID | None = None
    """What the gate is admitting to at the moment; absent: any slot."""
    direction: Direction = "entry"
    nonce: Nonce
    scanned_at: Moment | None = None
    """The device's clock; recorded, but the scan is judged by the server's."""
    party_item_ids: Annotated[list[UUID], Meta(max_length=20)] | None = None
    """More items of the same booking that go through with this pass; each gets a verdict of its own."""
    override: ScanOverride | None = None


class LookupQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By `reference`, or by the beginnings of words of a `name` on one `slot_id`."""

    reference: Annotated[str, fields.code(20, examples=["7K3QX9AB"])] | None = None
    name: Annotated[str, fields.line(200, min_length=1, examples=["Lovelace"])] | None = None
    slot_id: UUID | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class GateSlotsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    gate: Gate | None = None
    at: (
        Annotated[
            datetime,
            Meta(tz=True, description="Slots that run between two hours before and six hours after; default now."),
        ]
        | None
    ) = None
    limit: Limit = 50
    cursor: Cursor | None = None


# answers ----------------------------------------------------------------------------------------------------------


class Attention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something the agent should notice, whatever the verdict."""

    code: Annotated[
        str,
        Meta(
            description="x-extensible-enum: amount_due, overridden, entry_unknown, reentry, minor, companion, name_missing"
        ),
    ]
    text: Annotated[str, Meta(examples=["An amount is due on site."])]
    amount: Money | None = None


class GateItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person or thing on a booking, as the agent sees it."""

    id: UUID
    unit: Annotated[str, Meta(description="The unit's code.", examples=["adult"])]
    title: Annotated[str, Meta(examples=["Adult"])]
    name: Annotated[str, Meta(examples=["Ada Lovelace"])] | None = None
    seat: Annotated[str, Meta(examples=["12A"])] | None = None


class GateBooking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A booking, as the agent sees it. `starts_at` has the local offset of the slot's zone."""

    id: UUID
    reference: Annotated[str, Meta(examples=["7K3QX9AB"])]
    status: Annotated[
        str, Meta(description="x-extensible-enum: on_hold, pending, confirmed, cancelled, expired, rejected")
    ]
    product: Annotated[str, Meta(examples=["B6 1"])]
    option: Annotated[str, Meta(examples=["Flex"])]
    slot_id: UUID
    starts_at: datetime
    time_zone: Annotated[str, Meta(examples=["America/New_York"])]
    gate: str | None = None
    party_size: int
    checked_in: int
    """How many of the party were admitted, this scan included."""


class PreviousScan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last scan that let the item through."""

    at: datetime
    direction: Annotated[str, Meta(description="x-extensible-enum: entry, exit")]
    gate: str | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when the pass would be right."""

    gate: str | None = None
    slot_id: UUID
    starts_at: datetime
    admit_from: datetime
    admit_until: datetime


class ScanItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on one item of a party."""

    item_id: UUID
    admit: bool
    verdict: Verdict
    reason: Reason
    attention: list[Attention]
    item: GateItem | None = None
    previous_scan: PreviousScan | None = None
    overridden: Annotated[str, Meta(description="The verdict that an override set aside.")] | None = None


class ScanAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the one who presented the pass may go through, and why. Branch on `admit`; `verdict` may grow."""

    nonce: Annotated[str, Meta(examples=["019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a16"])]
    admit: bool
    verdict: Verdict
    reason: Reason
    attention: list[Attention]
    item: GateItem | None = None
    booking: GateBooking | None = None
    previous_scan: PreviousScan | None = None
    expected: Expected | None = None
    overridden: Annotated[str, Meta(description="The verdict that an override set aside.")] | None = None
    admitted: int | None = None
    """How many were admitted to the slot so far, this scan included."""
    items: list[ScanItem] | None = None
    """With `party_item_ids`: a verdict for each item, the presented one first."""


class Presence(msgspec.Struct, frozen=True):
    """Whether an item is inside, and how often it was admitted."""

    item_id: UUID
    inside: bool
    entries: int


class UndoneScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan that no longer counts. It stays on record."""

    nonce: Annotated[str, Meta(examples=["019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a16"])]
    undone_at: datetime
    items: list[Presence]
    """Its items as they are now."""


class LookupItem(GateItem, frozen=True, kw_only=True, omit_defaults=True):
    """An item that was looked up. Scan it with its id as `item_id`."""

    status: Annotated[str, Meta(description="x-extensible-enum: active, cancelled")]
    pass_state: Annotated[str, Meta(description="x-extensible-enum: valid, ended, none", examples=["valid"])]
    inside: bool
    entries: int
    admitted_at: datetime | None = None
    """When it was first admitted."""
    available_actions: Annotated[list[str], Meta(description="x-extensible-enum: enter, exit", examples=[["enter"]])]
    """`enter` where a scan would admit right now, without an override; `exit` for whoever is inside. Anybody who is
    known may leave: the exit of somebody who isn't inside is recorded too, with `entry_unknown`.
    """


class LookupBooking(GateBooking, frozen=True, kw_only=True, omit_defaults=True):
    """A booking that was looked up."""

    contact_name: Annotated[str, Meta(examples=["Ada Lovelace"])] | None = None
    paid: bool
    amount_due: Money | None = None
    """What is still to be settled on site."""
    items: list[LookupItem]
    available_actions: Annotated[list[str], Meta(description="x-extensible-enum: settle", examples=[["settle"]])]


class LookupPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[LookupBooking]
    next_cursor: str | None = None


class GateSlot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A slot with its counts. Times have the local offset of their zone."""

    slot_id: UUID
    product_id: UUID
    product: Annotated[str, Meta(examples=["B6 1"])]
    starts_at: datetime
    ends_at: datetime
    time_zone: Annotated[str, Meta(examples=["America/New_York"])]
    gate: str | None = None
    delay: Delay | None = None
    status: Annotated[str, Meta(description="x-extensible-enum: open, closed, cancelled")]
    expected: int
    """Items of confirmed bookings."""
    admitted: int
    """Of those, how many were admitted at least once."""
    inside: int


class GateSlotPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    items: list[GateSlot]
    next_cursor: str | None = None


# rows -------------------------------------------------------------------------------------------------------------


class ItemFacts(msgspec.Struct, frozen=True):
    """All that a verdict on an item rests on, in one row."""

    item_id: UUID
    booking_id: UUID
    unit_id: UUID
    name: str | None
    seat: str | None
    item_status: str
    companion_item_id: UUID | None
    customer_id: UUID
    reference: str
    booking_status: str
    product_id: UUID
    product_version: int
    option_id: UUID
    contact_name: str | None
    due_on_site: int
    currency: str
    settled: int
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    estimated_starts_at: datetime | None
    estimated_ends_at: datetime | None
    time_zone: str
    slot_status: str
    gate: str | None
    pass_issued_at: datetime | None
    """Of the current pass; None where there is none."""
    revoked_before: datetime | None
    """Codes that were issued before this second are worthless."""
    inside: bool
    entries: int
    first_admitted_at: datetime | None
    last_nonce: str | None
    last_at: datetime | None
    last_direction: str | None
    last_gate: str | None
    party_size: int
    checked_in: int


class LockedItem(msgspec.Struct, frozen=True):
    item_id: UUID
    booking_id: UUID


class AdmittedCount(msgspec.Struct, frozen=True):
    slot_id: UUID
    admitted: int


class StoredScan(msgspec.Struct, frozen=True, kw_only=True):
    nonce: str
    request_hash: bytes
    admit: bool
    verdict: str
    answer: bytes
    customer_id: UUID | None
    """Whom the answer tells of."""


class ScanToUndo(msgspec.Struct, frozen=True, kw_only=True):
    item_id: UUID | None
    received_at: datetime
    scanned_by: UUID
    undone_at: datetime | None


class OutcomeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan meant for one item, with its attendance before the scan and as it is now."""

    item_id: UUID
    admit: bool
    inside_before: bool
    entries_before: int
    nonce_before: str | None
    inside: bool
    entries: int
    last_nonce: str | None


class GateRow(msgspec.Struct, frozen=True):
    gate: str


class GateSlotRow(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    product_id: UUID
    product_version: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    gate: str | None
    delay: Delay | None
    status: str
    expected: int
    admitted: int
    inside: int
