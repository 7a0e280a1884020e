"""What the query planner knows: tables that have just begun to fill are analysed at once.

A prepared statement keeps the plan that it got on an empty table, and so do the checks of foreign keys. There every
index that begins with `org_id` costs the same, and a plan may settle for one that reads all of an organisation: the more
comes in, the slower everything gets, until autovacuum looks, a minute after the first rows at the latest, and everything
is planned anew. A sale that begins in that minute would be ten times slower (docs/adr/0032).
"""

from booking_api.core.db import Connection, table_queries

ENOUGH_ROWS = 100
"""From here on the statistics of a table say which index is the right one."""


async def analyse_new_tables(db: Connection) -> int:
    """Analyses the tables of ours that have rows and were never analysed; how many there were.

    Later on autovacuum is soon enough. A table that somebody else works on is left for the next time.
    """
    names = await table_queries.list_new_tables(db, ENOUGH_ROWS)
    for name in names:
        await db.execute(f"analyze (skip_locked) {name}")
    return len(names)
