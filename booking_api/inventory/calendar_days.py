"""What a process keeps of one calendar: the sums of each date and product, and which of them no longer hold."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.money import Money
from booking_api.inventory.calendar_queries import SumRow
from booking_api.inventory.rules import STATUSES, Wanted, party_for
from booking_api.inventory.schemas import CalendarDay

BODIES = 8
Pair = tuple[date, UUID]
"""A date and a product: what is summed up in one go."""


class Cell(msgspec.Struct, frozen=True, gc=False):
    """The slots of a product on a date, as `SumRow`."""

    rank: int | None
    vacancies: int
    from_price: int | None
    until: datetime | None


class Total(NamedTuple):
    """A date over all its products."""

    rank: int
    vacancies: int
    from_price: int | None


CLOSED = Total(STATUSES.index("closed"), 0, None)


def add_up(cells: Iterable[Cell | SumRow | None]) -> Total:
    """The best rank, which is closed where there is nothing, all vacancies, and the lowest price."""
    present = [cell for cell in cells if cell is not None]
    return Total(
        max((cell.rank for cell in present if cell.rank is not None), default=CLOSED.rank),
        sum(cell.vacancies for cell in present),
        min((cell.from_price for cell in present if cell.from_price is not None), default=None),
    )


class Day:
    """A local date: its cells by product, and which of them were changed since, each with the number of its news."""

    __slots__ = ("cells", "changed", "since", "total", "until")

    def __init__(self) -> None:
        self.cells: dict[UUID, Cell] = {}
        self.changed: dict[UUID, int] = {}
        self.since: datetime | None = None
        """The moment that was summed up for; None before that."""
        self.until: datetime | None = None
        self.total = CLOSED

    def put(self, product_id: UUID, row: SumRow | None) -> None:
        if row is None:
            self.cells.pop(product_id, None)
        else:
            self.cells[product_id] = Cell(row.rank, row.vacancies, row.from_price, row.until)

    def settle(self, now: datetime) -> None:
        """Adds up the cells, after the last of them was put in."""
        self.since = now if self.since is None else max(self.since, now)
        self.until = min((cell.until for cell in self.cells.values() if cell.until is not None), default=None)
        self.total = add_up(self.cells.values())


class Body(msgspec.Struct, frozen=True):
    """An encoded answer, and for how long it is one."""

    content: bytes
    version: int
    since: datetime
    until: datetime | None


class Sheet:
    """The days of one target and party. Each is as true as the news that were applied; see `calendar_news`."""

    def __init__(self, wanted: Wanted | None) -> None:
        self.wanted = wanted
        self.lock = asyncio.Lock()
        self.made = self.used = time.monotonic()
        self.size = 0
        """Cells."""
        self.version = 0
        """Of what is known here: it changes with each piece of news and each sum."""
        self.products: dict[UUID, ProductDefinition] = {}
        self.currency: str | None = None
        """Of all products where they have the same and each allows the party: nothing else need be looked at then."""
        self.days: dict[date, Day] = {}
        self.bodies: dict[tuple[date, date], Body] = {}

    # news ---------------------------------------------------------------------------------------------------------

    def hear(self, day: date, product_id: UUID, number: int) -> None:
        """A slot of this date and product was changed. What is being summed up meanwhile doesn't count either."""
        if (found := self.days.get(day)) is not None:
            found.changed[product_id] = number
            self.version += 1

    def pending(self, dates: Iterable[date], now: datetime) -> tuple[list[date], dict[Pair, int]]:
        """The dates that are missing, and the cells that are to be summed up anew, with the number of their news."""
        missing: list[date] = []
        stale: dict[Pair, int] = {}
        for day in dates:
            found = self.days.get(day)
            if found is None or found.since is None or now < found.since:
                missing.append(day)
                continue
            if found.until is not None and found.until <= now:
                ended = (key for key, cell in found.cells.items() if cell.until is not None and cell.until <= now)
                stale.update(((day, product_id), 0) for product_id in ended)
            if found.changed:
                stale.update(((day, product_id), number) for product_id, number in found.changed.items())
        return missing, stale

    def begin(self, missing: Iterable[date]) -> None:
        """Makes room for dates before they are summed up, so that what changes meanwhile is heard."""
        for day in missing:
            self.days[day] = Day()

    def fill(self, missing: Iterable[date], stale: Mapping[Pair, int], rows: Sequence[SumRow], now: datetime) -> None:
        """Puts in what was summed up. What was heard of since `begin` stays to be done again."""
        touched = {day: self.days[day] for day in missing}
        by_pair = {(row.day, row.product_id): row for row in rows}
        for pair, number in stale.items():
            day, product_id = pair
            touched[day] = found = self.days[day]
            found.put(product_id, by_pair.pop(pair, None))
            if found.changed.get(product_id) == number:
                del found.changed[product_id]
        for row in by_pair.values():
            self.days[row.day].put(row.product_id, row)
        for found in touched.values():
            found.settle(now)
        self.version += 1
        self.size = sum(len(found.cells) for found in self.days.values())

    # answers ------------------------------------------------------------------------------------------------------

    def know(self, definitions: Iterable[ProductDefinition]) -> None:
        for definition in definitions:
            self.products[definition.id] = definition
        currencies = {definition.currency for definition in self.products.values()}
        allowed = not any(party_for(definition, self.wanted)[1] for definition in self.products.values())
        self.currency = currencies.pop() if len(currencies) == 1 and allowed else None

    def present(self, dates: Iterable[date], held: Mapping[Pair, SumRow | None]) -> list[ProductDefinition]:
        """The products that have slots on these dates, in order of their codes."""
        ids = set[UUID]().union(
            *(self.days[day].cells for day in dates), (key for (_, key), row in held.items() if row)
        )
        return sorted((self.products[id_] for id_ in ids), key=lambda definition: definition.code)

    def read(
        self, dates: Iterable[date], held: Mapping[Pair, SumRow | None], currency: str | None
    ) -> list[CalendarDay]:
        """Each date summed up over its products. `held` are cells as the caller, who has claims there, finds them."""
        of_caller = {day: {key: row for (other, key), row in held.items() if other == day} for day, _ in held}
        days: list[CalendarDay] = []
        for day in dates:
            found = self.days[day]
            total = add_up({**found.cells, **of_caller[day]}.values()) if day in of_caller else found.total
            price = None if total.from_price is None or currency is None else Money(total.from_price, currency)
            days.append(CalendarDay(date=day, status=STATUSES[total.rank], vacancies=total.vacancies, from_price=price))
        return days

    def keep(self, dates: Sequence[date], content: bytes) -> None:
        """Keeps an answer until something changes."""
        days = [self.days[day] for day in dates]
        since = max(day.since for day in days if day.since is not None)
        until = min((day.until for day in days if day.until is not None), default=None)
        if len(self.bodies) >= BODIES:
            self.bodies.clear()
        self.bodies[dates[0], dates[-1]] = Body(content, self.version, since, until)

    def kept(self, first: date, last: date, now: datetime) -> bytes | None:
        """The answer as it was last encoded, if it is still the same."""
        body = self.bodies.get((first, last))
        if body is None or body.version != self.version or now < body.since:
            return None
        return body.content if body.until is None or now < body.until else None
