"""What the doctor asks of keys, and of codes that have to reach people."""

from collections.abc import AsyncIterator

from booking_api.core.checks import SHOWN, Check, Examined, Finding
from booking_api.identity import queries, resealing
from booking_api.identity.notifier import delivers


async def _live_mail(examined: Examined) -> AsyncIterator[Finding]:
    """Whether customers of live organisations can be sent a code."""
    live = [org.name for org in await queries.list_organisations(examined.db) if org.live]
    if live and not delivers(examined.settings, "email"):
        yield Finding(
            "mail", f"Customers of {len(live)} live organisations can't be sent a code.",
            "Set BOOKING_SMTP_URL and BOOKING_MAIL_FROM: without them nobody can recover a booking.", live[:SHOWN],
        )  # fmt: skip


async def _keys(examined: Examined) -> AsyncIterator[Finding]:
    """Whether each organisation can go on issuing passes, and whether a change of the secret was finished."""
    if examined.vault is None:
        return
    if unreadable := await resealing.unreadable_keys(examined.db, examined.vault):
        yield Finding("keys", resealing.sentence_of(unreadable), resealing.REMEDY)
    if stale := await resealing.stale_keys(examined.db, examined.vault):
        yield Finding(
            "keys", f"{stale} private keys are still encrypted with a previous secret.",
            "Run `booking-api secret rotate` before that leaves BOOKING_PREVIOUS_SECRET_KEYS.",
        )  # fmt: skip


CHECKS = [Check("mail", _live_mail), Check("keys", _keys)]
