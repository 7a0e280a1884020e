"""How the schema is written, read from the catalogue. What distribution asks of it stands in `test_distribution.py`."""

import re

import asyncpg
import pytest

from booking_api.bookings.write_schemas import ChangedBooking
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


async def test_confirming_changes_no_index_of_a_booking(catalogue):
    """A column in an index, or in its condition, makes every change of it write all indexes of the row anew; but not in
    a summary of blocks (since PostgreSQL 16)."""
    changed = {*ChangedBooking.__struct_fields__, "version", "updated_at", "name_words"} - {"id"}
    rare = {"visit_ends_at", "holds_sensitive"}
    """They change with a booking's slot, or when a sensitive answer comes."""
    definitions = await catalogue.fetch(
        "select indexdef from pg_indexes where tablename = 'booking' and indexdef !~ 'USING brin'"
    )
    words = {word for row in definitions for word in re.findall(r"\w+", row["indexdef"].partition(" USING ")[2])}
    assert {"org_id", "decide_by"} <= words
    assert words & (changed - rare) == set()
