"""How a process knows which of its sums still hold: it follows the marks of one organisation.

Every transaction that changes what a calendar counts writes a mark (`slot_change`) before it commits, with its own
number (`changed_xid`, as in sync; see docs/adr/0004). Before a request is answered from memory, one statement that
began after the request fetches the marks since the last one. All requests that wait share it.

Why no answer is older than its request. Call the snapshot of the last such statement the position. Kept is only what
holds at the position or later:

- What is computed is read by statements that began after the statement of the position had ended, on the same server.
  Their snapshots see all that the position sees. So a transaction that a later position sees and they don't isn't
  seen by the present one either: its mark is among those that are yet to be delivered. Marks that are delivered while
  something is being computed count against it (`Sheet.begin`).
- A mark is delivered by the first position that sees its transaction, in whatever order transactions began and
  committed: what is asked for is not a range of numbers but every mark that the last position did not see. A
  transaction that was under way then is listed in that snapshot (or begins later) and is found when it has
  committed, for its mark and its change become visible at the same moment. A subtransaction's mark carries the number
  of the whole transaction, which is also the only one that snapshots list.
- Numbers are 64 bits wide and don't wrap around. They mean nothing on another server: after a restart or a failover
  the server's start is another moment, and everything is given up. (When PostgreSQL recovers by itself from the crash
  of a backend, its start stays the same, and so does all that was seen: commits are synchronous.) Where a snapshot
  tells too little (`News.blind`), nothing is kept.
- Marks are deleted only below a horizon that the same statement reads. A position that doesn't see all transactions
  below it may have missed some: everything is given up. So nothing here depends on a clock, and a process that was
  stopped for an hour goes on where it should.

What is kept is dropped after a minute all the same, so that a slot edited by hand, which leaves no mark, is not shown
as it was for ever.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.batching import Batcher, Singly
from booking_api.core.cache import BoundedCache
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime, acquire
from booking_api.inventory import calendar_queries as queries
from booking_api.inventory.calendar_days import Sheet
from booking_api.inventory.calendar_queries import HeldPlaces, News
from booking_api.inventory.rules import Wanted
from booking_api.inventory.targets import Route

ORGANISATIONS = 256
CELLS = 40_000
"""Kept by a process, some 300 bytes each."""
SHEETS = 1_000
TARGETS = 1_000
KEPT_SECONDS = 60.0
MOST_MARKS = 2_000
"""With more than this many since the last time it is cheaper to begin anew."""
NOBODY_SEES = 2**63 - 1

TargetKey = UUID | tuple[UUID, UUID]
"""A product, or an origin and a destination."""
PartyKey = tuple[tuple[str, int], ...] | None
Request = tuple[UUID | None, datetime]
"""Whose claims are asked for, and the request's moment."""


class Position(msgspec.Struct, frozen=True):
    """A snapshot that news were fetched up to."""

    server_started_at: datetime
    oldest: int
    snapshot: str
    read_at: float


def target_key(target: ProductDefinition | Route) -> TargetKey:
    return (target.origin.id, target.destination.id) if isinstance(target, Route) else target.id


class Kept:
    """What a process keeps of one organisation's calendars."""

    def __init__(self, runtime: Runtime, org_id: UUID) -> None:
        self.runtime = runtime
        self.org_id = org_id
        self.position: Position | None = None
        self.number = 0
        self.sheets: dict[TargetKey, dict[PartyKey, Sheet]] = {}
        self.targets: BoundedCache[object, ProductDefinition | Route] = BoundedCache(TARGETS)
        """What requests named, as it was found. Given up as a whole, so that what is found meanwhile isn't kept."""
        self._followers: Batcher[Request, Sequence[HeldPlaces]] = Batcher(self._follow, cap=1_000)

    async def follow(self, holder_id: UUID | None, now: datetime) -> Sequence[HeldPlaces]:
        """Lets everything kept be as true as this moment; where the holder has live claims, a few too many perhaps.

        Raises `Overloaded`, and whatever the database raises.
        """
        answer = await self._followers.submit((holder_id, now))
        if isinstance(answer, Singly):
            answer = (await self._follow([(holder_id, now)]))[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _follow(self, requests: list[Request]) -> list[Sequence[HeldPlaces]]:
        position = self.position
        began = time.monotonic()
        if position is not None and began - position.read_at > KEPT_SECONDS:
            position = None
        holders = {holder_id for holder_id, _ in requests if holder_id is not None}
        async with acquire(self.runtime) as db:
            news = await queries.list_changes(
                db, self.org_id, NOBODY_SEES if position is None else position.oldest,
                "1:1:" if position is None else position.snapshot, MOST_MARKS + 1,
            )  # fmt: skip
            self._apply(position, news, began)
            if not holders:
                return [()] * len(requests)
            held = await queries.list_held(db, self.org_id, list(holders), min(now for _, now in requests))
        return [[row for row in held if row.holder_id == holder_id] for holder_id, _ in requests]

    def _apply(self, position: Position | None, news: News, began: float) -> None:
        marks = list(
            zip(
                news.product_ids or (), news.origin_ids or (), news.destination_ids or (), news.dates or (), strict=True
            )
        )
        self.number += 1
        if (
            position is None
            or news.blind
            or news.server_started_at != position.server_started_at
            or position.oldest < news.forgotten_below
            or len(marks) > MOST_MARKS
            or any(product_id is None for product_id, *_ in marks)
        ):
            self._give_up()
            marks = []
        for product_id, origin_id, destination_id, day in marks:
            assert product_id is not None
            assert origin_id is not None
            assert day is not None
            keys: list[TargetKey] = [product_id]
            if destination_id is not None:
                keys.append((origin_id, destination_id))
            for key in keys:
                for sheet in self.sheets.get(key, {}).values():
                    sheet.hear(day, product_id, self.number)
        self.position = None if news.blind else Position(news.server_started_at, news.oldest, news.snapshot, began)

    def _give_up(self) -> None:
        self.sheets = {}
        self.targets = BoundedCache(TARGETS)

    def sheet(self, target: TargetKey, wanted: Wanted | None) -> Sheet:
        """What is kept of a calendar, empty at first."""
        party: PartyKey = None if wanted is None else tuple(sorted(wanted.items()))
        of_target = self.sheets.setdefault(target, {})
        now = time.monotonic()
        sheet = of_target.get(party)
        if sheet is None or now - sheet.made > KEPT_SECONDS:
            sheet = of_target[party] = Sheet(wanted)
        sheet.used = now
        return sheet

    def drop(self, sheet: Sheet) -> None:
        """Keeps a sheet no longer."""
        for target, of_target in list(self.sheets.items()):
            for party in [party for party, other in of_target.items() if other is sheet]:
                del of_target[party]
            if not of_target:
                del self.sheets[target]


NEWS = PerProcess(dict[UUID, Kept])


def kept_of(runtime: Runtime, org_id: UUID) -> Kept:
    """What the process keeps of an organisation's calendars."""
    everything = NEWS.of(runtime.caches)
    if (kept := everything.get(org_id)) is None:
        kept = everything[org_id] = Kept(runtime, org_id)
    return kept


def make_room(runtime: Runtime) -> None:
    """Drops what was used longest ago while the process keeps more than its share."""
    everything = NEWS.of(runtime.caches)
    sheets = [
        (sheet.used, sheet.size, org_id, sheet)
        for org_id, kept in everything.items()
        for of_target in kept.sheets.values()
        for sheet in of_target.values()
    ]
    cells, count = sum(size for _, size, _, _ in sheets), len(sheets)
    if cells > CELLS or count > SHEETS:
        for _, size, org_id, sheet in sorted(sheets, key=lambda found: found[0]):
            if cells <= CELLS and count <= SHEETS:
                break
            everything[org_id].drop(sheet)
            cells, count = cells - size, count - 1
    if len(everything) > ORGANISATIONS:
        for org_id in [org_id for org_id, kept in everything.items() if not kept.sheets]:
            del everything[org_id]
