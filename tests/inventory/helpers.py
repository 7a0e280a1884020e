"""Slots taken and parties gathered, without going through bookings."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec

from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest
from tests.world import Headers, World


async def take(
    world: World, slot_id: UUID, option_id: UUID, places: int, *, holder: UUID | None = None,
    seconds: int | None = 600, now: datetime | None = None,
) -> UUID:  # fmt: skip
    """Takes places for somebody; `seconds` may be negative for a hold that ended and isn't swept yet."""
    now = now or datetime.now(UTC)
    claim = ClaimRequest(
        id=new_id(), slot_id=slot_id, option_id=option_id, holder_id=holder or new_id(), places=places,
        quota_places=places, expires_at=None if seconds is None else now + timedelta(seconds=seconds),
    )  # fmt: skip
    async with world.runtime.pool.acquire() as db, db.transaction():
        outcomes = await inventory.take(db, world.org.org_id, [claim], now)
    assert outcomes[0].ok
    return claim.id


async def change_slot(world: World, slot_id: UUID, **values: object) -> None:
    async with world.runtime.pool.acquire() as db:
        for name, value in values.items():
            await db.execute(
                f"update slot set {name} = $3 where org_id = $1 and id = $2", world.org.org_id, slot_id, value
            )


async def patch_slot(
    api: httpx.AsyncClient, headers: Headers, slot_id: UUID | str, code: int = 200, **change: Any
) -> dict[str, Any]:
    """Changes a slot as staff and integrators do; the answer."""
    body = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in change.items()}
    answer = await api.patch(f"/v1/slots/{slot_id}", json=body, headers=headers)
    assert answer.status_code == code, answer.text
    return answer.json()


def delay(starts_at: datetime, **more: Any) -> dict[str, Any]:
    """A delay as requests say it."""
    return {"estimated_starts_at": starts_at.isoformat(), **more}


async def slot_row(world: World, slot_id: UUID) -> Any:
    async with world.runtime.pool.acquire() as db:
        return await db.fetchrow("select * from slot where org_id = $1 and id = $2", world.org.org_id, slot_id)


async def news_of(world: World, slot_id: UUID) -> list[StoredEvent]:
    """The events about a slot, in order."""
    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch(
            "select org_id, id, type, subject_id, data, created_at from event where org_id = $1 and subject_id = $2 order by id",
            world.org.org_id, slot_id,
        )  # fmt: skip
    return [msgspec.convert(dict(row), StoredEvent) for row in rows]
