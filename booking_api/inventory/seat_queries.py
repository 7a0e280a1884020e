"""The SQL of seats: whose they are, decided by their primary key."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of
from booking_api.inventory.schemas import SeatWish


class SeatCode(msgspec.Struct, frozen=True):
    row: int
    seat: str


async def list_layout_seats(db: Connection, org_id: UUID, layout_id: UUID) -> list[SeatCode]:
    """A layout's seats in order, each with the running number of its row over all decks."""
    return await fetch_all(
        db,
        SeatCode,
        """
        select (deck.place * 1000 + line.place)::int as row, seat.value ->> 'code' as seat
        from seat_layout l,
          jsonb_array_elements(l.layout -> 'decks') with ordinality as deck (value, place),
          jsonb_array_elements(deck.value -> 'rows') with ordinality as line (value, place),
          jsonb_array_elements(line.value -> 'seats') with ordinality as seat (value, place)
        where l.org_id = $1 and l.id = $2
        order by deck.place, line.place, seat.place
        """,
        org_id,
        layout_id,
    )


class TakenSeat(msgspec.Struct, frozen=True):
    seat: str
    item_id: UUID


async def list_taken_seats(db: Connection, org_id: UUID, slot_id: UUID) -> list[TakenSeat]:
    return await fetch_all(
        db, TakenSeat, "select seat, item_id from seat_claim where org_id = $1 and slot_id = $2", org_id, slot_id
    )


async def delete_item_seats(db: Connection, org_id: UUID, slot_id: UUID, item_ids: Sequence[UUID]) -> None:
    await execute(
        db,
        "delete from seat_claim where org_id = $1 and slot_id = $2 and item_id = any($3::uuid[])",
        org_id,
        slot_id,
        item_ids,
    )


class SlotSeat(msgspec.Struct, frozen=True):
    seat: str


async def insert_seats(
    db: Connection, org_id: UUID, slot_id: UUID, claim_id: UUID, wishes: Sequence[SeatWish]
) -> list[SlotSeat]:
    """The seats that were free; the primary key decides. In seat order, so that two parties don't deadlock."""
    return await fetch_all(
        db,
        SlotSeat,
        """
        insert into seat_claim (org_id, slot_id, seat, claim_id, item_id)
        select $1, $2, wished.seat, $3, wished.item_id
        from unnest($4::uuid[], $5::text[]) as wished (item_id, seat) order by wished.seat
        on conflict (org_id, slot_id, seat) do nothing
        returning seat
        """,
        org_id,
        slot_id,
        claim_id,
        *columns_of(wishes, SeatWish),
    )


async def delete_seats_of(db: Connection, org_id: UUID, claim_ids: Sequence[UUID], but_of: Sequence[UUID]) -> None:
    """Frees the seats of these claims, but not those of the items `but_of`."""
    await execute(
        db,
        """
        delete from seat_claim
        where org_id = $1 and claim_id = any($2::uuid[]) and not item_id = any($3::uuid[])
        """,
        org_id,
        claim_ids,
        but_of,
    )
