"""Questions about a visit go to people who were there, as far as anybody can know."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from booking_api.core.ids import new_id
from booking_api.passes import operations as passes
from booking_api.passes.schemas import Entering
from tests.feedback.helpers import add_booking, configure, prompt
from tests.world import World

PAST = datetime.now(UTC) - timedelta(hours=3)


@pytest.fixture
async def asking(world: World) -> None:
    await configure(world, prompt(step="visit", pause=0))


async def book(world: World, customer: UUID, *, ends_at: datetime = PAST, slot: int = 0, items: int = 1) -> UUID:
    """A confirmed booking on one of the tower's slots."""
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer, visit_ends_at=ends_at)
        await db.execute("update booking set slot_id = $2 where id = $1", booking, world.tower_slots[slot])
        for position in range(items):
            await db.execute(
                """
                insert into item (org_id, id, booking_id, position, unit_id, status, amount, slot_id)
                values ($1, $2, $3, $4, $5, 'active', 0, $6)
                """,
                world.org.org_id, new_id(), booking, position, world.tower.units[0].id, world.tower_slots[slot],
            )  # fmt: skip
    return booking


async def admit(world: World, booking: UUID, *, undone: bool = False) -> None:
    """Lets the last item of a booking in, as a scan does."""
    async with world.runtime.pool.acquire() as db:
        row = await db.fetchrow(
            "select i.id, b.slot_id from item i join booking b on b.id = i.booking_id where b.id = $1 order by i.position desc",
            booking,
        )
        ctx = world.context(db)
        await passes.enter(ctx, [Entering(row["id"], row["slot_id"], f"nonce-{row['id']}")])
        if undone:
            await db.execute("delete from attendance where item_id = $1", row["id"])


async def asked(api, world: World, customer: UUID, booking: UUID | None = None) -> str | None:
    """The booking that is asked about, if anything is."""
    about = "" if booking is None else f"&booking_id={booking}"
    answer = await api.get(f"/v1/feedback/prompt?step=visit{about}", headers=world.customer(customer))
    if answer.status_code == 204:
        return None
    assert answer.status_code == 200, answer.text
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select booking_id from feedback_asked where id = $1", UUID(answer.json()["id"]))


pytestmark = pytest.mark.usefixtures("asking")


async def test_where_nobody_was_scanned_everybody_is_asked(api, world):
    customer = new_id()
    booking = await book(world, customer)
    assert await asked(api, world, customer, booking) == booking


async def test_where_others_were_admitted_who_did_not_come_is_not_asked(api, world):
    came, stayed = new_id(), new_id()
    theirs, missed = await book(world, came, items=3), await book(world, stayed)
    elsewhere = await book(world, stayed, slot=1)
    await admit(world, theirs)
    assert await asked(api, world, came, theirs) == theirs, "one of three came"
    assert await asked(api, world, stayed, missed) is None
    assert await asked(api, world, stayed, elsewhere) == elsewhere, "another slot, where nobody scans"


async def test_an_admission_that_was_undone_is_none(api, world):
    customer, other = new_id(), new_id()
    booking, present = await book(world, customer), await book(world, other)
    await admit(world, booking, undone=True)
    assert await asked(api, world, other, present) == present
    await admit(world, present)
    assert await asked(api, world, customer, booking) is None


@pytest.mark.parametrize("admitted", [True, False])
async def test_a_cancelled_slot_was_no_visit(api, world, admitted):
    customer = new_id()
    booking = await book(world, customer)
    if admitted:
        await admit(world, booking)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update slot set status = 'cancelled' where id = $1", world.tower_slots[0])
    assert await asked(api, world, customer, booking) is None
    assert await asked(api, world, customer) is None


@pytest.mark.parametrize("status", ["cancelled", "on_hold", "pending", "expired", "rejected"])
async def test_only_a_confirmed_booking_was_a_visit(api, world, status):
    customer = new_id()
    booking = await book(world, customer)
    async with world.runtime.pool.acquire() as db:
        await db.execute("update booking set status = $2 where id = $1", booking, status)
    assert await asked(api, world, customer, booking) is None


async def test_a_visit_that_is_not_over_is_not_asked_about(api, world):
    customer = new_id()
    booking = await book(world, customer, ends_at=datetime.now(UTC) + timedelta(minutes=5))
    await admit(world, booking)
    assert await asked(api, world, customer, booking) is None


async def test_without_a_booking_the_last_visit_that_was_made_is_meant(api, world):
    customer, other = new_id(), new_id()
    assert await asked(api, world, customer) is None, "there was none"
    earlier = await book(world, customer, ends_at=PAST - timedelta(days=2), slot=1)
    missed = await book(world, customer)
    await admit(world, await book(world, other))
    await book(world, customer, ends_at=datetime.now(UTC) + timedelta(days=1), slot=2)
    assert await asked(api, world, customer) == earlier
    assert missed != earlier
