"""The verbs of upkeep that need no more than a connection."""

import asyncpg

from booking_api.core.db import Connection
from booking_api.core.db.migrations import latest_migration
from booking_api.upkeep import queries


async def schema_is_current(db: Connection) -> bool:
    """Whether every migration that this program brings was applied. A newer schema is fine: it may only have grown."""
    try:
        version = await queries.schema_version(db)
    except asyncpg.UndefinedTableError:
        return False
    return version is not None and version >= latest_migration()
