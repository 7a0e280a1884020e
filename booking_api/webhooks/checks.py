"""What the doctor asks of webhooks."""

from collections.abc import AsyncIterator
from datetime import timedelta

from booking_api.core.checks import SHOWN, Check, Examined, Finding
from booking_api.webhooks import queries

LONG = timedelta(hours=1)


async def _failing(examined: Examined) -> AsyncIterator[Finding]:
    """Whether organisations' servers take what is sent to them."""
    found = await queries.list_failing(examined.db, examined.now - LONG, SHOWN + 1)
    if found:
        yield Finding(
            "webhooks", "Webhooks are paused or failing: their receivers take nothing.",
            "Look at `GET /v1/webhooks/{id}/deliveries`, mend the receiver, and resume the webhook; what waits is kept "
            "for 30 days.",
            [f"webhook {one.id} (organisation {one.org_id}): {one.paused_because or 'failing'}" for one in found[:SHOWN]],
        )  # fmt: skip


async def _secrets(examined: Examined) -> AsyncIterator[Finding]:
    """Whether the secrets of webhooks can be read, and whether a change of the master secret was finished."""
    if examined.vault is None:
        return
    vault = examined.vault
    sealed = [
        one for row in await queries.list_sealed_secrets(examined.db, None)
        for one in (row.secret_sealed, row.previous_sealed) if one is not None
    ]  # fmt: skip
    if unreadable := sum(not vault.can_open(one) for one in sealed):
        yield Finding(
            "webhook secrets", f"{unreadable} secrets of webhooks can't be read with the configured secrets.",
            "Add what they were encrypted with to BOOKING_PREVIOUS_SECRET_KEYS, or change them with "
            "`POST /v1/webhooks/{id}/secret`.",
        )  # fmt: skip
    if stale := sum(vault.can_open(one) and vault.reseal(one) is not None for one in sealed):
        yield Finding(
            "webhook secrets", f"{stale} secrets of webhooks are still encrypted with a previous secret.",
            "Run `booking-api secret rotate` before that leaves BOOKING_PREVIOUS_SECRET_KEYS.",
        )  # fmt: skip


CHECKS = [Check("webhooks", _failing), Check("webhook secrets", _secrets)]
