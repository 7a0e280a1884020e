"""Fresh statistics after many rows came in.

Autovacuum analyses them too, but only after a minute, and until then the planner believes that the tables are empty:
holds on one slot fell to some dozens a second meanwhile.
"""

import asyncpg

from booking_api.core.db import Pool, table_queries
from booking_api.core.log import log
from booking_api.importing.schemas import Summary

MANY = 500
"""From so many written rows on. Fewer change no plan."""
CONNECTION_WAIT_SECONDS = 30


async def analyse_after(pool: Pool, summary: Summary) -> bool:
    """Analyses every table if much was written, outside of any transaction. Whether it was done.

    Each table is sampled, so that it takes seconds however large they are. What was imported stays if it fails.
    """
    if summary.touched < MANY:
        return False
    try:
        async with pool.acquire(timeout=CONNECTION_WAIT_SECONDS) as db:
            await table_queries.analyse(db)  # type: ignore[arg-type]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        log.warning("import.not_analysed", error=type(error).__name__)
        return False
    return True
