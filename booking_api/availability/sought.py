"""The products that a home screen may show, each with a moment before which nothing of it can be booked.

Where few products are meant, the next slot of each is found by its index. Where there are many, they are met on a walk
through all slots in the order of their starts, which goes no further than the answer reaches.
"""

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from booking_api.availability import discover_queries as queries
from booking_api.availability.discover_rules import Point, box_around, distance_m, read_point
from booking_api.availability.discover_schemas import DEFAULT_RADIUS_M, DiscoverQuery, SoughtProducts
from booking_api.availability.schemas import FoundSlot
from booking_api.catalog.operations import fold_products
from booking_api.core.context import Context
from booking_api.core.errors import invalid
from booking_api.core.text.folding import search_query

FEW_PRODUCTS = 200
FIRST_STEPS, MOST_STEPS = 5, 50_000
"""Of a walk: how many slots its first stage has for each product that is wanted, each further stage having twice as many,
and how many all have together."""
WESTERNMOST = timedelta(hours=12)
"""How far local dates are behind UTC."""
LEAST_WANTED = 20
BEFORE_ALL = UUID(int=0)


@dataclasses.dataclass(slots=True)
class Candidate:
    """A product that may be shown, and how far it was looked at."""

    product_id: UUID
    version: int
    distance_m: float | None
    starts_at: float
    """Nothing of it can be booked that starts earlier, in seconds since 1970."""
    after: tuple[datetime, UUID]
    """Slots up to here have been looked at."""
    slots: list[FoundSlot] = dataclasses.field(default_factory=list)
    """The first that can be booked."""
    from_total: int = 0
    settled: bool = False

    @property
    def rank(self) -> tuple[float, float, UUID]:
        return self.starts_at, self.distance_m or 0.0, self.product_id


class Meant(NamedTuple):
    """What a query asks for."""

    products: SoughtProducts
    center: Point | None
    radius_m: float
    first: date
    since: datetime
    """Slots that start earlier aren't meant, unless they are late."""

    def distance(self, latitude: float | None, longitude: float | None) -> float | None:
        """How far away it is; None where nobody asked."""
        if self.center is None or latitude is None or longitude is None:
            return None
        return distance_m(self.center, Point(latitude, longitude))


async def read_meant(ctx: Context, query: DiscoverQuery) -> Meant | None:
    """None where the text has nothing that can be found. Raises `Invalid`."""
    if query.near is None and query.radius_m is not None:
        raise invalid("/query/radius_m", "A radius needs near, the point that it is around.")
    today = (ctx.now.astimezone(UTC) - WESTERNMOST).date()
    if query.first is not None and query.first < today:
        raise invalid("/query/from", f"{query.first} is in the past.")
    words = None
    if query.q is not None:
        if (words := search_query(query.q)) is None:
            return None
        await fold_products(ctx.db, ctx.org_id)
    radius_m = float(query.radius_m or DEFAULT_RADIUS_M)
    center = None if query.near is None else read_point(query.near)
    box = {} if center is None else box_around(center, radius_m)._asdict()
    since = ctx.now
    if query.first is not None:
        since = max(since, await _midnight(ctx, query.first))
    return Meant(SoughtProducts(kind=query.kind, words=words, **box), center, radius_m, query.first or date.min, since)


async def _midnight(ctx: Context, day: date) -> datetime:
    """When a local date first begins in one of the zones that there are places in."""
    zones = [row.time_zone for row in await queries.list_zones(ctx.db, ctx.org_id)]
    begins = [datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for zone in zones]
    return min(begins, default=ctx.now)


class Candidates:
    """Those that are known, by id, and until when no other begins."""

    def __init__(self, ctx: Context, meant: Meant, limit: int) -> None:
        self._ctx, self._meant = ctx, meant
        self.known: dict[UUID, Candidate] = {}
        self._gone: set[UUID] = set()
        self.known_until = float("inf")
        """A product that isn't known begins no earlier, in seconds since 1970."""
        self._walked: tuple[datetime, UUID] = (meant.since, BEFORE_ALL)
        self._steps = FIRST_STEPS * max(limit, LEAST_WANTED)
        self._steps_left = MOST_STEPS

    def drop(self, candidate: Candidate) -> None:
        """It has nothing for this party, wherever it is met again."""
        del self.known[candidate.product_id]
        self._gone.add(candidate.product_id)

    async def begin(self) -> None:
        """Finds all of them, or where there are many the first ones."""
        ctx, (products, *_, first, since) = self._ctx, self._meant
        if products.south is None:
            found = await queries.find_sought(ctx.db, ctx.org_id, products.kind, products.words, FEW_PRODUCTS + 1)
        else:
            found = await queries.find_near(ctx.db, ctx.org_id, [products], FEW_PRODUCTS + 1)
        if len(found) > FEW_PRODUCTS:
            self.known_until = since.timestamp()
            await self.walk_on()
            return
        by_id = {row.product_id: row for row in found}
        for start in await queries.first_starts(ctx.db, ctx.org_id, list(by_id), first, since, ctx.now):
            row = by_id[start.product_id]
            self._meet(row.product_id, row.version, row.latitude, row.longitude, start.starts_at)

    async def walk_on(self) -> bool:
        """Goes on to products that begin later; False where there are none or the walk was long enough."""
        if self.known_until == float("inf") or self._steps_left <= 0:
            return False
        ctx, steps = self._ctx, min(self._steps, self._steps_left)
        rows = await queries.walk(
            ctx.db, ctx.org_id, [self._meant.products], self._meant.first, self._walked, ctx.now, steps
        )
        self._steps_left -= steps
        self._steps = 2 * steps
        self.known_until = float("inf")
        for row in rows:
            if row.product_id is None or row.version is None:
                self._walked = row.starts_at, row.id
                self.known_until = row.starts_at.timestamp()
            else:
                self._meet(row.product_id, row.version, row.latitude, row.longitude, row.starts_at)
        return True

    def _meet(
        self, product_id: UUID, version: int, latitude: float | None, longitude: float | None, starts_at: datetime
    ) -> None:
        distance = self._meant.distance(latitude, longitude)
        if product_id in self.known or product_id in self._gone:
            return
        if distance is None or distance <= self._meant.radius_m:
            self.known[product_id] = Candidate(
                product_id, version, distance, starts_at.timestamp(), (starts_at, BEFORE_ALL)
            )
