"""Reading a folder shaped like nycflights13: flights, planes, airports, airlines."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from booking_api.core import local_time
from booking_api.core.standards import find_zone
from booking_api.importing.csv_files import CsvFile, find_csv
from booking_api.importing.schemas import ImportFailed, Summary
from booking_api.run.demo import flight_rules as rules
from booking_api.run.demo.flight_rules import Airport

FLIGHT_COLUMNS = (
    "year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest",
)  # fmt: skip
MISSING = ("", "NA")
NAMES_END = (" Inc.", " Co.", " Corporation")
LONGEST_AIRPORT_CODE = 27
"""The code of a product names two of them, and has 64 characters at most."""

DatesFor = Callable[[date], Sequence[date]]
"""On which local dates a flight of a date in the file is to be offered."""


class ReferenceData(msgspec.Struct):
    """What the flights refer to."""

    airports: dict[str, Airport]
    zones: dict[str, ZoneInfo]
    airlines: dict[str, str]
    seats: dict[str, int]
    usual_seats: int
    """For a departure whose aircraft isn't known: the fleet's median."""
    guessed_zones: dict[str, str]
    """Airports without a zone of their own, with that of the nearest one."""
    supplied: frozenset[str]
    """Airports that the files lack and this program knows."""


class Flight(msgspec.Struct, frozen=True):
    """One departure, its times as moments."""

    file: str
    line: int
    product_code: str
    carrier: str
    number: str
    origin: str
    destination: str
    local_date: date
    starts_at: datetime
    ends_at: datetime
    seats: int
    aircraft_known: bool

    @property
    def code(self) -> str:
        return f"{self.product_code}-{self.local_date}"


def _open(folder: Path, name: str, columns: Sequence[str]) -> CsvFile:
    path = find_csv(folder, name)
    if path is None:
        raise ImportFailed(f"There is no {name} in {folder}.")
    return CsvFile(path, columns)


def _records(file: CsvFile, summary: Summary) -> Iterator[tuple[int, dict[str, str]]]:
    for line, fields in file:
        summary.lines += 1
        if isinstance(fields, str):
            summary.report(file.name, line, fields)
        else:
            yield line, dict(zip(file.header, fields, strict=True))


def _read_airports(folder: Path, summary: Summary) -> tuple[dict[str, Airport], dict[str, str]]:
    airports = {airport.code: airport for airport in rules.MISSING_AIRPORTS}
    without_zone: list[Airport] = []
    with _open(folder, "airports.csv", ("faa", "name", "lat", "lon", "tzone")) as file:
        for line, record in _records(file, summary):
            try:
                latitude, longitude = float(record["lat"]), float(record["lon"])
            except ValueError:
                summary.report(file.name, line, f"{record['lat']}, {record['lon']} is not a position in degrees")
                continue
            code, zone = record["faa"], record["tzone"]
            if not 1 <= len(code) <= LONGEST_AIRPORT_CODE:
                summary.report(file.name, line, f"{code!r} is not the code of an airport")
            elif not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
                summary.report(file.name, line, f"{latitude}, {longitude} is not a position in degrees")
            elif zone in MISSING:
                without_zone.append(Airport(code, record["name"], latitude, longitude, ""))
            elif find_zone(zone) is None:
                summary.report(file.name, line, f"{zone!r} is not an IANA time zone")
            else:
                airports[code] = Airport(code, record["name"], latitude, longitude, zone)
    known = list(airports.values())
    guessed: dict[str, str] = {}
    for airport in without_zone:
        zone = rules.nearest_zone(airport.latitude, airport.longitude, known)
        airports[airport.code] = msgspec.structs.replace(airport, time_zone=zone)
        guessed[airport.code] = zone
    return airports, guessed


def _read_airlines(folder: Path, summary: Summary) -> dict[str, str]:
    airlines: dict[str, str] = {}
    with _open(folder, "airlines.csv", ("carrier", "name")) as file:
        for _, record in _records(file, summary):
            name = record["name"]
            for end in NAMES_END:
                name = name.removesuffix(end)
            airlines[record["carrier"]] = name
    return airlines


def _read_seats(folder: Path, summary: Summary) -> dict[str, int]:
    seats: dict[str, int] = {}
    with _open(folder, "planes.csv", ("tailnum", "seats")) as file:
        for line, record in _records(file, summary):
            if record["seats"].isdecimal() and 1 <= int(record["seats"]) <= rules.MOST_SEATS:
                seats[record["tailnum"]] = int(record["seats"])
            else:
                summary.report(
                    file.name, line, f"{record['seats']!r} is not a number of seats from 1 to {rules.MOST_SEATS}"
                )
    return seats


def read_reference(folder: Path, summary: Summary) -> ReferenceData:
    """The small files. Raises `ImportFailed` when one is missing."""
    airports, guessed = _read_airports(folder, summary)
    seats = _read_seats(folder, summary)
    zones = {airport.time_zone: ZoneInfo(airport.time_zone) for airport in airports.values()}
    return ReferenceData(
        airports, zones, _read_airlines(folder, summary), seats, rules.median_seats(seats.values()), guessed,
        frozenset(airport.code for airport in rules.MISSING_AIRPORTS if airports[airport.code] is airport),
    )  # fmt: skip


def open_flights(folder: Path) -> CsvFile:
    """The timetable itself, to be entered with `with`. Raises `ImportFailed` when there is none."""
    return _open(folder, "flights.csv", FLIGHT_COLUMNS)


class FlightReader:
    """Turns lines of the timetable into departures on the wanted dates; says what is wrong with the others."""

    def __init__(self, reference: ReferenceData, header: Sequence[str], file_name: str, dates_for: DatesFor) -> None:
        self.reference, self.file_name, self.dates_for = reference, file_name, dates_for
        self._at = [header.index(name) for name in FLIGHT_COLUMNS]
        self._routes: dict[tuple[str, str], float | None] = {}

    def _kilometres(self, origin: str, destination: str) -> float | None:
        """The length of a route between two known places, else None."""
        key = origin, destination
        if key not in self._routes:
            a, b = self.reference.airports.get(origin), self.reference.airports.get(destination)
            self._routes[key] = None if a is None or b is None or origin == destination else rules.distance_km(a, b)
        return self._routes[key]

    def _route_problem(self, origin: str, destination: str) -> str:
        for code in (origin, destination):
            if code not in self.reference.airports:
                return f"there is no airport {code!r} in airports.csv"
        return f"it goes from {origin} to {destination}"

    def read(self, line: int, fields: Sequence[str]) -> list[Flight] | str:
        """The departures of one line, or what is wrong with it. A date out of the wanted range has none."""
        year, month, day, departure, arrival, carrier, number, tail, origin, destination = (
            fields[position] for position in self._at
        )
        try:
            source_date = date(int(year), int(month), int(day))
        except (ValueError, OverflowError):
            return f"{year}-{month}-{day} is not a date"
        days = self.dates_for(source_date)
        if not days:
            return []
        departs, arrives = rules.read_hhmm(departure), rules.read_hhmm(arrival)
        if departs is None or arrives is None:
            return f"{departure if departs is None else arrival!r} is not a local time (hhmm)"
        if not (carrier.isascii() and carrier.isalnum() and len(carrier) <= 3):
            return f"{carrier!r} is not a carrier"
        if not (number.isascii() and number.isdigit() and len(number) <= 4):
            return f"{number!r} is not a flight number"
        kilometres = self._kilometres(origin, destination)
        if kilometres is None:
            return self._route_problem(origin, destination)
        airports, zones = self.reference.airports, self.reference.zones
        origin_zone, destination_zone = zones[airports[origin].time_zone], zones[airports[destination].time_zone]
        seats = self.reference.seats.get(tail)
        found: list[Flight] = []
        for local_date in days:
            starts_at = local_time.exact(local_time.local(local_date, departs), origin_zone)
            if starts_at is None:
                return f"{departs // 60:02}:{departs % 60:02} does not exist on {local_date} in {origin_zone.key}"
            ends_at = rules.arrival(local_date, arrives, destination_zone, starts_at, kilometres)
            if ends_at is None:
                return f"no arrival at {arrival} is plausible for a departure at {departure} over {kilometres:.0f} km"
            found.append(
                Flight(
                    self.file_name, line, f"{carrier}{number}-{origin}-{destination}", carrier, number, origin,
                    destination, local_date, starts_at, ends_at, seats or self.reference.usual_seats, seats is not None,
                )
            )  # fmt: skip
        return found
