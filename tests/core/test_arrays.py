"""Arrays on their way to PostgreSQL, through the driver's short cut for what an array is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from asyncpg.protocol import protocol as driver

from booking_api.core.runtime import Runtime

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)


def test_the_driver_still_looks_where_the_short_cut_is():
    assert driver.IterableABC == (list, tuple)
    assert {"SizedABC", "MappingABC"} <= set(vars(driver)), "the driver has changed how it looks at arrays"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", [UUID(int=1), None, UUID(int=2**128 - 1)]),
        ("text", ["", "a", None, "[]", "{a,b}", "Zürich"]),
        ("bytea", [b"", b"\x00", None]),
        ("int", [1, None, -(2**31)]),
        ("bool", [True, None, False]),
        ("timestamptz", [NOW, None]),
        ("jsonb", [{"a": [1, {"b": None}]}, {}, None, "text", 5]),
        ("text", []),
        ("text", [None, None]),
        ("int", [[1, 2], [3, 4]]),
    ],
)
async def test_arrays_arrive_as_they_were_sent(runtime: Runtime, kind: str, values: list[Any]):
    async with runtime.pool.acquire() as db:
        assert await db.fetchval(f"select $1::{kind}[]", values) == values
        if not isinstance(next(iter(values), None), list):
            assert await db.fetchval(f"select $1::{kind}[]", tuple(values)) == values


async def test_what_is_no_array_is_refused(runtime: Runtime):
    async with runtime.pool.acquire() as db:
        for wrong in ("abc", b"abc", {"a": 1}, 5, {1, 2}):
            with pytest.raises(Exception, match="a sized iterable container expected"):
                await db.fetchval("select $1::text[]", wrong)
