"""Small steps that the tests of imports share."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest
from tests.demo.excerpts import CHECKED_IN, Record, read_csv, write_csv
from tests.world import World

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def copy_flights(target: Path) -> list[Record]:
    """The checked-in folder, to be changed; its flights."""
    shutil.copytree(CHECKED_IN, target, dirs_exist_ok=True)
    return read_csv(target / "flights.csv")


def save_flights(target: Path, records: list[Record]) -> None:
    write_csv(target / "flights.csv", records)


async def rows(world: World, sql: str, *args: Any) -> list[Any]:
    async with world.runtime.pool.acquire() as db:
        return await db.fetch(sql, world.org.org_id, *args)


async def slots_by_code(world: World, pattern: str = "%") -> dict[str, Any]:
    found = await rows(world, "select * from slot where org_id = $1 and code like $2", pattern)
    return {row["code"]: row for row in found}


async def take(world: World, slot_id: UUID, option_id: UUID, places: int) -> UUID:
    claim_id = new_id()
    async with world.runtime.pool.acquire() as db, db.transaction():
        outcome = await inventory.take(
            db, world.org.org_id,  # type: ignore[arg-type]
            [ClaimRequest(id=claim_id, slot_id=slot_id, option_id=option_id, holder_id=new_id(), places=places,
                          quota_places=places, expires_at=NOW + timedelta(minutes=10))],
            NOW,
        )  # fmt: skip
    assert [taken.ok for taken in outcome] == [True]
    return claim_id
