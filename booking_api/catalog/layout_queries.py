"""The SQL of seat layouts. A layout never changes: another one under its code is the next version, and the newest counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from booking_api.catalog.layout_schemas import LayoutSize, SavedLayout
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.core.db.rows import columns_of


class LayoutLine(msgspec.Struct, frozen=True):
    """A seat layout to be written, `layout` as it is stored."""

    id: UUID
    code: str
    version: int
    seats: int
    layout: dict[str, Any]


async def insert_layouts(db: Connection, org_id: UUID, layouts: Sequence[LayoutLine], now: datetime) -> int:
    """Writes the layouts whose versions are new; the number of those."""
    return await execute(
        db,
        """
        insert into seat_layout (org_id, id, code, version, seats, layout, created_at)
        select $1, given.*, $7
        from unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::jsonb[]) as given (id, code, version, seats, layout)
        order by given.code
        on conflict (org_id, code, version) do nothing
        """,
        org_id, *columns_of(layouts, LayoutLine), now,
    )  # fmt: skip


async def compare_layouts(
    db: Connection, org_id: UUID, codes: Sequence[str], layouts: Sequence[Any]
) -> list[SavedLayout]:
    """The newest layouts of these codes, and whether each has the seats given."""
    return await fetch_all(
        db,
        SavedLayout,
        """
        select l.id, l.code, l.seats, l.version, l.layout = given.layout as same
        from unnest($2::text[], $3::jsonb[]) as given (code, layout)
        cross join lateral (
          select s.id, s.code, s.seats, s.version, s.layout from seat_layout s
          where s.org_id = $1 and s.code = given.code order by s.version desc limit 1
        ) l
        """,
        org_id, codes, layouts,
    )  # fmt: skip


async def find_layouts_by_code(db: Connection, org_id: UUID, codes: Sequence[str]) -> list[LayoutSize]:
    """The newest layouts of these codes."""
    return await fetch_all(
        db,
        LayoutSize,
        """
        select distinct on (code) id, code, seats from seat_layout
        where org_id = $1 and code = any($2::text[]) order by code, version desc
        """,
        org_id,
        codes,
    )


class LayoutState(msgspec.Struct, frozen=True):
    """One version of a seat layout, whole."""

    id: UUID
    code: str
    version: int
    seats: int
    layout: dict[str, Any]
    created_at: datetime


async def find_layout(db: Connection, org_id: UUID, layout_id: UUID | None, code: str | None) -> LayoutState | None:
    """The layout with this id, or else the newest of this code."""
    return await fetch_one(
        db,
        LayoutState,
        """
        select id, code, version, seats, layout, created_at from seat_layout
        where org_id = $1 and (id = $2 or code = $3) order by version desc limit 1
        """,
        org_id,
        layout_id,
        code,
    )


async def list_layouts(db: Connection, org_id: UUID, after_code: str, limit: int) -> list[LayoutState]:
    """The newest layout of each code, in order of the codes."""
    return await fetch_all(
        db,
        LayoutState,
        """
        select distinct on (code) id, code, version, seats, layout, created_at from seat_layout
        where org_id = $1 and code > $2 order by code, version desc limit $3
        """,
        org_id,
        after_code,
        limit,
    )
