"""The demo's data: a real week of departures repeated, an attraction, a consultant; always from today on."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from booking_api.core.context import Organisation
from booking_api.core.db import Pool
from booking_api.importing.catalogue_files import Catalogue, read_document
from booking_api.importing.operations import save_catalogue
from booking_api.importing.schemas import Progress, Summary, no_progress
from booking_api.importing.slot_writer import turn
from booking_api.importing.statistics import analyse_after
from booking_api.inventory.writing import find_missing
from booking_api.run.demo.flights import FlightImport
from booking_api.run.demo.timetable import FlightReader, open_flights, read_reference

DATA = Path(__file__).parent / "data"
FLIGHT_DAYS = 14
OTHER_DAYS = 21
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


def demo_catalogue(first: date) -> Catalogue:
    """The shipped catalogue, its schedules running from this local date on."""
    name = "catalogue.json"
    document = msgspec.json.decode((DATA / name).read_bytes())
    for product in document["products"]:
        for schedule in product["schedules"]:
            schedule["valid_from"] = str(first)
            schedule["valid_until"] = str(first + timedelta(days=OTHER_DAYS - 1))
    return Catalogue([read_document(name, msgspec.json.encode(document))])


def _same_weekday(source: date, days: Sequence[date]) -> list[date]:
    return [day for day in days if day.weekday() == source.weekday()]


async def _missing_days(pool: Pool, org: Organisation, days: Sequence[date]) -> list[date]:
    """On which of these days departures of the shipped week aren't offered yet."""
    reference = read_reference(DATA, Summary())
    codes: dict[str, date] = {}
    with open_flights(DATA) as file:
        reader = FlightReader(reference, file.header, file.name, lambda source: _same_weekday(source, days))
        for line, fields in file:
            found = reader.read(line, fields) if isinstance(fields, list) else ""
            if isinstance(found, list):
                codes.update({flight.code: flight.local_date for flight in found})
    async with turn(pool, org.org_id) as db:
        missing = await find_missing(db, org.org_id, list(codes))
    return sorted({codes[code] for code in missing})


async def load_demo(pool: Pool, org: Organisation, now: datetime, progress: Progress = no_progress) -> Summary:
    """Offers what there is to try from today on: 14 days of departures, 21 of entry windows and appointments.

    The week of departures is moved by whole weeks and repeated, so that weekdays and local times stay. To be run at
    each start: adds the days that have come in sight since, and doubles nothing.
    """
    summary = await save_catalogue(pool, org, demo_catalogue(now.astimezone(BERLIN).date()), progress, now)
    today = now.astimezone(NEW_YORK).date()
    missing = await _missing_days(pool, org, [today + timedelta(days=n) for n in range(FLIGHT_DAYS)])
    if missing:
        flights = FlightImport(pool, org, DATA, lambda source: _same_weekday(source, missing), now)
        summary.merge(await flights.run(progress))
    await analyse_after(pool, summary)
    return summary
