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

zone_of = lru_cache(maxsize=256)(ZoneInfo)


@lru_cache(maxsize=4_096)
def written(moment: float, zone: str) -> str:
    """The JSON of a moment (seconds since 1970) with the offset of a zone. Slots share their times with others, and to
    make and encode a page's hundred of them anew took a tenth of a search."""
    return as_json(datetime.fromtimestamp(moment, zone_of(zone)))


quoted = lru_cache(maxsize=4_096)(as_json)
"""The JSON of a text that many slots share."""


def write_slot(slot: FoundSlot, terms: rules.Terms, now: float) -> str:
    """The JSON of an `Availability`: a slot as it is at a moment (seconds since 1970) for the party of the terms."""
    status, options = rules.judge(slot, terms, now)
    closes_at, admit_from, admit_until = rules.outer_times(slot, terms)
    zone, end_zone = slot.time_zone, slot.end_time_zone
    offers = ",".join([f"{offer.written[0]}{left}{offer.written[1][why]}" for offer, left, why in options])
    more = ""
    if slot.delay is not None:
        more = f'"delay":{as_json(rules.delay_answer(rules.delay_of(slot), zone, end_zone))},'
    if slot.held:
        more += f'"held_by_you":{slot.held},'
    if slot.gate is not None:
        more += f'"gate":{quoted(slot.gate)},'
    if slot.resource is not None:
        more += f'"resource":{quoted(slot.resource)},'
    if slot.seat_layout_id is not None:
        more += f'"seat_layout_id":"{slot.seat_layout_id}",'
    return (
        f'{{"slot_id":"{slot.id}","product_id":"{slot.product_id}",'
        f'"starts_at":{written(slot.starts_at, zone)},"time_zone":{quoted(zone)},'
        f'"ends_at":{written(slot.ends_at, end_zone)},"end_time_zone":{quoted(end_zone)},'
        f'"status":"{status}","vacancies":{slot.capacity - slot.taken},'
        f'"booking_closes_at":{written(closes_at, zone)},"admit_from":{written(admit_from, zone)},'
        f'"admit_until":{written(admit_until, zone)},{more}"options":[{offers}]}}'
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
