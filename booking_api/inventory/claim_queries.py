"""The SQL that takes and gives back: slots before quotas, always in id order, so that nothing deadlocks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all
from booking_api.core.db.rows import columns_of
from booking_api.inventory.schemas import ClaimRequest


class FreeSlot(msgspec.Struct, frozen=True):
    id: UUID
    free: int
    status: str
    version: int


async def lock_slots(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[FreeSlot]:
    """Locks the slots until the transaction ends; their free places as of the lock."""
    return await fetch_all(
        db,
        FreeSlot,
        """
        select id, capacity - taken as free, status, version from slot
        where org_id = $1 and id = any($2::uuid[]) order by id for update
        """,
        org_id,
        slot_ids,
    )


class IdleSlot(msgspec.Struct, frozen=True):
    id: UUID


async def lock_idle_slots(db: Connection, org_id: UUID, slot_ids: Sequence[UUID]) -> list[IdleSlot]:
    """As `lock_slots`, but those that somebody else has locked are left out, so that nobody waits."""
    return await fetch_all(
        db,
        IdleSlot,
        "select id from slot where org_id = $1 and id = any($2::uuid[]) order by id for update skip locked",
        org_id,
        slot_ids,
    )


class FreeQuota(msgspec.Struct, frozen=True):
    slot_id: UUID
    option_id: UUID
    free: int


async def lock_quotas(
    db: Connection, org_id: UUID, slot_ids: Sequence[UUID], option_ids: Sequence[UUID]
) -> list[FreeQuota]:
    """Locks the quotas of these slots' options; an option without a row has no limit of its own."""
    return await fetch_all(
        db,
        FreeQuota,
        """
        select slot_id, option_id, capacity - taken as free from quota
        where org_id = $1 and slot_id = any($2::uuid[]) and option_id = any($3::uuid[])
        order by slot_id, option_id for update
        """,
        org_id,
        slot_ids,
        option_ids,
    )


class MovedSlot(msgspec.Struct, frozen=True):
    """How much more of a slot is taken, negative: less."""

    id: UUID
    places: int


class NewClaim(msgspec.Struct, frozen=True):
    """What is written of a request for places that were taken for it."""

    id: UUID
    slot_id: UUID
    option_id: UUID
    holder_id: UUID
    places: int
    quota_places: int
    expires_at: datetime | None


async def move_slots(
    db: Connection,
    org_id: UUID,
    moved: Sequence[MovedSlot],
    claims: Sequence[ClaimRequest] = (),
    now: datetime | None = None,
) -> None:
    """Moves what is taken, and writes the claims that it is taken for, if any, as made at a moment.

    Raises a check violation beyond the capacity.
    """
    await execute(
        db,
        """
        with claimed as (
          insert into claim (org_id, id, slot_id, option_id, holder_id, places, quota_places, expires_at, created_at)
          select $1, c.*, $11
          from unnest(
            $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::int[], $9::int[], $10::timestamptz[]
          ) as c (id, slot_id, option_id, holder_id, places, quota_places, expires_at)
        )
        update slot set taken = slot.taken + moved.places
        from unnest($2::uuid[], $3::int[]) as moved (id, places)
        where slot.org_id = $1 and slot.id = moved.id
        """,
        org_id,
        *columns_of(moved, MovedSlot),
        *columns_of(claims, NewClaim),
        now,
    )


class MovedQuota(msgspec.Struct, frozen=True):
    """How much more of a quota is taken, negative: less."""

    slot_id: UUID
    option_id: UUID
    places: int


async def move_quotas(db: Connection, org_id: UUID, moved: Sequence[MovedQuota]) -> None:
    await execute(
        db,
        """
        update quota set taken = quota.taken + moved.places
        from unnest($2::uuid[], $3::uuid[], $4::int[]) as moved (slot_id, option_id, places)
        where quota.org_id = $1 and quota.slot_id = moved.slot_id and quota.option_id = moved.option_id
        """,
        org_id,
        *columns_of(moved, MovedQuota),
    )


class Released(msgspec.Struct, frozen=True):
    slot_id: UUID
    option_id: UUID
    places: int
    quota_places: int


async def delete_claims(db: Connection, org_id: UUID, claim_ids: Sequence[UUID]) -> list[Released]:
    """Only who deletes a claim's row may give its places back, which is why nothing is given back twice."""
    return await fetch_all(
        db,
        Released,
        """
        delete from claim where org_id = $1 and id = any($2::uuid[])
        returning slot_id, option_id, places, quota_places
        """,
        org_id,
        claim_ids,
    )


class KeptPlaces(msgspec.Struct, frozen=True):
    """How many places a claim is left with."""

    id: UUID
    places: int
    quota_places: int


async def shrink_claims(db: Connection, org_id: UUID, kept: Sequence[KeptPlaces]) -> list[Released]:
    """Leaves these claims with no more than so many places, for good; what they had beyond that.

    The row that is changed says what may be given back, so that nothing is given back twice here either.
    """
    return await fetch_all(
        db,
        Released,
        """
        with before as materialized (
          select c.id, c.slot_id, c.option_id, c.places, c.quota_places,
            least(c.places, k.places) as places_kept, least(c.quota_places, k.quota_places) as quota_places_kept
          from unnest($2::uuid[], $3::int[], $4::int[]) as k (id, places, quota_places)
          join claim c on c.org_id = $1 and c.id = k.id
          order by c.id for update of c
        )
        update claim set places = before.places_kept, quota_places = before.quota_places_kept, expires_at = null
        from before where claim.org_id = $1 and claim.id = before.id
        returning before.slot_id, before.option_id, before.places - before.places_kept as places,
          before.quota_places - before.quota_places_kept as quota_places
        """,
        org_id,
        *columns_of(kept, KeptPlaces),
    )


async def set_claims_expiry(
    db: Connection, org_id: UUID, claim_ids: Sequence[UUID], expires_at: datetime | None
) -> int:
    """The number of claims that were still there to be kept or extended."""
    return await execute(
        db,
        "update claim set expires_at = $3 where org_id = $1 and id = any($2::uuid[])",
        org_id,
        claim_ids,
        expires_at,
    )


async def set_holder(db: Connection, org_id: UUID, claim_ids: Sequence[UUID], holder_id: UUID) -> int:
    return await execute(
        db,
        "update claim set holder_id = $3 where org_id = $1 and id = any($2::uuid[])",
        org_id, claim_ids, holder_id,
    )  # fmt: skip
