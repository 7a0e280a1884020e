"""Payment providers: what each must be able to do, and which there are.

A new provider is a class that satisfies `Provider` and a line in `PROVIDERS`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.payments.providers.test import HttpTestProvider
from booking_api.payments.refund_schemas import RefundOutcome, RefundTry, RefundUpdate
from booking_api.payments.schemas import IntentCharge, IntentUpdate, Outcome


class Provider(Protocol):
    """One payment provider.

    Each call is bounded in time and raises nothing for a failure of the network or the provider: what isn't known is
    an outcome that wasn't `answered`. Each call is idempotent by our id, however often and however late it comes.
    """

    is_test: bool
    """Whether no real money moves through it: then it doesn't exist for live organisations."""

    def is_offered(self, settings: Settings) -> bool:
        """Whether this installation can reach the provider."""
        ...

    async def charge(self, runtime: Runtime, charge: IntentCharge) -> Outcome:
        """Charges, or answers what became of the charge with this id before."""
        ...

    async def find(self, runtime: Runtime, charge: IntentCharge) -> Outcome | None:
        """What became of a charge. None when the provider is sure that it never heard of it."""
        ...

    async def cancel(self, runtime: Runtime, charge: IntentCharge) -> Outcome:
        """Makes sure that the id is never charged. `cancelled` confirms it; `succeeded` says that it came too late."""
        ...

    async def refund(self, runtime: Runtime, attempt: RefundTry) -> RefundOutcome:
        """Gives back a part of a charge, once for each try's key. `failed` is the provider's word on that key, and it
        isn't given back by it once more; `succeeded` may still be returned by a bank."""
        ...

    async def find_refund(self, runtime: Runtime, attempt: RefundTry) -> RefundOutcome | None:
        """What became of a try; `processing` where nobody says. None when the provider never heard of it."""
        ...

    def read_webhook(
        self, runtime: Runtime, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> IntentUpdate | RefundUpdate | None:
        """A message of the provider; None when it isn't about a charge or refund of ours. Raises `WebhookForged`."""
        ...


PROVIDERS: dict[str, Provider] = {"test": HttpTestProvider()}
"""Payment method → its provider. `on_site` has none: nothing is charged."""


def provider_of(method: str, settings: Settings) -> Provider | None:
    """The provider behind a method, if this installation can reach it."""
    provider = PROVIDERS.get(method)
    return provider if provider is not None and provider.is_offered(settings) else None


def offered_methods(settings: Settings, *, live: bool) -> list[str]:
    """The methods by which an organisation may be paid at once; a test provider's are never a live one's."""
    return [
        method
        for method, provider in PROVIDERS.items()
        if provider.is_offered(settings) and not (live and provider.is_test)
    ]
