"""Upkeep of the gate's records."""

from datetime import timedelta

from booking_api.checkin import queries
from booking_api.core.clock import utc_now
from booking_api.core.runtime import Runtime, acquire

ANSWERS_KEPT = timedelta(days=2)
"""How long the full answer of a scan can be had again with its nonce; after that its verdict alone."""
BATCH = 200


async def sweep_scan_answers(runtime: Runtime) -> int:
    """Erases the stored answers of old scans, which hold names; how many there were."""
    async with acquire(runtime) as db:
        return await queries.erase_answers(db, utc_now() - ANSWERS_KEPT, BATCH)
