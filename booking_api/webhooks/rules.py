"""Decisions about deliveries: how often and when one is tried, what an answer means, when an endpoint is paused."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from booking_api.payments.webhooks import ID, SIGNATURE, TIMESTAMP, sign
from booking_api.webhooks.delivery_schemas import DeliveryRow
from booking_api.webhooks.schemas import EndpointRow

KEPT: Final = timedelta(days=30)
"""How long what an endpoint should hear waits for it, and can be sent again: as long as events are kept."""
GIVES_UP_AFTER: Final = timedelta(days=3)
_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 72_000, 86_400)
PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in _SECONDS)
"""After each try but the last: three days in all."""
JITTER: Final = 0.1
STRUGGLING: Final = 5
"""After so many failures in a row an endpoint is only probed, with one delivery at a time."""
LONGEST_PROBE_PAUSE: Final = timedelta(minutes=5)
LONGEST_RETRY_AFTER: Final = timedelta(days=1)
GONE: Final = 410
AT_ONCE, PROBE = 5, 1
"""Deliveries to one endpoint under way in one process."""

Because = Literal["failing", "gone"]


class Tried(NamedTuple):
    """What came of a try: a status, or why there was none."""

    status: int | None
    failure: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Treatment(NamedTuple):
    """What becomes of a delivery that failed, and of its endpoint."""

    due_at: datetime | None
    """When it is tried again; None: it is given up."""
    probe_at: datetime | None
    """Before this the endpoint isn't tried at all."""
    pause: Because | None


def jittered(pause: timedelta, chance: float) -> timedelta:
    """A pause that isn't everybody's; `chance` is from 0 to 1."""
    return pause * (1 - JITTER + 2 * JITTER * chance)


def judge(endpoint: EndpointRow, delivery: DeliveryRow, outcome: Tried, now: datetime, chance: float) -> Treatment:
    """What follows from a failed try. `endpoint` counts it already.

    A delivery that was tried for three days is given up where the endpoint took others meanwhile; where it took none,
    it is the endpoint that fails: it is paused, and everything waits.
    """
    since = endpoint.failing_since or now
    probe_at = _probe_at(endpoint.failures, now, chance)
    left = delivery.tries <= len(PAUSES)
    pause = PAUSES[delivery.tries - 1] if left else PAUSES[-1]
    due_at = now + max(jittered(pause, chance), min(outcome.retry_after or timedelta(), LONGEST_RETRY_AFTER))
    if outcome.status == GONE:
        return Treatment(due_at, probe_at, "gone")
    if now - since >= GIVES_UP_AFTER or (not left and not _took_others(endpoint, delivery)):
        return Treatment(due_at, probe_at, "failing")
    return Treatment(due_at if left else None, probe_at, None)


def _took_others(endpoint: EndpointRow, delivery: DeliveryRow) -> bool:
    first = delivery.first_failed_at
    return endpoint.succeeded_at is not None and first is not None and endpoint.succeeded_at > first


def _probe_at(failures: int, now: datetime, chance: float) -> datetime | None:
    if failures < STRUGGLING:
        return None
    pause = timedelta(seconds=5) * 2 ** min(failures - STRUGGLING, 10)
    return now + jittered(min(pause, LONGEST_PROBE_PAUSE), chance)


def is_struggling(failures: int) -> bool:
    return failures >= STRUGGLING


def read_retry_after(value: str | None) -> timedelta | None:
    """`Retry-After` in seconds; its other form, a date, says nothing to a clock that may differ."""
    return timedelta(seconds=int(value)) if value and value.isascii() and value.isdecimal() and len(value) < 8 else None


def headers_of(secrets: list[bytes], message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a signed webhook: a signature with each secret that is valid."""
    seconds = int(now.timestamp())
    signatures = " ".join(sign(secret, message_id, seconds, body) for secret in secrets)
    return {ID: message_id, TIMESTAMP: str(seconds), SIGNATURE: signatures}


def actions_of(status: str) -> list[str]:
    """What can be done with an endpoint next."""
    return ["edit", "rotate_secret", "replay", *(["test", "pause"] if status == "active" else ["resume"]), "delete"]
