"""Bookings put into the database directly, and a device that scans them."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from booking_api.catalog.schemas import ProductDefinition
from booking_api.checkin.operations.scanning import Case, scan_together
from booking_api.core.ids import new_code, new_id
from booking_api.core.queue.together import Turn, run_together
from booking_api.inventory.slot_rules import admission_window
from booking_api.passes import operations as passes
from booking_api.passes.schemas import PassRequest, PassRow
from tests.world import World, add_slot


@dataclasses.dataclass
class Party:
    booking_id: UUID
    reference: str
    slot_id: UUID
    customer_id: UUID
    items: list[UUID]
    codes: list[str]


async def open_slot(
    world: World,
    product: ProductDefinition | None = None,
    *,
    starts: int = -30,
    minutes: int = 60,
    gate: str | None = "North",
) -> UUID:
    """A slot that began `starts` minutes from now (negative: ago); by default the tower's, which admits until its end."""
    async with world.runtime.pool.acquire() as db:
        return await add_slot(
            db,
            world.org.org_id,
            product or world.tower,
            datetime.now(UTC) + timedelta(minutes=starts),
            minutes=minutes,
            gate=gate,
        )


async def reissue(
    world: World, party: Party, *, minutes: tuple[int, int] = (-60, 60), index: int = 0, revoking: bool = True,
    holder: UUID | None = None,
) -> PassRow:  # fmt: skip
    """A new pass for one item, by default on somebody's wish, which makes the code before it worthless."""
    now = datetime.now(UTC)
    request = PassRequest(
        party.items[index],
        party.slot_id,
        holder or party.customer_id,
        now + timedelta(minutes=minutes[0]),
        now + timedelta(minutes=minutes[1]),
    )
    async with world.runtime.pool.acquire() as db, db.transaction():
        return (await passes.issue(world.context(db), [request], revoking=revoking))[0]


async def book(
    world: World, slot_id: UUID, units: tuple[str, ...] = ("adult",), *, product: ProductDefinition | None = None,
    status: str = "confirmed", due_on_site: int = 0, names: tuple[str | None, ...] = (), contact: str | None = "Ada Lovelace",
    passes_too: bool = True,
) -> Party:  # fmt: skip
    product = product or world.tower
    option = product.options[-1]
    now = datetime.now(UTC)
    party = Party(new_id(), new_code(8), slot_id, new_id(), [new_id() for _ in units], [])
    order_id, org_id = new_id(), world.org.org_id
    money = lambda amount: {"amount": amount, "currency": product.currency}  # noqa: E731
    price = {
        "total": money(due_on_site),
        "tax_included": money(0),
        "due_now": money(0),
        "due_on_site": money(due_on_site),
        "lines": [],
    }
    async with world.runtime.pool.acquire() as db, db.transaction():
        await db.execute(
            """insert into booking_order (org_id, id, customer_id, status, hold_limit_at, channel, created_at, updated_at)
               values ($1, $2, $3, $4, $5, 'web', $5, $5)""",
            org_id, order_id, party.customer_id, status, now,
        )  # fmt: skip
        await db.execute(
            """insert into booking (org_id, id, order_id, position, customer_id, reference, slot_id, product_id, product_version,
                 option_id, status, version, contact, price, total, channel, visit_ends_at, created_at, updated_at, changed_xid)
               values ($1, $2, $3, 0, $4, $5, $6, $7, 1, $8, $9, 1, $10, $11, $12, 'web', $13, $13, $13, 0)""",
            org_id, party.booking_id, order_id, party.customer_id, party.reference, slot_id, product.id, option.id, status,
            {"name": contact, "email": "ada@example.org"} if contact else None, price, due_on_site, now,
        )  # fmt: skip
        for position, (unit, item_id) in enumerate(zip(units, party.items, strict=True)):
            await db.execute(
                """insert into item (org_id, id, booking_id, slot_id, position, unit_id, name, status, amount)
                   values ($1, $2, $3, $4, $5, $6, $7, 'active', 0)""",
                org_id, item_id, party.booking_id, slot_id, position, world.unit(product, unit),
                names[position] if position < len(names) else None,
            )  # fmt: skip
        if passes_too:
            slot = await db.fetchrow(
                "select starts_at, ends_at from slot where org_id = $1 and id = $2", org_id, slot_id
            )
            window = admission_window(option.admission, slot["starts_at"], slot["ends_at"])
            issued = await passes.issue(
                world.context(db),
                [PassRequest(item_id, slot_id, party.customer_id, *window) for item_id in party.items],
            )
            party.codes = [row.code for row in issued]
    return party


async def settle(world: World, party: Party, amount: int) -> None:
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            """insert into settlement (org_id, id, order_id, booking_id, method, amount, currency, staff_id, created_at)
               select $1, $2, order_id, id, 'cash', $4, 'EUR', $2, $5 from booking where org_id = $1 and id = $3""",
            world.org.org_id, new_id(), party.booking_id, amount, datetime.now(UTC),
        )  # fmt: skip


async def change(world: World, sql: str, *args: Any) -> None:
    """A statement whose $1 is the organisation."""
    async with world.runtime.pool.acquire() as db:
        await db.execute(sql, world.org.org_id, *args)


async def fetch(world: World, sql: str, *args: Any) -> list[Any]:
    async with world.runtime.pool.acquire() as db:
        return await db.fetch(sql, world.org.org_id, *args)


async def post_scan(
    api: httpx.AsyncClient, headers: dict[str, str], code: str | None = None, **more: Any
) -> httpx.Response:
    body = {"nonce": uuid4().hex, **({"code": code} if code is not None else {}), **more}
    return await api.post("/v1/scans", json=body, headers=headers)


async def scan(api: httpx.AsyncClient, headers: dict[str, str], code: str | None = None, **more: Any) -> dict[str, Any]:
    answer = await post_scan(api, headers, code, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def scan_at_once(world: World, cases: list[Case]) -> list[object]:
    """In one transaction, as the door of all that share one does it."""
    turns = [Turn(case.ctx, case, None, frozenset({case.new.nonce})) for case in cases]
    outcomes = await run_together(world.runtime, world.org.org_id, turns, scan_together)
    return [case.outcome or outcome for case, outcome in zip(cases, outcomes, strict=True)]
