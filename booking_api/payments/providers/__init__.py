"""Payment providers: what each must be able to do, and which there are.

A new provider is a class that satisfies `Provider` and a line in `PROVIDERS`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from booking_api.core.runtime import Runtime
from booking_api.core.settings import Settings
from booking_api.payments.providers.test import HttpTestProvider
from booking_api.payments.schemas import Charge, Outcome, RefundOutcome, RefundRow, WebhookNews


class Provider(Protocol):
    """One payment provider.

    Each call is bounded in time and raises nothing for a failure of the network or the provider: what isn't known is
    an outcome that wasn't `answered`. Each call is idempotent by our id, however often and however late it comes.
    """

    def is_offered(self, settings: Settings) -> bool:
        """Whether this installation can reach the provider."""
        ...

    async def charge(self, runtime: Runtime, charge: Charge) -> Outcome:
        """Charges, or answers what became of the charge with this id before."""
        ...

    async def find(self, runtime: Runtime, charge: Charge) -> Outcome | None:
        """What became of a charge. None when the provider is sure that it never heard of it."""
        ...

    async def cancel(self, runtime: Runtime, charge: Charge) -> Outcome:
        """Makes sure that the id is never charged. `cancelled` confirms it; `succeeded` says that it came too late."""
        ...

    async def refund(self, runtime: Runtime, refund: RefundRow) -> RefundOutcome:
        """Gives back a part of a charge, once for each refund's id."""
        ...

    def read_webhook(
        self, runtime: Runtime, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookNews | None:
        """A message of the provider; None when it isn't about a charge of ours. Raises `WebhookForged`."""
        ...


PROVIDERS: dict[str, Provider] = {"test": HttpTestProvider()}
"""Payment method → its provider. `on_site` has none: nothing is charged."""
