"""Asking providers about payments: over the network, and so outside of any transaction.

All of it may be repeated and run twice at once. What is heard is recorded by `operations.record_outcome`.
"""

from typing import cast
from uuid import UUID

from booking_api.core.errors import NotFound
from booking_api.core.log import log
from booking_api.core.runtime import Runtime, acquire
from booking_api.payments import asking_queries, rules
from booking_api.payments.providers import PROVIDERS, Provider
from booking_api.payments.schemas import UNANSWERED, IntentCharge, Outcome, OutcomeStatus
from booking_api.payments.waiting import first_outcome


async def call_provider(runtime: Runtime, org_id: UUID, intent_id: UUID) -> Outcome:
    """Asks the provider to charge the intent, or what became of it. No transaction may be open meanwhile.

    May be repeated and run twice at once: the intent's id is the idempotency key. Failures and time-outs are an
    outcome `processing`, which the reconciler finishes. What a webhook says meanwhile is the answer as well, so that
    nobody waits for a provider that has spoken. Raises `NotFound`, and `Overloaded` without a database.
    """
    async with acquire(runtime) as db:
        charge = await asking_queries.find_charge(db, org_id, intent_id)
    if charge is None:
        raise NotFound("There is no such payment.")
    if charge.status in rules.SETTLED:
        return _known(charge)
    return await first_outcome(runtime, charge, ask_provider(runtime, charge))


async def call_off(runtime: Runtime, org_id: UUID, intent_id: UUID) -> Outcome:
    """Asks the provider never to charge an intent. No transaction may be open meanwhile. May be repeated.

    `succeeded` says that it comes too late, `processing` that nobody knows. Raises what `call_provider` does.
    """
    async with acquire(runtime) as db:
        charge = await asking_queries.find_charge(db, org_id, intent_id)
    if charge is None:
        raise NotFound("There is no such payment.")
    return _known(charge) if charge.status in rules.SETTLED else await cancel_at_provider(runtime, charge)


async def ask_provider(runtime: Runtime, charge: IntentCharge) -> Outcome:
    """Charges a new intent; asks what became of an older one, and charges it only if the provider never heard of it.

    A provider forgets an idempotency key after a day or so, and so an old charge is looked up before it is repeated.
    """
    if charge.status in rules.SETTLED:
        return _known(charge)
    provider = _provider_for(runtime, charge)
    if isinstance(provider, Outcome):
        return provider
    if charge.status != "created" and (found := await provider.find(runtime, charge)) is not None:
        return found
    return await provider.charge(runtime, charge)


async def cancel_at_provider(runtime: Runtime, charge: IntentCharge) -> Outcome:
    """Gives an intent up: `cancelled` only once the provider confirms that it never charges it."""
    provider = _provider_for(runtime, charge)
    return provider if isinstance(provider, Outcome) else await provider.cancel(runtime, charge)


def _known(charge: IntentCharge) -> Outcome:
    """What is known of a settled intent."""
    return Outcome(
        status=cast("OutcomeStatus", charge.status), provider_reference=charge.provider_reference,
        error_code=charge.error_code,
    )  # fmt: skip


def _provider_for(runtime: Runtime, charge: IntentCharge) -> Provider | Outcome:
    """The provider that charges, or what is known without one."""
    provider = PROVIDERS.get(charge.provider)
    if charge.live and provider is not None and provider.is_test:
        # Whatever the test provider says, no money moves for a live organisation, and nothing is sold for it.
        log.error("payment.test_for_live", org_id=str(charge.org_id), intent_id=str(charge.id))
        return Outcome(status="cancelled", error_code="cancelled")
    if provider is None or not provider.is_offered(runtime.settings):
        log.warning("payment.provider_missing", provider=charge.provider, intent_id=str(charge.id))
        return UNANSWERED
    return provider
