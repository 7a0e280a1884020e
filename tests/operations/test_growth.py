"""Tables that are written to for ever and must not grow for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

from booking_api.core.db import queries
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.upkeep import jobs as upkeep
from booking_api.upkeep.rules import ANSWERS_KEPT

A_DAY, DAYS = 3_000, 8


async def add_keys(db: Any, count: int, at: datetime) -> None:
    """Answered keys with bodies of a usual length, as the requests of one day leave them."""
    await db.execute(
        """
        insert into idempotency_key (org_id, credential_id, key_hash, fingerprint, status, body, created_at)
        select $1::uuid, $1, sha256(convert_to($1::uuid::text || n::text, 'UTF8')), 'f', 201, convert_to(repeat(n::text, 300), 'UTF8'), $3
        from generate_series(1, $2::int) as n
        """,
        new_id(), count, at,
    )  # fmt: skip


async def size(db: Any) -> int:
    """Pages of the table with its indexes and long values."""
    return await db.fetchval("select pg_total_relation_size('idempotency_key') / 8192")


async def test_idempotency_keys_take_the_room_of_two_days_for_ever(runtime: Runtime):
    """Deleted in batches, and what autovacuum does in between; their uniqueness is never given up."""
    sizes: list[int] = []
    async with runtime.pool.acquire() as db:
        for day in range(DAYS):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
            await add_keys(db, A_DAY, at)
            while await queries.delete_answers(db, at + timedelta(hours=1) - ANSWERS_KEPT, upkeep.BATCH):
                pass
            await db.execute("vacuum idempotency_key")
            sizes.append(await size(db))
        assert await db.fetchval("select count(*) from idempotency_key") == 2 * A_DAY
    # Three days at most before the oldest is deleted, and pages that aren't full; without deletion it would be eight.
    assert max(sizes) <= 2 * sizes[1], sizes


async def test_the_job_deletes_every_old_key_and_no_other(runtime: Runtime):
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db:
        await add_keys(db, 2 * upkeep.BATCH + 1, now - timedelta(hours=49))
        await add_keys(db, 7, now - timedelta(hours=47))
        assert [await upkeep.delete_old_answers(runtime) for _ in range(4)] == [upkeep.BATCH, upkeep.BATCH, 1, 0]
        assert await db.fetchval("select count(*) from idempotency_key") == 7


async def test_what_is_hot_is_vacuumed_early(runtime: Runtime):
    """At two hundredths of the table at most, whatever the server's own settings are."""
    hot = {
        "slot",
        "quota",
        "claim",
        "seat_claim",
        "booking_order",
        "booking",
        "item",
        "idempotency_key",
        "pgqueuer",
        "event_rest",
    }
    async with runtime.pool.acquire() as db:
        await upkeep.keep_event_partitions(runtime)
        rows = await db.fetch(
            "select relname, reloptions from pg_class where relkind = 'r' and (relname = any($1) or relname ~ '^event_2')",
            sorted(hot),
        )
    options = {row["relname"]: dict(option.split("=") for option in row["reloptions"] or ()) for row in rows}
    assert hot < set(options)
    assert all(float(found["autovacuum_vacuum_scale_factor"]) <= 0.02 for found in options.values()), options
