"""The SQL of staff."""

from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.context import Role
from booking_api.core.db import Connection, execute, fetch_all, fetch_one
from booking_api.identity.schemas import StaffRow


async def insert_staff(db: Connection, org_id: UUID, row: StaffRow) -> bool:
    """Adds a member of staff; False if the address is taken by one who isn't revoked."""
    return bool(
        await execute(
            db,
            """
            insert into staff (org_id, id, name, email, role, created_at) values ($1, $2, $3, $4, $5, $6)
            on conflict (org_id, email) where revoked_at is null do nothing
            """,
            org_id,
            row.id,
            row.name,
            row.email,
            row.role,
            row.created_at,
        )
    )


async def find_staff(db: Connection, org_id: UUID, staff_id: UUID) -> StaffRow | None:
    return await fetch_one(
        db,
        StaffRow,
        """
        select s.id, s.name, s.email, s.role, s.created_at, s.last_used_at, s.revoked_at,
               s.role = 'owner' and s.revoked_at is null and not exists (
                 select from staff o
                 where o.org_id = $1 and o.role = 'owner' and o.revoked_at is null and o.id <> s.id
               ) as is_last_owner
        from staff s where s.org_id = $1 and s.id = $2
        """,
        org_id,
        staff_id,
    )


class FoundMember(msgspec.Struct, frozen=True):
    id: UUID
    email: str


async def find_staff_by_email(db: Connection, org_id: UUID, email: str) -> FoundMember | None:
    """The member with an address, in lower case, who isn't revoked."""
    return await fetch_one(
        db,
        FoundMember,
        "select id, email from staff where org_id = $1 and email = $2 and revoked_at is null",
        org_id,
        email,
    )


async def list_staff(db: Connection, org_id: UUID, after_id: UUID | None, limit: int) -> list[StaffRow]:
    """Staff in the order they were added, the revoked ones too."""
    return await fetch_all(
        db,
        StaffRow,
        """
        select s.id, s.name, s.email, s.role, s.created_at, s.last_used_at, s.revoked_at,
               s.role = 'owner' and s.revoked_at is null and not exists (
                 select from staff o
                 where o.org_id = $1 and o.role = 'owner' and o.revoked_at is null and o.id <> s.id
               ) as is_last_owner
        from staff s where s.org_id = $1 and ($2::uuid is null or s.id > $2)
        order by s.id limit $3
        """,
        org_id,
        after_id,
        limit,
    )


class OwnerRow(msgspec.Struct, frozen=True):
    id: UUID


class OwnerAddress(msgspec.Struct, frozen=True):
    email: str


async def list_owner_addresses(db: Connection, org_id: UUID) -> list[OwnerAddress]:
    """Where to reach the owners."""
    return await fetch_all(
        db,
        OwnerAddress,
        "select email from staff where org_id = $1 and role = 'owner' and revoked_at is null order by id limit 20",
        org_id,
    )


async def lock_owners(db: Connection, org_id: UUID) -> list[OwnerRow]:
    """The owners who aren't revoked, locked in id order, so that two of them can't demote each other at once."""
    return await fetch_all(
        db,
        OwnerRow,
        """
        select id from staff where org_id = $1 and role = 'owner' and revoked_at is null
        order by id for update
        """,
        org_id,
    )


async def change_staff(db: Connection, org_id: UUID, staff_id: UUID, name: str | None, role: Role | None) -> int:
    """Changes a member who isn't revoked; None leaves a field as it is."""
    return await execute(
        db,
        """
        update staff set name = coalesce($3, name), role = coalesce($4, role)
        where org_id = $1 and id = $2 and revoked_at is null
        """,
        org_id, staff_id, name, role,
    )  # fmt: skip


async def revoke_staff(db: Connection, org_id: UUID, staff_id: UUID, now: datetime) -> bool:
    """Ends a member's access; False if there is none who has it."""
    return bool(
        await execute(
            db,
            "update staff set revoked_at = $3 where org_id = $1 and id = $2 and revoked_at is null",
            org_id,
            staff_id,
            now,
        )
    )
