"""The SQL of tables themselves: their partitions, and what the planner knows of them."""

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_value


class PartitionRow(msgspec.Struct, frozen=True):
    name: str


async def list_partitions(db: Connection, table: str) -> list[PartitionRow]:
    """The partitions of a table by name, the default one included."""
    return await fetch_all(
        db,
        PartitionRow,
        """
        select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass($1) order by c.relname
        """,
        table,
    )


async def begin_definition(db: Connection, lock: int, lock_timeout: str) -> bool:
    """False if another process is changing definitions; else nothing in this transaction waits long for a lock."""
    return await fetch_value(
        db,
        "select pg_try_advisory_xact_lock($1) and set_config('lock_timeout', $2, true) is not null",
        lock,
        lock_timeout,
    )


async def analyse(db: Connection) -> None:
    """Samples every table for the planner, each in a transaction of its own. Not to be called in one."""
    await execute(db, "analyze")


async def list_new_tables(db: Connection, rows: int) -> list[str]:
    """Tables of ours that have so many rows and were never analysed, by names that SQL can use."""
    return await fetch_value(
        db,
        """
        select coalesce(array_agg(c.oid::regclass::text order by c.oid), '{}')
        from pg_stat_user_tables s join pg_class c on c.oid = s.relid
        where s.last_analyze is null and s.last_autoanalyze is null and s.n_live_tup >= $1
          and pg_has_role(c.relowner, 'usage')
        """,
        rows,
    )
