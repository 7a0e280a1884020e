"""Token buckets, with the time as an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.web.buckets import Limiter, Policy, headers

THREE = Policy("subject", 3, 60)


def take_all(limiter: Limiter, key: str, now: float, times: int) -> list[bool]:
    return [limiter.take(key, now).allowed for _ in range(times)]


def test_a_full_bucket_admits_the_quota_at_once():
    assert take_all(Limiter(THREE), "a", 100.0, 5) == [True, True, True, False, False]


def test_the_remaining_count_goes_down_to_zero():
    limiter = Limiter(THREE)
    assert [limiter.take("a", 0.0).remaining for _ in range(4)] == [2, 1, 0, 0]


def test_what_was_spent_comes_back_evenly():
    limiter = Limiter(THREE)
    take_all(limiter, "a", 0.0, 3)
    assert not limiter.take("a", 19.9).allowed
    assert limiter.take("a", 20.0).allowed
    assert not limiter.take("a", 20.0).allowed
    assert take_all(limiter, "a", 1000.0, 4) == [True, True, True, False]


def test_a_refusal_says_when_the_next_one_is_there():
    limiter = Limiter(THREE)
    take_all(limiter, "a", 0.0, 3)
    refused = limiter.take("a", 5.0)
    assert not refused.allowed
    assert refused.retry_in_seconds == pytest.approx(15)
    assert refused.full_in_seconds == pytest.approx(55)
    assert limiter.take("a", 5.0 + refused.retry_in_seconds).allowed


def test_a_refusal_costs_nothing():
    limiter = Limiter(THREE)
    take_all(limiter, "a", 0.0, 100)
    assert limiter.take("a", 20.0).allowed


def test_buckets_are_apart():
    limiter = Limiter(THREE)
    take_all(limiter, "a", 0.0, 3)
    assert limiter.take("b", 0.0).allowed


def test_looking_takes_nothing():
    limiter = Limiter(Policy("one", 1))
    assert limiter.has_one("a", 0.0)
    assert limiter.has_one("a", 0.0)
    limiter.take("a", 0.0)
    assert not limiter.has_one("a", 0.0)
    assert limiter.has_one("a", 60.0)


def test_the_number_of_buckets_is_bounded_and_the_least_used_goes_first():
    limiter = Limiter(Policy("one", 1), size=2)
    limiter.take("a", 0.0)
    limiter.take("b", 0.0)
    limiter.take("c", 0.0)
    assert len(limiter) == 2
    assert limiter.take("a", 0.0).allowed
    assert not limiter.take("c", 0.0).allowed


@pytest.mark.parametrize("policy", [Policy("none", 0), Policy("none", -1), Policy("none", 1, 0)])
def test_a_policy_that_admits_nothing_is_refused(policy):
    with pytest.raises(ValueError, match="admits nothing"):
        Limiter(policy)


def test_the_headers_name_every_policy():
    limiter, other = Limiter(THREE), Limiter(Policy("address", 6000))
    assert headers([limiter.take("a", 0.0), other.take("a", 0.0)]) == [
        (b"ratelimit-policy", b'"subject";q=3;w=60, "address";q=6000;w=60'),
        (b"ratelimit", b'"subject";r=2;t=20, "address";r=5999;t=1'),
    ]
    assert headers([]) == []


@given(
    quota=st.integers(1, 1000),
    window=st.floats(1, 3600),
    pauses=st.lists(st.floats(0, 600), min_size=1, max_size=200),
)
def test_never_more_than_the_quota_and_what_came_back_since(quota, window, pauses):
    limiter, now, admitted = Limiter(Policy("p", quota, window)), 0.0, 0
    for pause in pauses:
        now += pause
        standing = limiter.take("a", now)
        admitted += standing.allowed
        assert 0 <= standing.remaining < quota
        assert (standing.retry_in_seconds == 0) == standing.allowed
    assert admitted <= quota + now * quota / window + 1
