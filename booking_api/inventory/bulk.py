"""Slots that come in by the thousands, line by line, in bounded memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from booking_api.catalog.layout_schemas import LayoutSize
from booking_api.catalog.writing import begin_writing, find_layouts, find_products
from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.errors import DomainError, FieldError, unprocessable
from booking_api.core.languages import translate
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.inputs import read_line
from booking_api.core.web.lines import LONGEST_LINE, TOO_LONG
from booking_api.core.web.transactions import refuse_late
from booking_api.identity import audit
from booking_api.inventory.bulk_schemas import SlotProblem, SlotsReport
from booking_api.inventory.offer_rules import define_slot
from booking_api.inventory.offering import offer
from booking_api.inventory.write_schemas import NewSlot, Offered, SavedSlots, SlotElement

BATCH = 2_000
MOST_LINES = 250_000
"""Of one request."""
MOST_PROBLEMS = 1_000
"""Where more lines are wrong, the mistake isn't theirs: the rest isn't read, so that none is left untold."""
MOST_KNOWN = 5_000
"""Products and layouts that are kept from one batch to the next."""
Numbered = tuple[int, SlotElement]


class SlotIntake:
    """Collects lines and offers them a batch at a time, each in a transaction of its own, with a moment of its own."""

    def __init__(self, runtime: Runtime, ctx: Context) -> None:
        self.runtime, self.ctx, self.org_id = runtime, ctx, ctx.org_id
        self.report = SlotsReport()
        self._waiting: list[Numbered] = []
        self._offered: dict[str, Offered] = {}
        self._layouts: dict[str, LayoutSize] = {}

    async def take_all(self, lines: AsyncIterator[tuple[int, bytes]]) -> SlotsReport:
        """Offers what the lines describe. What comes after too many of them, or after too many wrong ones, is taken
        from the sender and not read: many senders listen only when they have sent everything."""
        unread = 0
        async for number, raw in lines:
            if self.report.complete and (self.report.lines >= MOST_LINES or self.report.refused >= MOST_PROBLEMS):
                await self._write()
                self.report.complete = False
            if self.report.complete:
                await self._take(number, raw)
            elif (unread := unread + 1) > MOST_LINES:
                break
        await self._write()
        self.report.problems.sort(key=lambda problem: problem.line)
        return self.report

    async def _take(self, number: int, raw: bytes) -> None:
        self.report.lines += 1
        self.report.last_line = number
        if raw is TOO_LONG:
            self._refuse(number, None, [FieldError("", f"A line has at most {LONGEST_LINE} bytes.")])
            return
        try:
            self._waiting.append((number, read_line(raw, SlotElement, None)))
        except DomainError as refusal:
            self._refuse(number, None, _errors_of(refusal))
        if len(self._waiting) >= BATCH:
            await self._write()

    def _refuse(self, number: int, code: str | None, errors: Sequence[FieldError]) -> None:
        self.report.refused += 1
        told = [FieldError(error.pointer, translate(error.detail, self.ctx.language)) for error in errors]
        self.report.problems.append(SlotProblem(line=number, code=code, errors=told))

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        await self._look_up([element for _, element in waiting])
        numbers: dict[str, int] = {}
        slots: list[NewSlot] = []
        for number, element in waiting:
            try:
                slot = self._define(element)
            except DomainError as refusal:
                self._refuse(number, element.code, _errors_of(refusal))
                continue
            if (earlier := numbers.get(slot.code)) is not None:
                self._refuse(number, slot.code, [FieldError("", f"It repeats the slot of line {earlier}.")])
                continue
            numbers[slot.code] = number
            slots.append(slot)
        if not slots:
            return
        saved = await offer(self._turn, self.org_id, slots, utc_now(), self._note)
        self.report.created += saved.created
        self.report.changed += saved.changed
        self.report.unchanged += saved.unchanged
        for row in saved.refused:
            code = slots[row.position].code
            self._refuse(numbers[code], code, [row.error])

    async def _look_up(self, elements: Sequence[SlotElement]) -> None:
        """Products and layouts that the lines name and that aren't known yet."""
        if len(self._offered) + len(self._layouts) > MOST_KNOWN:
            self._offered.clear()
            self._layouts.clear()
        products = sorted({element.product for element in elements} - self._offered.keys())
        layouts = sorted({element.seat_layout for element in elements if element.seat_layout} - self._layouts.keys())
        if not products and not layouts:
            return
        async with acquire(self.runtime) as db:
            found = await find_products(db, self.org_id, products)
            self._layouts |= await find_layouts(db, self.org_id, layouts)
        self._offered |= {code: Offered.of(definition) for code, definition in found.items()}

    def _define(self, element: SlotElement) -> NewSlot:
        offered = self._offered.get(element.product)
        if offered is None:
            raise unprocessable("/product", f"There is no product {element.product!r}.")
        return define_slot(offered, element, self._layouts)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Any]:
        async with acquire(self.runtime) as db, db.transaction():
            await begin_writing(db, self.org_id)
            began = utc_now()
            yield db
            refuse_late(began)

    async def _note(self, db: Any, saved: SavedSlots) -> None:
        if saved.created or saved.changed:
            await audit.write(db, self.org_id, [audit.noted(self.ctx, "slots.offered")])


def _errors_of(refusal: DomainError) -> list[FieldError]:
    return refusal.errors or [FieldError("", refusal.detail)]
