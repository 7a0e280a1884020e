"""Bookings brought in by COPY: on hold to be confirmed, confirmed to be scanned, or a past that is just there.

Rows are told apart by number alone (`ids`), so that a load and pgbench each get rows of their own.
"""

import io
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from benchmarks.ids import make_id, make_text
from benchmarks.queries import SlotStart
from benchmarks.stage import HOLD_SECONDS
from benchmarks.world import SLOTS_AT_ONCE, World, context_of
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.clock import utc_now
from booking_api.core.db import Connection
from booking_api.core.ids import CROCKFORD
from booking_api.core.runtime import acquire
from booking_api.identity import operations as identity
from booking_api.inventory import claim_queries
from booking_api.passes import rules as pass_rules
from booking_api.passes.schemas import PassClaims

CHUNK = 20_000
ORDER = ["org_id", "id", "customer_id", "status", "expires_at", "hold_limit_at", "channel", "created_at", "updated_at"]
CLAIM = ["org_id", "id", "slot_id", "option_id", "holder_id", "places", "quota_places", "expires_at", "created_at"]
BOOKING = [
    "org_id", "id", "order_id", "position", "customer_id", "reference", "slot_id", "product_id", "product_version",
    "option_id", "status", "version", "contact", "price", "total", "channel", "visit_ends_at", "created_at",
    "updated_at", "confirmed_at",
]  # fmt: skip
ITEM = ["org_id", "id", "booking_id", "slot_id", "position", "unit_id", "name", "status", "amount"]
PASS = [
    "org_id", "id", "item_id", "slot_id", "customer_id", "kid", "code", "issued_at", "valid_from", "valid_until",
]  # fmt: skip
NONE = "\\N"


def reference_of(number: int) -> str:
    """Eight characters that no other number has, and that the server, which knows no U, never draws."""
    digits = ""
    for _ in range(7):
        number, digit = divmod(number, 32)
        digits = CROCKFORD[digit] + digits
    return f"U{digits}"


class _Sheet:
    """Lines for COPY, table by table."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def add(self, table: str, *values: object) -> None:
        self.lines.setdefault(table, []).append("\t".join([NONE if value is None else str(value) for value in values]))

    async def send(self, db: Connection, table: str, fields: list[str]) -> None:
        text = "\n".join(self.lines.pop(table, [])) + "\n"
        if len(text) > 1:
            await db.copy_to_table(table, source=io.BytesIO(text.encode()), columns=fields, format="text")


async def copy_bookings(
    world: World, product: ProductDefinition, slots: Sequence[SlotStart], numbers: range, *, confirmed: bool,
    signed: bool = True,
) -> dict[int, str]:  # fmt: skip
    """Brings in one booking of one adult for each number, round about the slots; the codes of their passes.

    Confirmed ones have passes, and with `signed` ones that a gate admits. Places are taken as the claims say.
    """
    codes: dict[int, str] = {}
    for first in range(numbers.start, numbers.stop, CHUNK):
        chunk = range(first, min(first + CHUNK, numbers.stop))
        async with acquire(world.stage.runtime) as db, db.transaction():
            codes |= await _copy_chunk(world, db, product, slots, chunk, confirmed=confirmed, signed=signed)
    return codes


async def _copy_chunk(
    world: World, db: Connection, product: ProductDefinition, slots: Sequence[SlotStart], numbers: range, *,
    confirmed: bool, signed: bool,
) -> dict[int, str]:  # fmt: skip
    sheet, now = _Sheet(), utc_now()
    org, option, unit = world.org_id, product.options[0].id, product.units[0].id
    price = world.price_of(product, slots[0].starts_at)
    price_text, total = msgspec.json.encode(price).decode(), price.total.amount
    contact = '{"name":"Ada Lovelace","email":"ada@example.org"}' if confirmed else None
    status = "confirmed" if confirmed else "on_hold"
    ends, limit = (None if confirmed else now + timedelta(seconds=HOLD_SECONDS)), now + timedelta(seconds=HOLD_SECONDS)
    taken: Counter[UUID] = Counter()
    for number in numbers:
        slot = slots[number % len(slots)]
        order, booking = make_text("order", number), make_text("booking", number)
        customer, item = make_text("customer", number), make_text("item", number)
        taken[slot.id] += 1
        sheet.add("booking_order", org, order, customer, status, ends, limit, "web", now, now)
        sheet.add("claim", org, booking, slot.id, option, customer, 1, 0, ends, now)
        sheet.add(
            "booking", org, booking, order, 0, customer, reference_of(number), slot.id, product.id, 1, option, status, 1,
            contact, price_text, total, "web", slot.ends_at, now, now, now if confirmed else None,
        )  # fmt: skip
        sheet.add("item", org, item, booking, slot.id, 0, unit, None, "active", total)
    codes = await _add_passes(world, db, sheet, slots, numbers, signed=signed) if confirmed else {}
    for table, fields in (
        ("booking_order", ORDER), ("claim", CLAIM), ("booking", BOOKING), ("item", ITEM), ("pass", PASS),
    ):  # fmt: skip
        await sheet.send(db, table, fields)
    moved = [claim_queries.MovedSlot(*pair) for pair in sorted(taken.items())]
    for at in range(0, len(moved), SLOTS_AT_ONCE):
        await claim_queries.move_slots(db, org, moved[at : at + SLOTS_AT_ONCE])
    return codes


async def _add_passes(
    world: World, db: Connection, sheet: _Sheet, slots: Sequence[SlotStart], numbers: range, *, signed: bool
) -> dict[int, str]:
    """Passes as confirmation issues them; unsigned ones have a code of the same length that nobody will show."""
    context = await context_of(world, db)
    key = await identity.active_signing_key(context)
    issued = pass_rules.whole_seconds(context.now)
    codes: dict[int, str] = {}
    sample = ""
    for number in numbers:
        slot = slots[number % len(slots)]
        admission = world.gate.options[0].admission
        opens = pass_rules.whole_seconds(slot.starts_at - timedelta(minutes=admission.opens_before_minutes))
        closes = pass_rules.whole_seconds(slot.ends_at + timedelta(minutes=admission.closes_after_minutes))
        if signed or not sample:
            claims = PassClaims(
                make_id("item", number),
                slot.id,
                int(issued.timestamp()),
                int(opens.timestamp()),
                int(closes.timestamp()),
            )
            sample = codes[number] = pass_rules.write_code(claims, key.kid, key.private_key)
        sheet.add(
            "pass", world.org_id, make_text("pass", number), make_text("item", number), slot.id,
            make_text("customer", number), key.kid, sample, issued, opens, closes,
        )  # fmt: skip
    return codes
