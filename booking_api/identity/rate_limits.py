"""Which limits a caller is held to, and the address that a request came from."""

import dataclasses
import math
import time
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

from booking_api.core.context import Caller
from booking_api.core.errors import RateLimited
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.core.web.buckets import BucketState, Limiter, Policy, headers

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
RECOVERIES_EACH = 3
RECOVERY_WINDOW_SECONDS = 600.0
"""So often a client asks for one booking under one address in this time. Nobody else's asking counts against it; how
many codes are sent at most is decided where they are sent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The limiters of one process; None where a setting of 0 sets no limit."""

    subject: Limiter | None
    key: Limiter | None
    secret_key: Limiter | None
    address: Limiter | None
    failure: Limiter | None
    code: Limiter | None
    recovery: Limiter | None
    anonymous: Limiter | None
    webhook: Limiter | None
    own: Limiter
    """Of keys that have a rate of their own, whose policies are theirs."""


def _limiter(name: str, quota: int) -> Limiter | None:
    return Limiter(Policy(name, quota)) if quota > 0 else None


def _make_limits(settings: Settings) -> Limits:
    return Limits(
        subject=_limiter("subject", settings.rate_limit_per_minute),
        key=_limiter("key", settings.key_rate_limit_per_minute),
        secret_key=_limiter("key", settings.secret_key_rate_limit_per_minute),
        address=_limiter("address", settings.address_rate_limit_per_minute),
        failure=_limiter("failures", settings.failure_rate_limit_per_minute),
        code=_limiter("codes", settings.code_rate_limit_per_minute),
        anonymous=_limiter("anonymous", settings.anonymous_rate_limit_per_minute),
        webhook=_limiter("webhooks", settings.webhook_rate_limit_per_minute),
        own=Limiter(Policy("key", 1)),
        recovery=Limiter(Policy("recoveries", RECOVERIES_EACH, RECOVERY_WINDOW_SECONDS)),
    )


LIMITS = PerProcess(_make_limits)


def limits_of(runtime: Runtime) -> Limits:
    return LIMITS.of(runtime.caches, runtime.settings)


def client_address(scope: Any, trusted_proxies: int) -> str:
    """The client's address, behind as many proxies as are ours; of an IPv6 address the /64, which one customer has."""
    peer = scope.get("client")
    address = peer[0] if peer else "unknown"
    if trusted_proxies > 0:
        forwarded = [
            part.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        if forwarded:
            address = _without_port(forwarded[max(0, len(forwarded) - trusted_proxies)])
    if ":" in address:
        try:
            parsed = ip_address(address.strip("[]"))
        except ValueError:
            return address[:64]
        if isinstance(parsed, IPv6Address):
            mapped = parsed.ipv4_mapped
            return str(mapped) if mapped else parsed.exploded[:19]
    return address[:64]


def _without_port(address: str) -> str:
    """Some proxies note the port of the client too, by which each connection would be somebody else."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    head, colon, port = address.rpartition(":")
    return head if colon and ":" not in head and port.isdigit() else address


def hold_to(scope: Any, standings: Iterable[BucketState]) -> None:
    """Notes the standings in the answer's headers. Raises `RateLimited` for the first that refuses."""
    noted = list(standings)
    scope["extra_headers"] = headers(noted)
    for standing in noted:
        if not standing.allowed:
            raise RateLimited(retry_after_seconds=max(1, math.ceil(standing.retry_in_seconds)))


def check_caller(runtime: Runtime, scope: Any, caller: Caller) -> None:
    """Holds a verified caller to their limits: a token's subject; a key, and under a publishable one the address.

    Raises `RateLimited`.
    """
    limits, clock = limits_of(runtime), time.monotonic()
    standings: list[BucketState] = []
    if caller.subject_id is not None:
        if limits.subject is not None:
            standings.append(limits.subject.take(caller.subject_id, clock))
    elif caller.kind == "key":
        _take_of_key(standings, limits, limits.secret_key, caller, clock)
    else:
        # The address first: what it is refused must not use up the key that all phones share.
        if limits.address is not None:
            standings.append(limits.address.take(client_address(scope, runtime.settings.trusted_proxies), clock))
        if all(standing.allowed for standing in standings):
            _take_of_key(standings, limits, limits.key, caller, clock)
    hold_to(scope, standings)


def _take_of_key(
    standings: list[BucketState], limits: Limits, usual: Limiter | None, caller: Caller, clock: float
) -> None:
    """By the key's own rate where it has one, whatever its kind has."""
    binding = caller.binding
    if binding is not None and binding.rate_per_minute is not None:
        standings.append(limits.own.take(caller.credential_id, clock, Policy("key", binding.rate_per_minute)))
    elif usual is not None:
        standings.append(usual.take(caller.credential_id, clock))


def check_anonymous(runtime: Runtime, scope: Any, path: str, method: str) -> None:
    """Counts a call without a credential, by address. Raises `RateLimited`.

    What asks again and again whether the process lives is counted for itself: somebody who reads pages too fast behind
    the same proxy must not make it look dead.
    """
    limits = limits_of(runtime)
    limiter = limits.anonymous if method == "GET" else limits.webhook
    if limiter is not None:
        address = client_address(scope, runtime.settings.trusted_proxies)
        hold_to(scope, [limiter.take((address, path) if path in PROBES else address, time.monotonic())])


def is_guessing(runtime: Runtime, scope: Any) -> bool:
    """Whether an address has sent as many credentials that are none of ours as it may."""
    limiter = limits_of(runtime).failure
    if limiter is None:
        return False
    return not limiter.has_one(client_address(scope, runtime.settings.trusted_proxies), time.monotonic())


def note_failure(runtime: Runtime, scope: Any) -> None:
    """Counts a credential that is none of ours. Raises `RateLimited` once there are too many.

    Only what turned out wrong is counted and refused: a school, a train and a guesser may share one address, and a
    right key or token is never asked where it comes from.
    """
    limiter = limits_of(runtime).failure
    if limiter is not None:
        standing = limiter.take(client_address(scope, runtime.settings.trusted_proxies), time.monotonic())
        if not standing.allowed:
            hold_to(scope, [standing])


def note_wrong_code(runtime: Runtime, scope: Any, caller: Caller) -> None:
    """Counts a code that turned out wrong, by address. Raises `RateLimited`.

    A code has 50 random bits, so that right ones needn't be kept from an address at which somebody guesses. An
    integrator's server is one address for all its customers, and its key names it, so that it isn't counted.
    """
    limiter = limits_of(runtime).code
    if limiter is not None and caller.kind != "key":
        standing = limiter.take(client_address(scope, runtime.settings.trusted_proxies), time.monotonic())
        if not standing.allowed:
            hold_to(scope, [standing])


def check_recovery(runtime: Runtime, scope: Any, *asked: Any) -> None:
    """Counts that a client asks for a code with the same words, whether what they name exists or not.

    Raises `RateLimited`.
    """
    limiter = limits_of(runtime).recovery
    if limiter is not None:
        address = client_address(scope, runtime.settings.trusted_proxies)
        standing = limiter.take((address, *asked), time.monotonic())
        if not standing.allowed:
            hold_to(scope, [standing])
