"""Seats, prices, arrivals, moving by weeks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from booking_api.core import local_time
from booking_api.run.demo import flight_rules as rules
from booking_api.run.demo.flight_rules import Airport

JFK = Airport("JFK", "John F Kennedy Intl", 40.639751, -73.778925, "America/New_York")
HNL = Airport("HNL", "Honolulu Intl", 21.318681, -157.922428, "Pacific/Honolulu")
LAX = Airport("LAX", "Los Angeles Intl", 33.942536, -118.408075, "America/Los_Angeles")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("517", 317), ("5", 5), ("0", 0), ("2359", 1_439), ("2400", 1_440), ("2401", None), ("1260", None), ("NA", None),
     ("", None), ("-100", None), ("12345", None), ("1²", None), ("٣٠٠", None), ("12:30", None), ("9.5", None)],
)  # fmt: skip
def test_reading_hhmm(text: str, minutes: int | None) -> None:
    assert rules.read_hhmm(text) == minutes


def test_distances_are_those_of_the_globe() -> None:
    assert rules.distance_km(JFK, LAX) == pytest.approx(3_974, abs=5)
    assert rules.distance_km(JFK, HNL) == pytest.approx(8_019, abs=15)


def test_the_light_fare_has_a_ninth_of_the_seats() -> None:
    assert [rules.light_quota(seats) for seats in (180, 55, 9, 2)] == [20, 6, 1, 1]


def test_the_fleet_s_median() -> None:
    assert rules.median_seats([55, 149, 200]) == 149
    assert rules.median_seats([]) == rules.DEFAULT_SEATS


def test_a_zone_is_that_of_the_nearest_airport() -> None:
    assert rules.nearest_zone(34.0, -118.0, [JFK, HNL, LAX]) == "America/Los_Angeles"


@pytest.mark.parametrize(
    "day", [date(2013, 3, 9), date(2013, 3, 10), date(2013, 11, 3), date(2026, 3, 8), date(2026, 11, 1)]
)
def test_honolulu_keeps_its_time_when_new_york_changes(day: date) -> None:
    new_york, honolulu = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Honolulu")
    departs_at = local_time.exact(local_time.local(day, 600), new_york)
    assert departs_at is not None
    arrives_at = rules.arrival(day, 15 * 60 + 30, honolulu, departs_at, rules.distance_km(JFK, HNL))
    assert arrives_at == datetime(day.year, day.month, day.day, 15, 30, tzinfo=honolulu)
    hours = (arrives_at - departs_at) / timedelta(hours=1)
    assert hours == (10.5 if departs_at.astimezone(new_york).utcoffset() == timedelta(hours=-5) else 11.5)


def test_a_red_eye_arrives_the_next_day() -> None:
    departs_at = datetime(2013, 6, 1, 23, 59, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    arrives_at = rules.arrival(date(2013, 6, 1), 3 * 60 + 45, ZoneInfo("America/Puerto_Rico"), departs_at, 2_570)
    assert arrives_at == datetime(2013, 6, 2, 7, 45, tzinfo=UTC)


def test_an_arrival_across_the_date_line_can_be_the_day_before() -> None:
    departs_at = datetime(2026, 5, 2, 0, 30, tzinfo=ZoneInfo("Pacific/Auckland")).astimezone(UTC)
    arrives_at = rules.arrival(date(2026, 5, 2), 10 * 60 + 40, ZoneInfo("Pacific/Honolulu"), departs_at, 7_087)
    assert arrives_at == datetime(2026, 5, 1, 20, 40, tzinfo=UTC)


def test_an_implausible_arrival_is_none() -> None:
    departs_at = datetime(2013, 6, 1, 14, tzinfo=UTC)
    assert rules.arrival(date(2013, 6, 1), 9 * 60, ZoneInfo("America/New_York"), departs_at, 300) is None


def test_an_arrival_that_clocks_pass_over_is_shifted_forward() -> None:
    zone = ZoneInfo("America/Chicago")
    departs_at = datetime(2026, 3, 8, 6, tzinfo=UTC)
    arrives_at = rules.arrival(date(2026, 3, 8), 150, zone, departs_at, 1_200)
    assert arrives_at is not None
    assert arrives_at.astimezone(zone).isoformat() == "2026-03-08T03:30:00-05:00"


@pytest.mark.parametrize(
    ("first", "wanted", "landed"),
    [
        (date(2013, 3, 25), date(2026, 11, 23), date(2026, 11, 23)),
        (date(2013, 3, 25), date(2026, 11, 24), date(2026, 11, 30)),
        (date(2013, 3, 25), date(2026, 11, 22), date(2026, 11, 23)),
        (date(2013, 3, 25), date(2013, 3, 25), date(2013, 3, 25)),
        (date(2013, 3, 25), date(2013, 3, 20), date(2013, 3, 25)),
        (date(2013, 3, 25), date(2013, 3, 18), date(2013, 3, 18)),
    ],
)
def test_moving_by_whole_weeks(first: date, wanted: date, landed: date) -> None:
    assert first + rules.whole_weeks(first, wanted) == landed
    assert landed.weekday() == first.weekday()
