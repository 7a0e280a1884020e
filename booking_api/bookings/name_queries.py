"""The SQL that writes the words of names that were saved by a program that knew of none."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_value
from booking_api.core.db.rows import columns_of


class Named(msgspec.Struct, frozen=True):
    id: UUID
    name: str | None


async def list_bookings_after(db: Connection, org_id: UUID, after: UUID, limit: int) -> list[Named]:
    """Bookings in the order of their ids, with the name of a contact that has no words yet."""
    return await fetch_all(
        db,
        Named,
        """
        select id, case when name_words is null then contact->>'name' end as name
        from booking where org_id = $1 and id > $2 order by id limit $3
        """,
        org_id,
        after,
        limit,
    )


async def list_items_of(db: Connection, org_id: UUID, booking_ids: Sequence[UUID]) -> list[Named]:
    """The items of these bookings that have a name without words."""
    return await fetch_all(
        db,
        Named,
        """
        select id, name from item
        where org_id = $1 and booking_id = any($2::uuid[]) and name is not null and name_words is null
        """,
        org_id,
        booking_ids,
    )


async def list_contacts_on_slot(db: Connection, org_id: UUID, slot_id: UUID, limit: int) -> list[Named]:
    """The bookings of a slot whose contact has a name without words."""
    return await fetch_all(
        db,
        Named,
        """
        select id, contact->>'name' as name from booking
        where org_id = $1 and slot_id = $2 and name_words is null and contact->>'name' is not null limit $3
        """,
        org_id,
        slot_id,
        limit,
    )


async def list_items_on_slot(db: Connection, org_id: UUID, slot_id: UUID, limit: int) -> list[Named]:
    """The items of a slot that have a name without words."""
    return await fetch_all(
        db,
        Named,
        """
        select id, name from item
        where org_id = $1 and slot_id = $2 and name is not null and name_words is null limit $3
        """,
        org_id,
        slot_id,
        limit,
    )


class FoldedName(msgspec.Struct, frozen=True):
    """Whose name, and its words."""

    id: UUID
    name: str
    words: str | None


async def fold_contacts(db: Connection, org_id: UUID, names: Sequence[FoldedName]) -> int:
    """Writes the words of contacts who are still called so; how many. Passes over what somebody is working on."""
    return await execute(
        db,
        """
        with free as materialized (
          select b.id, given.words
          from unnest($2::uuid[], $3::text[], $4::text[]) as given (id, name, words)
          join booking b on b.org_id = $1 and b.id = given.id
          where b.name_words is null and b.contact->>'name' = given.name
          for update of b skip locked
        )
        update booking set name_words = array_to_tsvector(string_to_array(free.words, ' '))
        from free where booking.org_id = $1 and booking.id = free.id
        """,
        org_id,
        *columns_of(names, FoldedName),
    )


async def fold_items(db: Connection, org_id: UUID, names: Sequence[FoldedName]) -> int:
    """The same for items."""
    return await execute(
        db,
        """
        with free as materialized (
          select i.id, given.words
          from unnest($2::uuid[], $3::text[], $4::text[]) as given (id, name, words)
          join item i on i.org_id = $1 and i.id = given.id
          where i.name_words is null and i.name = given.name
          for update of i skip locked
        )
        update item set name_words = array_to_tsvector(string_to_array(free.words, ' '))
        from free where item.org_id = $1 and item.id = free.id
        """,
        org_id,
        *columns_of(names, FoldedName),
    )


async def find_progress(db: Connection, org_id: UUID) -> UUID | None:
    """The last booking that was gone through."""
    return await fetch_value(db, "select folded_to from name_folding where org_id = $1", org_id)


async def store_progress(db: Connection, org_id: UUID, folded_to: UUID) -> None:
    await execute(
        db,
        """
        insert into name_folding (org_id, folded_to) values ($1, $2)
        on conflict (org_id) do update set folded_to = excluded.folded_to
        where name_folding.folded_to < excluded.folded_to
        """,
        org_id,
        folded_to,
    )
