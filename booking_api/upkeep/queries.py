"""All SQL of upkeep: what the installation looks like, across organisations."""

from datetime import datetime

from booking_api.core.db import Connection, execute, fetch_one, fetch_value
from booking_api.upkeep.schemas import JobCounts, ServerFacts


async def schema_version(db: Connection) -> str | None:
    """The newest migration that was applied. Raises `asyncpg.UndefinedTableError` where none ever was."""
    return await fetch_value(db, "select max(version) from schema_migrations")


async def schema_versions(db: Connection) -> list[str]:
    """Every migration that was applied."""
    return await fetch_value(db, "select coalesce(array_agg(version::text), '{}') from schema_migrations")


async def server_facts(db: Connection) -> ServerFacts:
    found = await fetch_one(
        db, ServerFacts, "select current_setting('server_version_num')::int as version, clock_timestamp() as clock"
    )
    assert found is not None
    return found


async def count_jobs(db: Connection) -> JobCounts:
    found = await fetch_one(
        db,
        JobCounts,
        """
        select count(*) filter (where status = 'queued')::int as jobs_queued,
               count(*) filter (where status = 'picked')::int as jobs_running,
               count(*) filter (where status = 'failed')::int as jobs_failed
        from pgqueuer
        """,
    )
    assert found is not None
    return found


async def delete_job_log(db: Connection, before: datetime, limit: int) -> int:
    """Deletes the queue's own log older than `before`, at most `limit` lines at a time."""
    return await execute(
        db,
        """
        with due as materialized (
          select id from pgqueuer_log where created < $1 order by created limit $2 for update skip locked
        )
        delete from pgqueuer_log using due where pgqueuer_log.id = due.id
        """,
        before,
        limit,
    )
