"""Importing a catalogue in the documented format: `docs/catalogue-format.md`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from booking_api.catalog.layout_rules import define_layout
from booking_api.catalog.layout_schemas import LayoutInput, LayoutSize, NewLayout
from booking_api.catalog.product_rules import check_place, define_product
from booking_api.catalog.schemas import Place
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import (
    find_layouts,
    find_places,
    find_products,
    save_layouts,
    save_places,
    save_products,
)
from booking_api.core.clock import utc_now
from booking_api.core.context import Organisation
from booking_api.core.db import Pool
from booking_api.core.errors import DomainError
from booking_api.importing.catalogue_files import (
    Catalogue,
    FoundElement,
    T,
    json_elements,
    place_elements,
    read_catalogue,
    slot_elements,
)
from booking_api.importing.formats import ProductElement
from booking_api.importing.rules import say_error, say_refusal
from booking_api.importing.schemas import ImportFailed, Progress, Summary, no_progress
from booking_api.importing.slot_writer import SlotWriter, turn
from booking_api.importing.statistics import analyse_after
from booking_api.inventory.offer_rules import check_schedules, define_slot, scheduled_slots
from booking_api.inventory.write_schemas import NewSlot, Offered, SlotElement

AT_ONCE = 500
PROGRESS_EVERY = 1_000
Scheduled = tuple[str, int, ProductElement]


class CatalogueImport:
    """One run over one catalogue: places, then layouts, products and slots, since each refers to those before."""

    def __init__(self, pool: Pool, org: Organisation, catalogue: Catalogue, progress: Progress, now: datetime) -> None:
        self.pool, self.org, self.catalogue, self.progress, self.now = pool, org, catalogue, progress, now
        self.summary = Summary()
        self.writer = SlotWriter(pool, org.org_id, self.summary, now)
        self.places: dict[str, Place] = {}
        self.layouts: dict[str, LayoutSize] = {}
        self.offered: dict[str, Offered] = {}
        self.broken: set[str] = set()
        """Codes of products that were described and left out."""
        self.scheduled: list[Scheduled] = []

    async def run(self) -> Summary:
        """Imports everything that is in order."""
        for file in self.catalogue.files:
            if (currency := file.document.currency) not in (None, self.org.currency):
                raise ImportFailed(
                    f"{file.name} has prices in {currency}, but {self.org.name} sells in {self.org.currency}."
                )
        await self._import_places()
        await self._import_layouts()
        await self._import_products()
        await self._import_slots()
        await self.writer.flush()
        await self.writer.warn_of_overlaps()
        return self.summary

    def _fitting(self, found: Iterable[FoundElement[T]]) -> Iterator[tuple[str, int, T]]:
        """The elements in order, the others are reported."""
        for file, line, element in found:
            self.summary.lines += 1
            if isinstance(element, str):
                self.summary.report(file, line, element)
            else:
                yield file, line, element

    def _once(self, found: Iterable[FoundElement[T]]) -> Iterator[tuple[str, int, T]]:
        """The fitting elements, each code's first only."""
        seen: dict[str, tuple[str, int]] = {}
        for file, line, element in self._fitting(found):
            code: str = element.code  # type: ignore[attr-defined]
            if code in seen:
                earlier_file, earlier_line = seen[code]
                self.summary.report(
                    file, line, f"{code!r} is described in line {earlier_line} of {earlier_file} already"
                )
                continue
            seen[code] = file, line
            yield file, line, element

    def _refuse(self, file: str, line: int, refusal: DomainError, about: str = "") -> None:
        for sentence in say_refusal(refusal):
            self.summary.report(file, line, f"{about}{sentence}")

    async def _import_places(self) -> None:
        given: list[NewPlace] = []
        for file, line, place in self._once(place_elements(self.catalogue)):
            try:
                check_place(place)
                given.append(place)
            except DomainError as refusal:
                self._refuse(file, line, refusal)
        for start in range(0, len(given), AT_ONCE):
            part = given[start : start + AT_ONCE]
            async with turn(self.pool, self.org.org_id) as db:
                saved, created, changed = await save_places(db, self.org.org_id, part, self.now)
            self.places.update(saved)
            self.summary.places.add(created, changed, len(part) - created - changed)

    async def _import_layouts(self) -> None:
        found = (
            element
            for file in self.catalogue.files
            for element in json_elements(file, file.document.seat_layouts, LayoutInput)
        )
        given: dict[str, tuple[str, int, NewLayout]] = {}
        for file, line, layout in self._once(found):
            try:
                given[layout.code] = file, line, define_layout(layout)
            except DomainError as refusal:
                self._refuse(file, line, refusal)
        if given:
            async with turn(self.pool, self.org.org_id) as db:
                saved = await save_layouts(db, self.org.org_id, [layout for _, _, layout in given.values()], self.now)
            self.layouts.update(saved.found)
            for code in saved.refused:
                file, line, _ = given[code]
                self.summary.report(
                    file, line, f"seat layout {code!r} is there with other seats; a layout never changes"
                )
            self.summary.layouts.add(len(saved.created), 0, len(saved.found) - len(saved.created))

    async def _import_products(self) -> None:
        found = (
            element
            for file in self.catalogue.files
            for element in json_elements(file, file.document.products, ProductElement)
        )
        fitting = list(self._once(found))
        await self._find_referred(product for _, _, product in fitting)
        given: list[tuple[Scheduled, NewProduct]] = []
        for file, line, product in fitting:
            if (new := self._defined(file, line, product)) is not None:
                given.append(((file, line, product), new))
        for start in range(0, len(given), AT_ONCE):
            await self._save_products(given[start : start + AT_ONCE])
            self.progress(min(start + AT_ONCE, len(given)), len(given), "products")

    async def _find_referred(self, products: Iterator[ProductElement]) -> None:
        """Looks up places and layouts that products name and the files don't describe."""
        places: set[str] = set()
        layouts: set[str] = set()
        for product in products:
            places.update(code for code in (product.origin, product.destination, product.venue) if code)
            layouts.update(code for code in (product.seat_layout, *(s.seat_layout for s in product.schedules)) if code)
        async with turn(self.pool, self.org.org_id) as db:
            self.places.update(await find_places(db, self.org.org_id, sorted(places - self.places.keys())))
            self.layouts.update(await find_layouts(db, self.org.org_id, sorted(layouts - self.layouts.keys())))

    def _defined(self, file: str, line: int, product: ProductElement) -> NewProduct | None:
        """The product, if everything about it is right, its schedules included; else all that isn't is reported."""
        definition = None
        try:
            definition = define_product(product, self.places, self.org.currency)
        except DomainError as refusal:
            self._refuse(file, line, refusal, f"product {product.code!r}: ")
        try:
            check_schedules(product.schedules, product.seat_layout, product, self.layouts)
        except DomainError as refusal:
            self._refuse(file, line, refusal, f"product {product.code!r}: ")
            definition = None
        if definition is None:
            self.broken.add(product.code)
            return None
        return NewProduct(definition, product.on_sale)

    async def _save_products(self, given: Sequence[tuple[Scheduled, NewProduct]]) -> None:
        async with turn(self.pool, self.org.org_id) as db:
            saved = await save_products(db, self.org.org_id, [new for _, new in given], self.now)
        for (file, line, product), _ in given:
            result = saved[product.code]
            if result.refusal is not None:
                self.broken.add(product.code)
                self.summary.report(file, line, say_error(result.refusal))
                continue
            self.summary.products.add(result.fate == "created", result.fate == "changed", result.fate == "unchanged")
            self.offered[product.code] = Offered.of(result.definition, product.seat_layout)
            if product.schedules:
                self.scheduled.append((file, line, product))

    async def _import_slots(self) -> None:
        await self._find_products_of_slots()
        overridden: set[str] = set()
        plans = {product.code for _, _, product in self.scheduled}
        if plans:
            for _, _, element in slot_elements(self.catalogue):
                if isinstance(element, SlotElement) and element.product in plans:
                    slot = self._explicit(element)
                    if isinstance(slot, NewSlot):
                        overridden.add(slot.code)
        for file, line, product in self.scheduled:
            await self._write_schedules(file, line, product, overridden)
        for file, line, element in self._fitting(slot_elements(self.catalogue)):
            slot = self._explicit(element)
            if isinstance(slot, str):
                self.summary.report(file, line, slot)
            else:
                await self.writer.add(file, line, slot)
                if self.summary.lines % PROGRESS_EVERY == 0:
                    self.progress(self.summary.lines, 0, "lines")

    async def _find_products_of_slots(self) -> None:
        """Looks up products and layouts that slots name and the files don't describe."""
        products: set[str] = set()
        layouts: set[str] = set()
        for _, _, element in slot_elements(self.catalogue):
            if isinstance(element, SlotElement):
                products.add(element.product)
                if element.seat_layout:
                    layouts.add(element.seat_layout)
        async with turn(self.pool, self.org.org_id) as db:
            unknown = sorted(products - self.offered.keys() - self.broken)
            found = await find_products(db, self.org.org_id, unknown)
            self.offered.update({code: Offered.of(definition) for code, definition in found.items()})
            self.layouts.update(await find_layouts(db, self.org.org_id, sorted(layouts - self.layouts.keys())))

    def _explicit(self, element: SlotElement) -> NewSlot | str:
        offered = self.offered.get(element.product)
        if offered is None:
            left_out = ", or it was left out" if element.product in self.broken else ""
            return f"there is no product {element.product!r}{left_out}"
        try:
            return define_slot(offered, element, self.layouts)
        except DomainError as refusal:
            return say_refusal(refusal)[0]

    async def _write_schedules(self, file: str, line: int, product: ProductElement, overridden: set[str]) -> None:
        """An explicit slot counts before a scheduled one with its code, and an earlier schedule before a later one."""
        made: set[str] = set()
        for position, schedule in enumerate(product.schedules):
            try:
                for slot in scheduled_slots(self.offered[product.code], schedule, self.layouts):
                    if slot.code not in overridden and slot.code not in made:
                        made.add(slot.code)
                        await self.writer.add(file, line, slot)
            except DomainError as refusal:
                self._refuse(file, line, refusal, f"product {product.code!r}: schedules[{position}]: ")


async def save_catalogue(
    pool: Pool, org: Organisation, catalogue: Catalogue, progress: Progress, now: datetime
) -> Summary:
    """Imports a catalogue that has been read. Raises `ImportFailed` when its prices are in another currency."""
    return await CatalogueImport(pool, org, catalogue, progress, now).run()


async def import_catalogue(
    pool: Pool, org: Organisation, path: Path, progress: Progress = no_progress, now: datetime | None = None
) -> Summary:
    """Imports a catalogue from a .json file or a folder. Raises `ImportFailed` when it can't be read at all.

    What is there already is matched by code and keeps its ids; nothing is ever removed.
    """
    summary = await save_catalogue(pool, org, read_catalogue(path), progress, now or utc_now())
    await analyse_after(pool, summary)
    return summary
