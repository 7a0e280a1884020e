"""Background work of identity."""

from datetime import timedelta

from booking_api.core.clock import utc_now
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import session_queries

BATCH = 200
KEPT = timedelta(days=1)
"""How long a spent code and a message in the mailbox are kept, for whoever is asked why it didn't work."""


async def sweep_credentials(runtime: Runtime) -> int:
    """Deletes one batch each of expired codes, of old messages, and of sessions that no token can belong to any more."""
    now = utc_now()
    sessions_before = now - timedelta(days=runtime.settings.refresh_token_days) - KEPT
    async with acquire(runtime) as db:
        deleted = await session_queries.delete_old_codes(db, now - KEPT, BATCH)
        deleted += await session_queries.delete_old_mail(db, now - KEPT, BATCH)
        deleted += await session_queries.delete_old_sessions(db, sessions_before, BATCH)
    return deleted
