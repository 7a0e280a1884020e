"""Rows of the gate turned into facts for the verdict and into what the agent sees. Pure."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from booking_api.availability.rules import local
from booking_api.catalog.schemas import OptionDefinition, ProductDefinition, UnitDefinition
from booking_api.checkin import rules
from booking_api.checkin.rules import NOTICES, Judgement, PresentedItem
from booking_api.checkin.schemas import (
    Attention,
    Direction,
    Expected,
    GateBooking,
    GateItem,
    ItemFacts,
    LookupBooking,
    LookupItem,
    NewScan,
    PreviousScan,
    ScanAnswer,
    ScanItem,
)
from booking_api.core.context import Context
from booking_api.core.money import Money
from booking_api.core.texts import pick
from booking_api.inventory.slot_rules import admission_window, delayed_times

NEVER_CONFIRMED = {"on_hold", "pending"}
LOCATING = {"wrong_gate", "wrong_slot", "too_early", "expired"}
"""Verdicts after which the agent wants to know what would be right."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One item of a scan with its verdict. Without a row nothing is known of it."""

    item_id: UUID | None
    judgement: Judgement
    row: ItemFacts | None = None
    facts: PresentedItem | None = None


def option_of(row: ItemFacts, definition: ProductDefinition) -> OptionDefinition:
    option = definition.option(row.option_id)
    assert option is not None, "a booking's option is in its version of the product"
    return option


def unit_of(row: ItemFacts, definition: ProductDefinition) -> UnitDefinition:
    unit = definition.unit(row.unit_id)
    assert unit is not None, "an item's unit is in its version of the product"
    return unit


def amount_due(row: ItemFacts) -> int:
    """What is still to be settled on site, in minor units."""
    return max(0, row.due_on_site - row.settled) if row.booking_status == "confirmed" else 0


def facts_of(
    row: ItemFacts, definition: ProductDefinition, now: datetime, direction: Direction = "entry", *,
    gate: str | None = None, serving: UUID | None = None, known: bool = True, revoked: bool = False,
) -> PresentedItem:  # fmt: skip
    """What the verdict rests on. The window is the live slot's, so that a delay keeps the gate open for every pass."""
    admission = option_of(row, definition).admission
    expected = delayed_times(row.starts_at, row.ends_at, row.estimated_starts_at, row.estimated_ends_at)
    admit_from, admit_until = admission_window(admission, row.starts_at, row.ends_at, expected)
    status = row.booking_status
    return PresentedItem(
        direction=direction, now=now,
        known=known and status not in NEVER_CONFIRMED,
        cancelled=row.item_status == "cancelled" or status != "confirmed" or row.slot_status == "cancelled",
        revoked=revoked, unpaid=amount_due(row) > 0,
        gate=gate, slot_gate=row.gate, serving=serving, slot=row.slot_id,
        admit_from=admit_from, admit_until=admit_until,
        inside=row.inside, entries=row.entries, reentry=admission.reentry,
    )  # fmt: skip


def gate_item(row: ItemFacts, definition: ProductDefinition, languages: Sequence[str]) -> GateItem:
    unit = unit_of(row, definition)
    return GateItem(id=row.item_id, unit=unit.code, title=pick(unit.title, languages), name=row.name, seat=row.seat)


def gate_booking(
    row: ItemFacts, definition: ProductDefinition, languages: Sequence[str], checked_in: int
) -> GateBooking:
    return GateBooking(
        id=row.booking_id, reference=row.reference, status=row.booking_status,
        product=pick(definition.title, languages), option=pick(option_of(row, definition).title, languages),
        slot_id=row.slot_id, starts_at=local(row.starts_at, row.time_zone), time_zone=row.time_zone, gate=row.gate,
        party_size=row.party_size, checked_in=checked_in,
    )  # fmt: skip


def previous_scan(row: ItemFacts) -> PreviousScan | None:
    if row.last_at is None or row.last_direction is None:
        return None
    return PreviousScan(at=local(row.last_at, row.time_zone), direction=row.last_direction, gate=row.last_gate)


def expected(row: ItemFacts, facts: PresentedItem) -> Expected:
    return Expected(
        gate=row.gate, slot_id=row.slot_id, starts_at=local(row.starts_at, row.time_zone),
        admit_from=local(facts.admit_from, row.time_zone), admit_until=local(facts.admit_until, row.time_zone),
    )  # fmt: skip


def sentence(
    judgement: Judgement, language: str, row: ItemFacts | None = None, facts: PresentedItem | None = None
) -> str:
    """The reason of a verdict, with the slot's local times in it."""
    if row is None or facts is None or not rules.names_values(judgement.verdict):
        return rules.reason(judgement.verdict, language)

    def clock(moment: datetime | None) -> str:
        return "?" if moment is None else f"{local(moment, row.time_zone):%Y-%m-%d %H:%M}"

    return rules.reason(
        judgement.verdict, language, gate=row.gate or "?", starts=clock(row.starts_at),
        opens=clock(facts.admit_from), closes=clock(facts.admit_until), last=clock(row.last_at),
    )  # fmt: skip


def attention(row: ItemFacts, definition: ProductDefinition, judgement: Judgement, language: str) -> list[Attention]:
    """What the agent should notice about an item, the most pressing first."""
    unit, due = unit_of(row, definition), amount_due(row)
    noticed = {
        "amount_due": due > 0,
        "overridden": judgement.overridden is not None,
        "entry_unknown": judgement.verdict == "exited" and not row.inside,
        "reentry": judgement.verdict == "admitted" and row.entries > 0,
        "minor": rules.is_minor(unit.max_age),
        "companion": unit.requires is not None or row.companion_item_id is not None,
        "name_missing": definition.requires_names and row.name is None,
    }
    on = local(row.starts_at, row.time_zone).date().isoformat()
    return [
        Attention(
            code=code,
            text=pick(NOTICES[code], (language,)).format(age=unit.max_age, date=on),
            amount=Money(due, row.currency) if code == "amount_due" else None,
        )
        for code, holds in noticed.items()
        if holds
    ]


# scans ------------------------------------------------------------------------------------------------------------


def shown(judged: Judged) -> ItemFacts | None:
    """What the agent is told of an item: of what isn't known here nothing, though an unconfirmed booking of ours may
    stand behind it.
    """
    return None if judged.judgement.verdict == "unknown" else judged.row


def newly_admitted(judged: Iterable[Judged]) -> int:
    """How many of the items that are let in were never here before."""
    return sum(1 for one in judged if one.judgement.admit and one.row is not None and one.row.entries == 0)


def scan_answer(
    ctx: Context, new: NewScan, judged: Sequence[Judged], definition: ProductDefinition | None, *, fresh: int,
    admitted: int | None,
) -> ScanAnswer:  # fmt: skip
    """The answer to a scan. `fresh` of its items are newly admitted; `admitted` are so to the slot, these included."""
    first, row = judged[0], shown(judged[0])
    seen = _item_answer(ctx, first, definition)
    judgement = first.judgement
    items = None
    if new.party_item_ids is not None:
        items = [item for item in (seen, *(_item_answer(ctx, one, definition) for one in judged[1:])) if item]
    booking = place = None
    if row is not None and definition is not None:
        booking = gate_booking(row, definition, ctx.languages, row.checked_in + fresh)
        if first.facts is not None and (judgement.overridden or judgement.verdict) in LOCATING:
            place = expected(row, first.facts)
    return ScanAnswer(
        nonce=new.nonce, admit=judgement.admit, verdict=judgement.verdict, overridden=judgement.overridden,
        reason=seen.reason if seen else sentence(judgement, ctx.language), attention=seen.attention if seen else [],
        item=seen.item if seen else None, previous_scan=seen.previous_scan if seen else None,
        booking=booking, expected=place, admitted=admitted, items=items,
    )  # fmt: skip


def _item_answer(ctx: Context, one: Judged, definition: ProductDefinition | None) -> ScanItem | None:
    if one.item_id is None:
        return None
    row, judgement = shown(one), one.judgement
    if row is None or definition is None:
        return ScanItem(
            item_id=one.item_id, admit=judgement.admit, verdict=judgement.verdict, attention=[],
            reason=sentence(judgement, ctx.language),
        )  # fmt: skip
    return ScanItem(
        item_id=one.item_id, admit=judgement.admit, verdict=judgement.verdict,
        reason=sentence(judgement, ctx.language, row, one.facts),
        attention=attention(row, definition, judgement, ctx.language),
        item=gate_item(row, definition, ctx.languages), previous_scan=previous_scan(row),
        overridden=judgement.overridden,
    )  # fmt: skip


# look-up ----------------------------------------------------------------------------------------------------------


def _pass_state(row: ItemFacts, admit_until: datetime, now: datetime) -> str:
    """By the slot as it is today, as the gate judges: what is printed in the pass may be older."""
    if row.pass_issued_at is None:
        return "none"
    return "valid" if now < admit_until else "ended"


def lookup_item(row: ItemFacts, definition: ProductDefinition, now: datetime, languages: Sequence[str]) -> LookupItem:
    seen = gate_item(row, definition, languages)
    facts = facts_of(row, definition, now)
    may_enter, may_exit = rules.judge(facts).admit, row.inside
    return LookupItem(
        id=seen.id, unit=seen.unit, title=seen.title, name=seen.name, seat=seen.seat,
        status=row.item_status, pass_state=_pass_state(row, facts.admit_until, now), inside=row.inside, entries=row.entries,
        admitted_at=local(row.first_admitted_at, row.time_zone) if row.first_admitted_at else None,
        available_actions=[action for action, may in (("enter", may_enter), ("exit", may_exit)) if may],
    )  # fmt: skip


def lookup_booking(
    rows: Sequence[ItemFacts], definition: ProductDefinition, now: datetime, languages: Sequence[str]
) -> LookupBooking:
    """A booking from the rows of its items, of which there is at least one."""
    row = rows[0]
    seen, due = gate_booking(row, definition, languages, row.checked_in), amount_due(row)
    return LookupBooking(
        id=seen.id, reference=seen.reference, status=seen.status, product=seen.product, option=seen.option,
        slot_id=seen.slot_id, starts_at=seen.starts_at, time_zone=seen.time_zone, gate=seen.gate,
        party_size=seen.party_size, checked_in=seen.checked_in, contact_name=row.contact_name,
        paid=row.booking_status == "confirmed" and due == 0, amount_due=Money(due, row.currency) if due else None,
        items=[lookup_item(item, definition, now, languages) for item in rows],
        available_actions=["settle"] if due else [],
    )  # fmt: skip
