"""What the doctor asks of payments and refunds."""

from collections.abc import AsyncIterator
from datetime import timedelta

from booking_api.core.checks import SHOWN, Check, Examined, Finding, shown, suspects
from booking_api.payments import check_queries
from booking_api.payments.providers import PROVIDERS

RECONCILED_WITHIN = timedelta(minutes=15)
UNDECIDED_FOR = timedelta(days=1)
"""How long a provider may leave open whether it has charged what it was asked to cancel."""


async def _live(examined: Examined) -> AsyncIterator[Finding]:
    """Whether play money could be taken for real: it can't, but whoever set it up that way expects something else."""
    if examined.settings.test_provider_url and (live := await check_queries.list_live(examined.db, SHOWN + 1)):
        yield Finding(
            "live", "The test provider is set up, and there are live organisations, for which it doesn't exist.",
            "Unset BOOKING_TEST_PROVIDER_URL, or try things out in an installation of their own.",
            [f"{one.name} (organisation {one.org_id})" for one in live[:SHOWN]],
        )  # fmt: skip
    providers = [name for name, provider in PROVIDERS.items() if provider.is_test]
    if found := await check_queries.suspects_test_money(examined.db, providers, SHOWN + 1):
        yield Finding(
            "live", "Orders of live organisations were paid with a test provider's money.",
            "Cancel them or have them paid on site; see whose organisation became a live one, and when.",
            shown(found),
        )  # fmt: skip


CHECKS = [
    Check("live", _live),
    suspects(
        "reconciliation", "Payments or refunds wait for somebody to look after them.",
        "Start the worker and look at its log. Refunds that failed are in `GET /v1/refunds?status=failed`, for staff.",
        lambda examined, limit: check_queries.suspects_payments(
            examined.db, examined.now - RECONCILED_WITHIN, examined.now - UNDECIDED_FOR, limit
        ),
    ),
]  # fmt: skip
