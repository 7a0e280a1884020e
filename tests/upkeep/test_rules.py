"""What upkeep keeps, and how far it makes partitions ahead."""

from datetime import UTC, datetime, timedelta

import pytest

from booking_api.upkeep import rules

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize("now", [MONDAY, MONDAY + WEEK - timedelta(microseconds=1)])
def test_this_week_and_four_ahead_have_a_partition(now: datetime):
    assert [(week.begins, week.ends) for week in rules.weeks_from(now)] == [
        (MONDAY + number * WEEK, MONDAY + (number + 1) * WEEK) for number in range(5)
    ]


def test_what_is_kept_and_for_how_long():
    # The contract promises a day; what comes late in it must not find its answer gone.
    assert timedelta(days=2) == rules.ANSWERS_KEPT
    assert timedelta(days=30) == rules.EVENTS_KEPT
    assert timedelta(days=7) == rules.JOB_LOG_KEPT
