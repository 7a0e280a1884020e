"""How the schema is written, read from the catalogue. What distribution asks of it stands in `test_distribution.py`."""

import asyncpg
import pytest

from booking_api.run.distribution.rules import LOCAL


@pytest.fixture
async def catalogue(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


OURS = """
  from pg_class t join pg_namespace n on n.oid = t.relnamespace
  where n.nspname = 'public' and t.relkind in ('r', 'p') and not t.relname = any($1::text[])
"""


async def names(catalogue, sql: str) -> set[str]:
    return {row[0] for row in await catalogue.fetch(sql, sorted(LOCAL))}


async def test_each_check_has_a_name_of_its_own(catalogue):
    """A refusal is found by the name of the constraint, so that a generated one tells nothing."""
    assert (
        await names(
            catalogue,
            f"""
        select c.conname from pg_constraint c
        where c.contype = 'c' and c.conrelid in (select t.oid {OURS}) and c.conname ~ '_check[0-9]*$'
        """,
        )
        == set()
    )


async def test_no_extension_is_needed(catalogue):
    rows = await catalogue.fetch("select extname from pg_extension")
    assert {row["extname"] for row in rows} <= {"plpgsql"}


async def test_times_have_a_zone_and_texts_no_length(catalogue):
    assert (
        await names(
            catalogue,
            f"""
        select t.relname || '.' || a.attname
        from pg_attribute a
        join (select t.oid, t.relname {OURS}) t on t.oid = a.attrelid
        where a.attnum > 0 and not a.attisdropped
          and a.atttypid in ('timestamp'::regtype, 'timetz'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'money'::regtype, 'json'::regtype)
        """,
        )
        == set()
    )
