"""A small organisation with one product of each kind, as tests meet it."""

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from booking_api.catalog.schemas import (
    Admission,
    Charge,
    Choice,
    Conditions,
    OptionDefinition,
    Place,
    PriceRule,
    ProductDefinition,
    QuestionDefinition,
    Requires,
    UnitDefinition,
)
from booking_api.core.context import Caller, Context, Organisation
from booking_api.core.db import Connection
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.identity import operations as identity
from booking_api.identity import queries as identity_queries
from booking_api.identity import tokens
from booking_api.identity.first_uses import first_uses_of
from booking_api.identity.schemas import NewOrganisation

Headers = dict[str, str]


@dataclasses.dataclass
class World:
    runtime: Runtime
    org: Organisation
    app: Headers
    """A publishable key's headers; `key` a secret key's, with every scope; then staff by role."""
    key: Headers
    agent: Headers
    manager: Headers
    owner: Headers
    flight: ProductDefinition
    flight_slots: list[UUID]
    """Ten departures JFK → LAX on the next ten days at 09:00 New York time, 10 places each, a Light quota of 4."""
    tower: ProductDefinition
    tower_slots: list[UUID]
    """Eight entry windows tomorrow, hourly from 10:00 in Berlin, 20 places each."""
    consultant: ProductDefinition
    consultant_slots: list[UUID]
    """Three appointments the day after tomorrow, one place each."""
    layout_id: UUID

    def customer(self, customer_id: UUID | None = None) -> Headers:
        """Headers of a customer of this organisation, by default of a new one."""
        minted = tokens.mint(
            self.runtime.vault, self.runtime.settings, self.org, "customer", customer_id or new_id(), datetime.now(UTC)
        )
        return bearer(minted.access_token)

    def context(self, db: Connection, *, now: datetime | None = None, caller: Caller | None = None) -> Context:
        """A context for calling operations without HTTP."""
        return Context(
            db=db, org=self.org, caller=caller or Caller(kind="system", credential_id=new_id()),
            now=now or datetime.now(UTC), settings=self.runtime.settings, vault=self.runtime.vault,
            caches=self.runtime.caches, base_url="http://testserver",
        )  # fmt: skip

    def option(self, product: ProductDefinition, code: str) -> UUID:
        return next(option.id for option in product.options if option.code == code)

    def unit(self, product: ProductDefinition, code: str) -> UUID:
        return next(unit.id for unit in product.units if unit.code == code)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


ADULT = {"en": "Adult", "de": "Erwachsene"}
CHILD = {"en": "Child", "de": "Kind"}


async def first_uses_written(world: "World") -> None:
    """Returns once the sessions have their rows whose first use nobody waited for."""
    for gathering in list(first_uses_of(world.runtime, world.org.org_id).under_way):
        await gathering.written()


def make_flight(jfk: Place, lax: Place) -> ProductDefinition:
    return ProductDefinition(
        id=new_id(), code="OS101-JFK-LAX", kind="departure", title={"en": "OS 101"}, origin=jfk, destination=lax,
        duration_minutes=360, currency="USD",
        options=[
            OptionDefinition(
                id=new_id(), code="light", title={"en": "Light"}, quota=4,
                conditions=Conditions(refundable=False, changeable=False, booking_closes_minutes=60),
                admission=Admission(opens_before_minutes=60, closes_after_minutes=-10, closes_relative_to="start", reentry=False),
            ),
            OptionDefinition(
                id=new_id(), code="flex", title={"en": "Flex"},
                conditions=Conditions(refundable=True, changeable=True, refund_until_minutes=120, refund_fee=1000),
                admission=Admission(opens_before_minutes=60, closes_after_minutes=-10, closes_relative_to="start", reentry=False),
            ),
        ],
        units=[
            UnitDefinition(id=new_id(), code="adult", title=ADULT, min_age=12),
            UnitDefinition(id=new_id(), code="child", title=CHILD, min_age=2, max_age=11, requires=Requires("adult", 4)),
            UnitDefinition(
                id=new_id(), code="infant", title={"en": "Lap infant"}, max_age=1, occupies=0, takes_seat=False,
                requires=Requires("adult", 1),
            ),
        ],
        prices=[
            *(PriceRule(option="light", unit=unit, amount=amount) for unit, amount in (("adult", 9900), ("child", 7400), ("infant", 0))),
            *(PriceRule(option="flex", unit=unit, amount=amount) for unit, amount in (("adult", 19900), ("child", 14900), ("infant", 2000))),
        ],
        charges=[
            Charge(code="security", type="fee", label={"en": "Security fee"}, amount=560, per="item"),
            Charge(code="tax", type="tax", label={"en": "Transportation tax"}, rate_basis_points=750, included=True),
        ],
        requires_names=True,
    )  # fmt: skip


def make_tower(venue: Place) -> ProductDefinition:
    return ProductDefinition(
        id=new_id(), code="tower", kind="entry", title={"en": "Tower visit", "de": "Turmbesuch"}, venue=venue,
        duration_minutes=60, currency="EUR",
        options=[
            OptionDefinition(
                id=new_id(), code="standard", title={"en": "Standard", "de": "Standard"},
                conditions=Conditions(refundable=True, changeable=True, refund_until_minutes=60),
                admission=Admission(opens_before_minutes=15, closes_after_minutes=0, closes_relative_to="end", reentry=True),
            ),
        ],
        units=[
            UnitDefinition(id=new_id(), code="adult", title=ADULT, takes_seat=False),
            UnitDefinition(id=new_id(), code="child", title=CHILD, takes_seat=False),
        ],
        prices=[
            PriceRule(option="standard", unit="adult", amount=1990),
            PriceRule(option="standard", unit="child", amount=990),
        ],
        charges=[Charge(code="vat", type="tax", label={"en": "VAT", "de": "MwSt."}, rate_basis_points=1900)],
        questions=[
            QuestionDefinition(
                id=new_id(), code="language", type="choice", required=False, per="booking",
                label={"en": "Language of the tour", "de": "Sprache der Führung"},
                choices=[Choice("en", {"en": "English"}), Choice("de", {"en": "German", "de": "Deutsch"})],
            ),
        ],
    )  # fmt: skip


def make_consultant(venue: Place) -> ProductDefinition:
    return ProductDefinition(
        id=new_id(), code="advice", kind="appointment", title={"en": "Consultation", "de": "Beratung"}, venue=venue,
        duration_minutes=30, currency="EUR",
        options=[
            OptionDefinition(
                id=new_id(), code="video", title={"en": "30 minutes"},
                conditions=Conditions(refundable=True, changeable=True),
                admission=Admission(opens_before_minutes=10, closes_after_minutes=0, closes_relative_to="end", reentry=True),
            ),
        ],
        units=[UnitDefinition(id=new_id(), code="adult", title={"en": "Person"}, max=1, takes_seat=False)],
        prices=[PriceRule(option="video", unit="adult", amount=0)],
        questions=[
            QuestionDefinition(
                id=new_id(), code="topic", type="text", required=True, per="booking", label={"en": "What is it about?"},
            ),
        ],
    )  # fmt: skip


async def add_place(db: Connection, org_id: UUID, code: str, name: str, zone: str) -> Place:
    place = Place(id=new_id(), code=code, name=name, time_zone=zone)
    await db.execute(
        "insert into place (org_id, id, code, name, time_zone, updated_at) values ($1, $2, $3, $4, $5, $6)",
        org_id, place.id, code, name, zone, datetime.now(UTC),
    )  # fmt: skip
    return place


async def add_product(db: Connection, org_id: UUID, definition: ProductDefinition, version: int = 1) -> None:
    """Puts a version of a product on sale."""
    now = datetime.now(UTC)
    place = lambda found: None if found is None else found.id  # noqa: E731
    await db.execute(
        """
        insert into product (org_id, id, code, kind, version, origin_id, destination_id, venue_id, on_sale, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, true, $9)
        on conflict (org_id, id) do update set version = excluded.version
        """,
        org_id, definition.id, definition.code, definition.kind, version,
        place(definition.origin), place(definition.destination), place(definition.venue), now,
    )  # fmt: skip
    await db.execute(
        "insert into product_version (org_id, product_id, version, definition, created_at) values ($1, $2, $3, $4, $5)",
        org_id, definition.id, version, msgspec.to_builtins(definition), now,
    )  # fmt: skip


async def add_slot(
    db: Connection, org_id: UUID, definition: ProductDefinition, starts_at: datetime, *, minutes: int = 60,
    capacity: int = 10, gate: str | None = None, resource: str | None = None, seat_layout_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """Adds one occurrence of a product, with the quotas of its options."""
    origin = definition.origin or definition.venue
    end = definition.destination or origin
    assert origin is not None
    assert end is not None
    slot_id = new_id()
    await db.execute(
        """
        insert into slot (org_id, id, code, product_id, kind, origin_id, destination_id, local_date, starts_at, ends_at,
                          time_zone, end_time_zone, capacity, taken, status, booking_closes_at, gate, resource,
                          seat_layout_id, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 'open', $9, $14, $15, $16, $17)
        """,
        org_id, slot_id, f"{definition.code}-{starts_at.isoformat()}-{slot_id}", definition.id, definition.kind, origin.id,
        definition.destination.id if definition.destination else None,
        starts_at.astimezone(ZoneInfo(origin.time_zone)).date(), starts_at, starts_at + timedelta(minutes=minutes),
        origin.time_zone, end.time_zone, capacity, gate, resource, seat_layout_id, datetime.now(UTC),
    )  # fmt: skip
    for option in definition.options:
        if option.quota is not None:
            await db.execute(
                "insert into quota (org_id, slot_id, option_id, capacity, taken) values ($1, $2, $3, $4, 0)",
                org_id, slot_id, option.id, option.quota,
            )  # fmt: skip
    return slot_id


async def add_layout(db: Connection, org_id: UUID) -> UUID:
    """A small aircraft: five rows of A and B, ten seats."""
    layout_id = new_id()
    rows = [{"number": n, "seats": [{"code": f"{n}{letter}", "features": []} for letter in "AB"]} for n in range(1, 6)]
    await db.execute(
        "insert into seat_layout (org_id, id, code, seats, layout, created_at) values ($1, $2, 'tiny', 10, $3, $4)",
        org_id, layout_id, {"decks": [{"columns": ["A", "B"], "rows": rows}]}, datetime.now(UTC),
    )  # fmt: skip
    return layout_id


async def build_world(runtime: Runtime, name: str = "Ostwind") -> World:
    now = datetime.now(UTC)
    async with runtime.pool.acquire() as db, db.transaction():
        keys = await identity.add_organisation(
            db, NewOrganisation(name=name, time_zone="Europe/Berlin", currency="EUR", locale="en", live=False), now
        )
        org = await identity_queries.find_organisation(db, keys.org_id)
        assert org is not None
        staff: dict[str, Headers] = {}
        for role in ("agent", "manager", "owner"):
            row = await identity.add_staff(db, org, role.title(), f"{role}@example.org", role, now)
            minted = tokens.mint(runtime.vault, runtime.settings, org, "staff", row.id, now, role=role)
            staff[role] = bearer(minted.access_token)
        jfk = await add_place(db, org.org_id, "JFK", "John F Kennedy Intl", "America/New_York")
        lax = await add_place(db, org.org_id, "LAX", "Los Angeles Intl", "America/Los_Angeles")
        berlin = await add_place(db, org.org_id, "TOWER", "Television Tower", "Europe/Berlin")
        layout_id = await add_layout(db, org.org_id)
        flight, tower, consultant = make_flight(jfk, lax), make_tower(berlin), make_consultant(berlin)
        for definition in (flight, tower, consultant):
            await add_product(db, org.org_id, definition)

        def local(zone: str, days: int, hour: int, minute: int = 0) -> datetime:
            day = (now + timedelta(days=days)).astimezone(ZoneInfo(zone)).date()
            return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)

        flight_slots = [
            await add_slot(
                db,
                org.org_id,
                flight,
                local("America/New_York", days, 9),
                minutes=360,
                capacity=10,
                gate="B7",
                seat_layout_id=layout_id,
            )
            for days in range(1, 11)
        ]
        tower_slots = [
            await add_slot(db, org.org_id, tower, local("Europe/Berlin", 1, 10 + hour), capacity=20, gate="North")
            for hour in range(8)
        ]
        consultant_slots = [
            await add_slot(
                db,
                org.org_id,
                consultant,
                local("Europe/Berlin", 2, 9 + half),
                minutes=30,
                capacity=1,
                resource="Dr Ada",
            )
            for half in range(3)
        ]
    return World(
        runtime=runtime, org=org, app=bearer(keys.publishable_key), key=bearer(keys.secret_key), **staff,
        flight=flight, flight_slots=flight_slots, tower=tower, tower_slots=tower_slots,
        consultant=consultant, consultant_slots=consultant_slots, layout_id=layout_id,
    )  # fmt: skip
