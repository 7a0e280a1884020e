"""The organisation that is measured: its products, its slots, its keys."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from benchmarks import queries
from benchmarks.ids import make_id, make_text
from benchmarks.stage import Stage
from booking_api.catalog.rules import quote
from booking_api.catalog.schemas import (
    Admission,
    Charge,
    Conditions,
    OptionDefinition,
    Place,
    Price,
    PriceRule,
    ProductDefinition,
    UnitDefinition,
)
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_places, save_products
from booking_api.core.clock import utc_now
from booking_api.core.context import Caller, Context, Organisation
from booking_api.core.db import Connection
from booking_api.core.ids import new_id
from booking_api.core.runtime import acquire
from booking_api.identity import operations as identity
from booking_api.identity import tokens
from booking_api.identity.schemas import NewOrganisation
from booking_api.identity.system import system_context
from booking_api.inventory.write_schemas import NewSlot
from booking_api.inventory.writing import save_slots

ZONE = "Europe/Berlin"
SPREAD_SLOTS = 1_000
HOT_SLOT = SPREAD_SLOTS + 1
"""The number of the slot that everybody wants."""
GATE_SLOTS = 500
PLENTY = 1_000_000_000
SALE_SEATS = 300
SLOTS_AT_ONCE = 5_000
PER_DAY = 5
RowProgress = Callable[[int], None]
"""Told how many rows have come in."""


@dataclasses.dataclass
class World:
    stage: Stage
    org: Organisation
    app_key: str
    secret_key: str
    hall: ProductDefinition
    """1,000 slots, and the hot one, with room for everybody."""
    gate: ProductDefinition
    """Slots whose gates are open at this moment."""
    venue: Place

    @property
    def org_id(self) -> UUID:
        return self.org.org_id

    def customer_token(self, number: int) -> str:
        settings, vault = self.stage.settings, self.stage.runtime.vault
        return tokens.mint(
            vault, settings, self.org, "customer", make_id("customer", number), utc_now(), session_id=new_id()
        ).access_token

    def price_of(self, product: ProductDefinition, starts_at: datetime) -> Price:
        """What one adult pays."""
        return quote(
            product,
            product.options[0].id,
            {product.units[0].id: 1},
            starts_at.astimezone(ZoneInfo(ZONE)).date(),
            ["en"],
        ).price


def _option(code: str, quota: int | None = None) -> OptionDefinition:
    return OptionDefinition(
        id=new_id(), code=code, title={"en": code.title(), "de": code.title()}, quota=quota,
        conditions=Conditions(refundable=True, refund_until_minutes=60, refund_fee=500, changeable=True),
        admission=Admission(opens_before_minutes=120, closes_after_minutes=720, closes_relative_to="end", reentry=False),
    )  # fmt: skip


def _units() -> list[UnitDefinition]:
    return [
        UnitDefinition(id=new_id(), code="adult", title={"en": "Adult", "de": "Erwachsene"}, takes_seat=False),
        UnitDefinition(id=new_id(), code="child", title={"en": "Child", "de": "Kind"}, takes_seat=False),
    ]


TAX = Charge(code="vat", type="tax", label={"en": "VAT", "de": "MwSt."}, rate_basis_points=1900)
FEE = Charge(code="service", type="fee", label={"en": "Service", "de": "Service"}, amount=150)


def entry(code: str, venue: Place) -> ProductDefinition:
    """What is visited, at one price."""
    return ProductDefinition(
        id=new_id(), code=code, kind="entry", title={"en": code.title(), "de": code.title()}, venue=venue,
        duration_minutes=60, currency="EUR", options=[_option("standard")], units=_units(), charges=[TAX, FEE],
        prices=[PriceRule(option="standard", unit=unit, amount=amount) for unit, amount in (("adult", 1990), ("child", 990))],
    )  # fmt: skip


def departure(code: str, origin: Place, destination: Place) -> ProductDefinition:
    """A line between two places, with a cheap fare of which there are few."""
    return ProductDefinition(
        id=new_id(), code=code, kind="departure", title={"en": code}, origin=origin, destination=destination,
        duration_minutes=90, currency="EUR", options=[_option("light", 20), _option("flex")], units=_units(),
        prices=[
            PriceRule(option=option, unit=unit, amount=amount)
            for option, unit, amount in (
                ("light", "adult", 2900), ("light", "child", 1900), ("flex", "adult", 5900), ("flex", "child", 3900),
            )
        ],
        charges=[TAX],
    )  # fmt: skip


def slot_of(product: ProductDefinition, code: str, starts_at: datetime, *, minutes: int, capacity: int) -> NewSlot:
    start = product.origin or product.venue
    assert start is not None
    return NewSlot(
        code=code, product_id=product.id, kind=product.kind, origin_id=start.id,
        destination_id=product.destination.id if product.destination else None,
        local_date=starts_at.astimezone(ZoneInfo(ZONE)).date(), starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes), time_zone=ZONE, end_time_zone=ZONE, capacity=capacity,
        booking_closes_at=starts_at + timedelta(minutes=minutes), gate="North",
        quotas=tuple((option.id, option.quota) for option in product.options if option.quota is not None),
    )  # fmt: skip


async def offer(stage: Stage, org_id: UUID, slots: Iterable[NewSlot], progress: RowProgress) -> None:
    """Brings slots in by the inventory's own verb, which streams them by COPY."""
    batch: list[NewSlot] = []

    async def save() -> None:
        async with acquire(stage.runtime) as db, db.transaction():
            await save_slots(db, org_id, batch, utc_now())
        progress(len(batch))
        batch.clear()

    for slot in slots:
        batch.append(slot)
        if len(batch) == SLOTS_AT_ONCE:
            await save()
    if batch:
        await save()


def _midnight(now: datetime, days: int) -> datetime:
    day = now.astimezone(ZoneInfo(ZONE)).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))


def _hall_slots(hall: ProductDefinition, now: datetime) -> Iterator[NewSlot]:
    for number in range(1, SPREAD_SLOTS + 2):
        starts_at = _midnight(now, 1 + number // 10) + timedelta(hours=9 + number % 10)
        yield slot_of(hall, f"hall-{number:07}", starts_at, minutes=60, capacity=PLENTY)


async def build_world(stage: Stage) -> World:
    """Makes the organisation with its two products."""
    now = utc_now()
    async with acquire(stage.runtime) as db, db.transaction():
        keys = await identity.add_organisation(
            db, NewOrganisation(name="Bench", time_zone=ZONE, currency="EUR", locale="en", live=False), now
        )
        context = await system_context(stage.runtime, db, keys.org_id)
        assert context is not None
        org = context.org
        made, _, _ = await save_places(db, org.org_id, [NewPlace(code="HALL", name="Hall", time_zone=ZONE)], now)
        venue = made["HALL"]
        hall, gate = entry("hall", venue), entry("gate", venue)
        await save_products(db, org.org_id, [NewProduct(hall), NewProduct(gate)], now)
        await identity.rotate_signing_key(db, stage.runtime.vault, org.org_id, now)
    world = World(stage, org, keys.publishable_key, keys.secret_key, hall, gate, venue)
    await offer(stage, org.org_id, _hall_slots(hall, now), lambda _: None)
    opened = (
        slot_of(gate, f"gate-{number:07}", now + timedelta(minutes=30), minutes=60, capacity=PLENTY)
        for number in range(GATE_SLOTS)
    )
    await offer(stage, org.org_id, opened, lambda _: None)
    prefix = make_text("slot", 0)[:24]
    async with acquire(stage.runtime) as db:
        await queries.number_slots(db, org.org_id, hall.id, prefix, 1)
        await queries.number_slots(db, org.org_id, gate.id, prefix, 100_001)
    return world


async def open_sale(world: World, number: int, capacity: int = SALE_SEATS) -> tuple[ProductDefinition, UUID]:
    """A product with one slot of few seats, and its slot."""
    now = utc_now()
    product = entry(f"sale-{number}", world.venue)
    async with acquire(world.stage.runtime) as db, db.transaction():
        await save_products(db, world.org_id, [NewProduct(product)], now)
    slot = slot_of(product, f"sale-{number}", _midnight(now, 7) + timedelta(hours=20), minutes=120, capacity=capacity)
    await offer(world.stage, world.org_id, [slot], lambda _: None)
    async with acquire(world.stage.runtime) as db:
        (found,) = await queries.list_slots(db, world.org_id, [product.id])
    return product, found.id


async def context_of(world: World, db: Connection) -> Context:
    """The system's own context, for calling operations without HTTP."""
    stage = world.stage
    return Context(
        db=db, org=world.org, caller=Caller(kind="system", credential_id=new_id()), now=utc_now(),
        settings=stage.settings, vault=stage.runtime.vault, caches=stage.runtime.caches,
    )  # fmt: skip
