"""Replaying the migrations gives the schema that is checked in."""

import asyncpg
import pytest

from tests.contract.dump_schema import MAJOR, SCHEMA, dump


async def test_replayed_migrations_are_the_schema(database_url):
    connection = await asyncpg.connect(database_url)
    version = str(connection.get_server_version().major)
    await connection.close()
    if version != MAJOR:
        pytest.skip(f"pg_dump words a schema differently on each version; {SCHEMA.name} is that of {MAJOR}")
    assert dump(database_url) == SCHEMA.read_text(encoding="utf-8"), "run `python -m tests.contract.dump_schema`"
