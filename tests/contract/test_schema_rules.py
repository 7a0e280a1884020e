"""The rules of docs/adr/0001 that let the schema be distributed by organisation, read from the catalogue."""

import asyncpg
import pytest

from tests.contract.test_queries import INSTALLATION_TABLES


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
    return {row[0] for row in await catalogue.fetch(sql, sorted(INSTALLATION_TABLES))}


async def test_each_table_carries_its_organisation(catalogue):
    assert (
        await names(
            catalogue,
            f"""
        select t.relname {OURS} and not exists (
          select from pg_attribute a
          where a.attrelid = t.oid and a.attname = 'org_id' and a.attnotnull and a.atttypid = 'uuid'::regtype
        )
        """,
        )
        == set()
    )


async def test_each_table_has_a_primary_key(catalogue):
    assert (
        await names(
            catalogue,
            f"select t.relname {OURS} and not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)",
        )
        == set()
    )


async def test_the_organisation_leads_every_unique_index(catalogue):
    assert (
        await names(
            catalogue,
            f"""
        select i.indexrelid::regclass::text
        from pg_index i
        where i.indisunique and i.indrelid in (select t.oid {OURS})
          and (select attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]) is distinct from 'org_id'
        """,
        )
        == set()
    )


async def test_the_organisation_leads_every_foreign_key_and_none_is_set_null(catalogue):
    assert (
        await names(
            catalogue,
            f"""
        select c.conname
        from pg_constraint c
        where c.contype = 'f' and c.conrelid in (select t.oid {OURS})
          and (
            (select attname from pg_attribute a where a.attrelid = c.conrelid and a.attnum = c.conkey[1]) <> 'org_id'
            or (select attname from pg_attribute a where a.attrelid = c.confrelid and a.attnum = c.confkey[1]) <> 'org_id'
            or c.confdeltype in ('n', 'd') or c.confupdtype <> 'a'
          )
        """,
        )
        == set()
    )


async def test_there_are_no_triggers(catalogue):
    assert (
        await names(
            catalogue, f"select tgname from pg_trigger where not tgisinternal and tgrelid in (select t.oid {OURS})"
        )
        == set()
    )


async def test_no_column_fills_itself(catalogue):
    """Times and ids are arguments, so that everything in one request happens at one moment."""
    assert (
        await names(
            catalogue,
            f"""
        select t.relname || '.' || a.attname
        from pg_attribute a
        join (select t.oid, t.relname {OURS}) t on t.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attnum > 0 and (
          a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~* '(now|timestamp|random_uuid|uuidv)'
        )
        """,
        )
        == set()
    )


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
