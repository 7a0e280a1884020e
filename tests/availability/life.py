"""An organisation to which things happen: holds, imports, edits, and time."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import PriceRule, ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_places, save_products
from booking_api.core.context import Caller
from booking_api.core.errors import DomainError
from booking_api.core.ids import new_id
from booking_api.inventory import operations as inventory
from booking_api.inventory.schemas import ClaimRequest, NewDelay, SlotChange
from booking_api.inventory.write_schemas import NewSlot
from booking_api.inventory.writing import change_slot, save_slots
from tests.world import World, make_flight

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
FIRST, LAST = date(2027, 4, 30), date(2027, 5, 6)


class Life:
    """An organisation to which things happen, one after the other."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.now = NOW
        self.me = Caller(kind="customer", credential_id=new_id(), subject_id=new_id())
        self.lines: list[ProductDefinition] = [world.flight]
        self.slots: dict[str, NewSlot] = {}
        self.ids: dict[str, UUID] = {}
        self.claims: dict[UUID, datetime | None] = {}

    def slot(self, line: ProductDefinition, code: str, **changes: Any) -> NewSlot:
        assert line.origin is not None
        assert line.destination is not None
        day = FIRST + timedelta(days=self.chance.randrange(8))
        start = datetime(day.year, day.month, day.day, self.chance.randrange(24), 30, tzinfo=UTC)
        fields: dict[str, Any] = {
            "code": code, "product_id": line.id, "kind": "departure", "origin_id": line.origin.id,
            "destination_id": line.destination.id, "local_date": day, "starts_at": start,
            "ends_at": start + timedelta(hours=2), "time_zone": "America/New_York",
            "end_time_zone": "America/Los_Angeles", "capacity": self.chance.choice([1, 4, 10]),
            "booking_closes_at": start - timedelta(minutes=self.chance.choice([0, 30])),
            "quotas": tuple((o.id, o.quota) for o in line.options if o.quota is not None and self.chance.random() < 0.8),
        }  # fmt: skip
        return NewSlot(**(fields | changes))

    async def save(self, slots: list[NewSlot]) -> None:
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            saved = await save_slots(db, self.world.org.org_id, slots, self.now)
            refused = {row.position for row in saved.refused}
            self.slots |= {slot.code: slot for position, slot in enumerate(slots) if position not in refused}
            rows = await db.fetch("select code, id from slot where org_id = $1", self.world.org.org_id)
            self.ids = {row["code"]: row["id"] for row in rows if row["code"] in self.slots}

    async def add_line(self) -> None:
        line = msgspec.structs.replace(
            make_flight(*(cast("Any", place) for place in (self.world.flight.origin, self.world.flight.destination))),
            code=f"OS{len(self.lines)}", currency=self.chance.choice(["USD", "USD", "EUR"]),
        )  # fmt: skip
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            await save_products(db, self.world.org.org_id, [NewProduct(line)], self.now)
        self.lines.append(line)

    async def change_line(self) -> None:
        position = self.chance.randrange(len(self.lines))
        line = self.lines[position]
        start = self.chance.choice([None, FIRST + timedelta(days=3)])
        price = PriceRule(option="flex", unit="adult", amount=self.chance.randrange(100, 30_000), valid_from=start)
        options = [
            msgspec.structs.replace(
                option,
                conditions=msgspec.structs.replace(
                    option.conditions, booking_closes_minutes=self.chance.choice([0, 60, 300])
                ),
            )
            for option in line.options
        ]
        self.lines[position] = line = msgspec.structs.replace(line, prices=[*line.prices[:6], price], options=options)
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            on_sale = self.chance.random() < 0.8
            await save_products(db, self.world.org.org_id, [NewProduct(line, on_sale=on_sale)], self.now)

    async def change_place(self) -> None:
        zone = self.chance.choice(["America/New_York", "Asia/Tokyo", "Pacific/Honolulu"])
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            place = NewPlace(code="JFK", name="John F Kennedy Intl", time_zone=zone)
            await save_places(db, self.world.org.org_id, [place], self.now)

    async def hold(self) -> None:
        if not self.ids:
            return
        code = self.chance.choice(list(self.ids))
        line = next(line for line in self.lines if line.id == self.slots[code].product_id)
        expires = self.chance.choice([None, self.now + timedelta(minutes=self.chance.choice([5, 60]))])
        places = self.chance.choice([0, 1, 1, 2, self.slots[code].capacity])
        claim = ClaimRequest(
            id=new_id(), slot_id=self.ids[code], option_id=self.chance.choice(line.options).id,
            holder_id=self.chance.choice([new_id(), cast("UUID", self.me.subject_id)]), places=places,
            quota_places=places, expires_at=expires,
        )  # fmt: skip
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            outcome = (await inventory.take(db, self.world.org.org_id, [claim], self.now))[0]
        if outcome.ok:
            self.claims[claim.id] = expires

    async def end_holds(self) -> None:
        ended = [id_ for id_, expires in self.claims.items() if expires is not None and expires <= self.now]
        await self.give_back(ended)

    async def cancel(self) -> None:
        if self.claims:
            await self.give_back([self.chance.choice(list(self.claims))])

    async def give_back(self, claims: list[UUID]) -> None:
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            await inventory.give_back(db, self.world.org.org_id, claims)
        for claim in claims:
            del self.claims[claim]

    async def confirm(self) -> None:
        if self.claims:
            claim = self.chance.choice(list(self.claims))
            async with self.world.runtime.pool.acquire() as db, db.transaction():
                await inventory.keep(db, self.world.org.org_id, [claim])
            self.claims[claim] = None

    async def edit_slot(self) -> None:
        if not self.slots:
            return
        old = self.slots[self.chance.choice(list(self.slots))]
        line = next(line for line in self.lines if line.id == old.product_id)
        kept = {"starts_at": old.starts_at, "ends_at": old.ends_at, "local_date": old.local_date}
        changes: dict[str, Any] = {} if self.chance.random() < 0.3 else kept
        status = self.chance.choice([None, "open", "closed", "cancelled"])
        await self.save([self.slot(line, old.code, status=status, **changes)])

    async def patch_slot(self) -> None:
        """What staff and integrators do with one slot: its delay most of all."""
        if not self.ids:
            return
        code, chance = self.chance.choice(list(self.ids)), self.chance
        old = self.slots[code]
        estimate = old.starts_at + timedelta(minutes=chance.choice([1, 45, 300, 1440]))
        delay = NewDelay(
            estimated_starts_at=estimate,
            estimated_ends_at=chance.choice([None, estimate, max(estimate, old.ends_at + timedelta(minutes=90))]),
        )
        moved = old.starts_at + timedelta(hours=chance.choice([-30, -2, 3, 26]))
        change = chance.choice(
            [SlotChange(delay=delay)] * 4
            + [SlotChange(delay=None), SlotChange(starts_at=moved), SlotChange(status="open", capacity=12)]
            + [SlotChange(status="closed"), SlotChange(booking_closes_at=old.starts_at + timedelta(minutes=20))]
        )
        manager = Caller(kind="staff", credential_id=new_id(), subject_id=new_id(), role="manager")
        async with self.world.runtime.pool.acquire() as db, db.transaction():
            try:
                ctx = self.world.context(db, now=self.now, caller=manager)
                await change_slot(ctx, self.ids[code], change, None)
            except DomainError:
                return
            row = await db.fetchrow("select * from slot where id = $1", self.ids[code])
        names = ("starts_at", "ends_at", "local_date", "capacity", "booking_closes_at")
        self.slots[code] = msgspec.structs.replace(old, **{name: row[name] for name in names})

    async def move_over_midnight(self) -> None:
        """Another line's slots appear on a date, and one leaves it."""
        if self.slots:
            old = self.slots[self.chance.choice(list(self.slots))]
            day = old.local_date + timedelta(days=1)
            await self.save([msgspec.structs.replace(old, local_date=day)])

    async def pass_time(self) -> None:
        upcoming = [slot.starts_at - timedelta(minutes=m) for slot in self.slots.values() for m in (0, 30, 60, 300)]
        upcoming = sorted(moment for moment in upcoming if moment >= self.now)
        if upcoming and self.now < datetime(2027, 5, 4, tzinfo=UTC):
            self.now = upcoming[0] + self.chance.choice([timedelta(0), timedelta(microseconds=1), timedelta(minutes=1)])

    async def step(self) -> str:
        import_some = lambda: self.save(  # noqa: E731
            [self.slot(self.chance.choice(self.lines), f"S{len(self.slots) + n}") for n in range(4)]
        )
        happening = self.chance.choice(
            [self.hold] * 6 + [self.pass_time] * 3 + [self.edit_slot] * 2 + [self.patch_slot] * 4 + [import_some, self.end_holds, self.cancel]
            + [self.confirm, self.move_over_midnight, self.add_line, self.change_line, self.change_place]
        )  # fmt: skip
        await happening()
        return getattr(happening, "__name__", "")
