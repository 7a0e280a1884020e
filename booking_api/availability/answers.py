"""Rows and terms turned into answers. Pure.

What a search tells of a slot is written as text, between prepared parts: to build and encode an object for every slot,
option, unit and price of a page took longer than all else in a search. `schemas` has the Structs that describe it, and
the tests compare the text with what these are encoded as, byte by byte.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from booking_api.availability import rules
from booking_api.availability.rules import as_json
from booking_api.availability.schemas import FoundSlot, OptionSummary, ProductSummary
from booking_api.catalog.answers import conditions_answer, place_brief
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.texts import pick

BOOKABLE = ('"available_actions":[],', '"available_actions":["book"],')
zone_of = lru_cache(maxsize=256)(ZoneInfo)


@lru_cache(maxsize=4_096)
def written(moment: float, zone: str) -> str:
    """The JSON of a moment (seconds since 1970) with the offset of a zone. Slots share their times with others, and to
    make and encode a page's hundred of them anew took a tenth of a search."""
    return as_json(datetime.fromtimestamp(moment, zone_of(zone)))


quoted = lru_cache(maxsize=4_096)(as_json)
"""The JSON of a text that many slots share."""


@lru_cache(maxsize=4_096)
def write_times(
    starts_at: float, ends_at: float, begins: float, ends: float, booking_closes_at: float, zone: str, end_zone: str,
    gates: rules.Gates,
) -> tuple[str, str]:  # fmt: skip
    """The JSON of when a slot is scheduled, and of when it is sold and admitted to. Slots of a day share theirs with
    those of other products and parties; moments are in seconds since 1970."""
    closes_at, admit_from, admit_until = rules.outer_times(starts_at, begins, ends, booking_closes_at, gates)
    return (
        f'"starts_at":{written(starts_at, zone)},"time_zone":{as_json(zone)},'
        f'"ends_at":{written(ends_at, end_zone)},"end_time_zone":{as_json(end_zone)}',
        f'"booking_closes_at":{written(closes_at, zone)},"admit_from":{written(admit_from, zone)},'
        f'"admit_until":{written(admit_until, zone)}',
    )


def write_slot(slot: FoundSlot, terms: rules.Terms, now: float) -> str:
    """The JSON of an `Availability`: a slot as it is at a moment (seconds since 1970) for the party of the terms."""
    status, options = rules.judge(slot, terms, now)
    begins, ends = (slot.starts_at, slot.ends_at) if slot.delay is None else rules.expected_seconds(slot)
    scheduled, open_for = write_times(
        slot.starts_at, slot.ends_at, begins, ends, slot.booking_closes_at, slot.time_zone, slot.end_time_zone,
        terms.gates,
    )  # fmt: skip
    offers = ",".join([f"{offer.written[0]}{left}{offer.written[1][why]}" for offer, left, why in options])
    more = ""
    if slot.delay is not None:
        delay = rules.delay_answer(rules.delay_of(slot), slot.time_zone, slot.end_time_zone)
        more = f'"delay":{as_json(delay)},'
    if slot.held:
        more += f'"held_by_you":{slot.held},'
    if slot.gate is not None:
        more += f'"gate":{quoted(slot.gate)},'
    if slot.resource is not None:
        more += f'"resource":{quoted(slot.resource)},'
    if slot.seat_layout_id is not None:
        more += f'"seat_layout_id":"{slot.seat_layout_id}",'
    more += BOOKABLE[any(why is None for _, _, why in options)]
    return (
        f'{{"slot_id":"{slot.id!s}","product_id":"{slot.product_id!s}",{scheduled},"status":"{status}",'
        f'"vacancies":{slot.capacity - slot.taken},{open_for},{more}"options":[{offers}]}}'
    )


def write_page(slots: Iterable[str], products: Mapping[UUID, str], next_cursor: str | None) -> bytes:
    """The JSON of an `AvailabilityPage`, of slots and products that are written already."""
    named = ",".join([f'"{product_id}":{summary}' for product_id, summary in products.items()])
    cursor = "" if next_cursor is None else f',"next_cursor":{as_json(next_cursor)}'
    return f'{{"items":[{",".join(slots)}],"products":{{{named}}}{cursor}}}'.encode()


def product_summary(definition: ProductDefinition, languages: Sequence[str]) -> ProductSummary:
    """What the slots of a product have in common, in the reader's languages."""
    return ProductSummary(
        title=pick(definition.title, languages),
        kind=definition.kind,
        origin=place_brief(definition.origin) if definition.origin else None,
        destination=place_brief(definition.destination) if definition.destination else None,
        venue=place_brief(definition.venue) if definition.venue else None,
        options={
            option.id: OptionSummary(
                title=pick(option.title, languages),
                conditions=conditions_answer(option.conditions, definition.currency, languages),
            )
            for option in definition.options
        },
    )
