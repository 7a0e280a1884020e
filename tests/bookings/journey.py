"""Steps of the journey that several tests walk."""

from typing import Any
from uuid import UUID

import httpx

from tests.world import Headers, World, bearer

CONTACT = {"name": "Ada Lovelace", "email": "ada@example.org", "phone": "+49301234567"}


def party(world: World, *units: str, slot: UUID | None = None, option: str = "flex", **more: Any) -> dict[str, Any]:
    """A new booking of the flight for these units, each with a name."""
    return {
        "slot_id": str(slot or world.flight_slots[0]),
        "option_id": str(world.option(world.flight, option)),
        "items": [{"unit": unit, "name": f"Passenger {n}"} for n, unit in enumerate(units, start=1)],
        **more,
    }


def visit(world: World, *units: str, slot: UUID | None = None, **more: Any) -> dict[str, Any]:
    """A new booking of the tower for these units."""
    return {
        "slot_id": str(slot or world.tower_slots[0]),
        "option_id": str(world.option(world.tower, "standard")),
        "items": [{"unit": unit} for unit in units],
        **more,
    }


async def hold(api: httpx.AsyncClient, headers: Headers, wish: dict[str, Any]) -> dict[str, Any]:
    """Holds one booking; the answer with its tokens."""
    answer = await api.post("/v1/bookings", json=wish, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def owner_of(booking: dict[str, Any]) -> Headers:
    """The headers of the customer whom an answer made."""
    return bearer(booking["access_token"])


async def confirm(
    api: httpx.AsyncClient, headers: Headers, booking: dict[str, Any], method: str = "on_site", **payment: Any
) -> dict[str, Any]:
    answer = await api.post(
        f"/v1/bookings/{booking['id']}/confirm", headers=headers,
        json={"contact": CONTACT, "payment": {"method": method, **payment}},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


async def taken(world: World, slot_id: UUID) -> tuple[int, int, int]:
    """What the slot says is taken, the sum of its live claims, and the number of seats given out."""
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow(
            """
            select s.taken, coalesce((select sum(c.places) from claim c where c.org_id = s.org_id and c.slot_id = s.id), 0)::int as claimed,
              (select count(*) from seat_claim k where k.org_id = s.org_id and k.slot_id = s.id)::int as seated
            from slot s where s.org_id = $1 and s.id = $2
            """,
            world.org.org_id, slot_id,
        )  # fmt: skip
    return row["taken"], row["claimed"], row["seated"]


async def end_hold(world: World, order_id: str) -> None:
    """Lets a hold's time be over, without waiting for it."""
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking_order set expires_at = expires_at - interval '1 day', unpaid_until = unpaid_until - interval '1 day' "
            "where org_id = $1 and id = $2",
            world.org.org_id, UUID(order_id),
        )  # fmt: skip
        await db.execute(
            "update claim set expires_at = expires_at - interval '1 day' where org_id = $1 and id in "
            "(select id from booking where org_id = $1 and order_id = $2)",
            world.org.org_id, UUID(order_id),
        )  # fmt: skip
