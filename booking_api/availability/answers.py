"""Rows and terms turned into answers. Pure.

A slot's options are written as JSON by putting the places that are left between two prepared texts: to build and
encode an object for every option, unit and price of twenty slots took longer than all else in a search.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from booking_api.availability import rules
from booking_api.availability.schemas import Availability, FoundSlot, OptionSummary, ProductSummary
from booking_api.catalog.answers import conditions_answer, place_brief
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.texts import pick

zone_of = lru_cache(maxsize=256)(ZoneInfo)


@lru_cache(maxsize=4_096)
def written(moment: float, zone: str) -> Any:
    """The JSON of a moment (seconds since 1970) with the offset of a zone. Slots share their times with others, and to
    make and encode a page's hundred of them anew took a tenth of a search."""
    return msgspec.Raw(msgspec.json.encode(datetime.fromtimestamp(moment, zone_of(zone))))


def availability(slot: FoundSlot, terms: rules.Terms, now: float) -> Availability:
    """A slot as it is at a moment (seconds since 1970) for the party of the terms. Its options are written already."""
    status, options = rules.judge(slot, terms, now)
    closes_at, admit_from, admit_until = rules.outer_times(slot, terms)
    zone = slot.time_zone
    options_written: list[Any] = [
        msgspec.Raw(f"{offer.written[0]}{left}{offer.written[1][why]}") for offer, left, why in options
    ]
    return Availability(
        slot_id=slot.id,
        product_id=slot.product_id,
        starts_at=written(slot.starts_at, zone),
        time_zone=slot.time_zone,
        ends_at=written(slot.ends_at, slot.end_time_zone),
        end_time_zone=slot.end_time_zone,
        status=status,
        vacancies=slot.capacity - slot.taken,
        booking_closes_at=written(closes_at, zone),
        admit_from=written(admit_from, zone),
        admit_until=written(admit_until, zone),
        delay=rules.delay_answer(rules.delay_of(slot), slot.time_zone, slot.end_time_zone) if slot.delay else None,
        held_by_you=slot.held or None,
        gate=slot.gate,
        resource=slot.resource,
        seat_layout_id=slot.seat_layout_id,
        options=options_written,
    )


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
