"""How much somebody may ask for: token buckets in memory, one for each subject, key or address.

A bucket is one number, the moment when it will be full again (the generic cell rate algorithm, ITU-T I.371). Each
process counts for itself, so that several processes together admit several times the quota: it is a guard against
abuse, not a quantity that is sold.
"""

import itertools
import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable

import msgspec

BUCKETS = 100_000
ROUNDING_SECONDS = 1e-6
"""Sums of many small steps miss the whole by less than this."""


class Policy(msgspec.Struct, frozen=True):
    """`quota` requests at once; spent ones come back evenly over `window_seconds`."""

    name: str
    quota: int
    window_seconds: float = 60.0

    @property
    def step_seconds(self) -> float:
        """After so many seconds one comes back."""
        return self.window_seconds / self.quota


class BucketState(msgspec.Struct, frozen=True):
    """How a bucket stands after a request."""

    policy: Policy
    allowed: bool
    remaining: int
    full_in_seconds: float
    retry_in_seconds: float
    """0 where the request was allowed."""


class Limiter:
    """The buckets of one policy, at most `size`; the least recently used one is forgotten, and thereby full.

    Times are seconds of any clock that doesn't go back.
    """

    __slots__ = ("_full_at", "policy", "size")

    def __init__(self, policy: Policy, size: int = BUCKETS) -> None:
        if policy.quota < 1 or policy.window_seconds <= 0:
            raise ValueError(f"The policy {policy.name!r} admits nothing.")
        self.policy = policy
        self.size = size
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, now_seconds: float, own: Policy | None = None) -> BucketState:
        """Takes one from a bucket if there is one; a refusal costs nothing. A bucket may have a policy of its own."""
        policy = own or self.policy
        step_seconds = policy.step_seconds
        full_at = max(self._full_at.get(key, now_seconds), now_seconds)
        spent_seconds = full_at + step_seconds - now_seconds
        room_seconds = policy.window_seconds - spent_seconds
        if room_seconds < -ROUNDING_SECONDS:
            return BucketState(policy, False, 0, full_at - now_seconds, -room_seconds)
        buckets = self._full_at
        buckets[key] = full_at + step_seconds
        buckets.move_to_end(key)
        if len(buckets) > self.size:
            buckets.popitem(last=False)
        self._forget_full(now_seconds)
        remaining = max(0, int((room_seconds + ROUNDING_SECONDS) / step_seconds))
        return BucketState(policy, True, remaining, spent_seconds, 0.0)

    def _forget_full(self, now_seconds: float) -> None:
        """Forgets buckets that are full again, two at most, those first that were used least recently: a full one is
        as good as none, and one request seldom empties a bucket for long."""
        buckets = self._full_at
        for oldest in list(itertools.islice(buckets, 2)):
            if buckets[oldest] > now_seconds:
                break
            del buckets[oldest]

    def has_one(self, key: Hashable, now_seconds: float) -> bool:
        """Whether `take` would be allowed."""
        spent_seconds = max(self._full_at.get(key, now_seconds) - now_seconds, 0.0)
        return spent_seconds + self.policy.step_seconds <= self.policy.window_seconds + ROUNDING_SECONDS

    def __len__(self) -> int:
        return len(self._full_at)


def headers(standings: Iterable[BucketState]) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): quota `q` in `w` seconds; `r` remain,
    and all of them again in `t` seconds."""
    policies: list[str] = []
    states: list[str] = []
    for standing in standings:
        policy = standing.policy
        policies.append(f'"{policy.name}";q={policy.quota};w={math.ceil(policy.window_seconds)}')
        states.append(f'"{policy.name}";r={standing.remaining};t={math.ceil(standing.full_in_seconds)}')
    if not policies:
        return []
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]
