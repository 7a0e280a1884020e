"""What products mean for a party on the days of a search: their terms, which follow from documents that never change."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from booking_api.availability import rules
from booking_api.availability.schemas import FoundSlot
from booking_api.catalog.operations import load_definitions
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.per_process import PerProcess

TERMS = PerProcess(lambda: BoundedCache[object, rules.Terms](KEPT_TERMS))
KEPT_TERMS = 4_096


class Run(NamedTuple):
    """Neighbours of the same product and price, and what they have in common."""

    version: tuple[UUID, int]
    terms: rules.Terms
    slots: list[FoundSlot]


async def with_terms(ctx: Context, slots: Sequence[FoundSlot], wanted: rules.UnitCounts | None) -> list[Run]:
    """The slots, in their order, with their terms: by the version of the product that is on sale, the price of the
    day and the party. Terms that were made before are kept."""
    party = None if wanted is None else tuple(sorted(wanted.items()))
    kept = TERMS.of(ctx.caches)
    # All of a statement's slots of one product have the same version of it.
    lines = [list(line) for _, line in groupby(slots, key=attrgetter("product_id"))]
    definitions = await load_definitions(
        ctx.db, ctx.caches, ctx.org_id, {(line[0].product_id, line[0].product_version) for line in lines}
    )
    runs: list[Run] = []
    for line in lines:
        version = line[0].product_id, line[0].product_version
        definition = definitions[version]
        for period, run in _periods(definition, line):
            key = (ctx.org_id, version, period, party)
            if (terms := kept.get(key)) is None:
                terms = rules.make_terms(definition, wanted, run[0].local_date)
                kept.put(key, terms)
            runs.append(Run(version, terms, run))
    return runs


def _periods(definition: ProductDefinition, line: list[FoundSlot]) -> list[tuple[int, list[FoundSlot]]]:
    """Slots of a product cut where their prices may change, each piece with its number among the price's periods."""
    changes = definition.price_changes
    if not changes:
        return [(0, line)]
    cut = groupby(line, key=lambda slot: bisect_right(changes, slot.local_date))
    return [(period, list(run)) for period, run in cut]
