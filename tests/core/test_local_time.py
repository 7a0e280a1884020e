"""Local times on ordinary days and on those when clocks change, for every zone in the data."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core import local_time
from booking_api.run.demo.flight_rules import MISSING_AIRPORTS
from tests.demo.excerpts import CHECKED_IN, read_csv

ZONES = sorted({a["tzone"] for a in read_csv(CHECKED_IN / "airports.csv")} | {a.time_zone for a in MISSING_AIRPORTS})
FORWARD = [date(2013, 3, 10), date(2026, 3, 8)]
BACK = [date(2013, 11, 3), date(2026, 11, 1)]
CHANGING = [
    name
    for name in ZONES
    if name not in {"America/Phoenix", "Pacific/Honolulu", "America/Puerto_Rico", "America/St_Thomas"}
]


def test_every_zone_of_the_data_is_there() -> None:
    assert set(ZONES) >= {
        "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
        "America/Anchorage", "Pacific/Honolulu", "America/Puerto_Rico",
    }  # fmt: skip


@pytest.mark.parametrize("day", FORWARD, ids=str)
@pytest.mark.parametrize("name", CHANGING)
def test_a_time_that_clocks_pass_over_does_not_exist(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    assert local_time.exact(local_time.local(day, 150), zone) is None
    shifted = local_time.shifted_forward(local_time.local(day, 150), zone)
    assert shifted.astimezone(zone).time() == time(3, 30)
    before, after = (local_time.exact(local_time.local(day, minutes), zone) for minutes in (119, 180))
    assert before is not None
    assert after is not None
    assert after - before == timedelta(minutes=1)


@pytest.mark.parametrize("day", BACK, ids=str)
@pytest.mark.parametrize("name", CHANGING)
def test_an_ambiguous_time_is_the_first(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    first = local_time.exact(local_time.local(day, 90), zone)
    assert first is not None
    assert first.astimezone(zone).dst() == timedelta(hours=1)
    assert (first + timedelta(hours=1)).astimezone(zone).time() == time(1, 30)


@pytest.mark.parametrize("day", FORWARD + BACK, ids=str)
@pytest.mark.parametrize("name", sorted(set(ZONES) - set(CHANGING)))
def test_zones_without_summer_time_have_every_time_once(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    moments = [local_time.exact(local_time.local(day, minutes), zone) for minutes in range(1_441)]
    assert None not in moments
    assert len(set(moments)) == 1_441


@pytest.mark.parametrize("day", FORWARD + BACK, ids=str)
@pytest.mark.parametrize("name", ZONES)
def test_windows_neither_overlap_nor_leave_gaps(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    hours = {True: 23, False: 25}[day in FORWARD] if name in CHANGING else 24
    starts = list(local_time.series(day, 0, 1_440, 30, 30, zone))
    assert len(starts) == hours * 2
    assert {b - a for a, b in itertools.pairwise(starts)} == {timedelta(minutes=30)}
    assert starts[0].astimezone(zone).time() == time(0)
    assert (starts[-1] + timedelta(minutes=30)).astimezone(zone).time() == time(0)


def test_the_last_window_ends_at_the_closing() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    starts = [s.astimezone(berlin).time() for s in local_time.series(date(2026, 6, 1), 600, 720, 30, 60, berlin)]
    assert starts == [time(10), time(10, 30), time(11)]


def test_a_closing_before_the_opening_is_the_next_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    starts = list(local_time.series(date(2026, 10, 24), 22 * 60, 4 * 60, 60, 60, berlin))
    assert len(starts) == 7  # The night has an hour more.
    assert starts[-1].astimezone(berlin).isoformat() == "2026-10-25T03:00:00+01:00"
    assert len(list(local_time.series(date(2026, 6, 1), 600, 600, 60, 60, berlin))) == 24


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2037-12-31")).map(
        lambda d: d.replace(second=0, microsecond=0)
    ),
    st.sampled_from([*ZONES, "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]),
)
def test_what_exists_reads_back_as_it_was_written(wall: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    moment = local_time.exact(wall, zone)
    if moment is None:
        assert local_time.shifted_forward(wall, zone).astimezone(zone).replace(tzinfo=None) > wall
    else:
        assert moment.tzinfo is UTC
        assert moment.astimezone(zone).replace(tzinfo=None) == wall
