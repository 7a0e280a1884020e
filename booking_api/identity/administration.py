"""The verbs of those who may decide who else may do what: owners, and keys with the scope."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.errors import Conflict, NotFound, unprocessable
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.identity import audit, operations, queries, rules, staff_queries
from booking_api.identity.key_schemas import KeyAnswer, KeyChange, KeyLimits, KeyList, KeyRow, NewKey
from booking_api.identity.origin_rules import read_origins
from booking_api.identity.schemas import (
    LastOwner,
    NewStaff,
    OrganisationAnswer,
    OrganisationChange,
    PageQuery,
    StaffAnswer,
    StaffChange,
    StaffList,
    StaffRow,
)


def _after(page: PageQuery) -> UUID | None:
    return None if page.cursor is None else read_cursor(page.cursor, tuple[UUID])[0]


# the organisation -------------------------------------------------------------------------------------------------


async def show_organisation(ctx: Context) -> OrganisationAnswer:
    """The organisation as it is now; the context's copy may be a moment old."""
    org = await queries.find_organisation(ctx.db, ctx.org_id)
    if org is None:
        raise NotFound
    return OrganisationAnswer(
        id=org.org_id, name=org.name, time_zone=org.time_zone, currency=org.currency, locale=org.locale, live=org.live,
        retention_days=org.retention_days, erased_after_days=org.retention_days or ctx.settings.retention_days or None,
    )  # fmt: skip


async def change_organisation(ctx: Context, change: OrganisationChange) -> OrganisationAnswer:
    """Changes what an owner may decide for the organisation."""
    days = change.retention_days
    if days is not msgspec.UNSET and await queries.change_retention(ctx.db, ctx.org_id, days):
        await audit.note(ctx, "organisation.changed", "organisation", ctx.org_id, "retention_days")
    return await show_organisation(ctx)


# keys -------------------------------------------------------------------------------------------------------------


def _key_answer(row: KeyRow) -> KeyAnswer:
    return KeyAnswer(
        id=row.id, kind=row.kind, name=row.name, channel=row.channel, scopes=row.scopes, hint=row.hint,
        created_at=row.created_at, last_used_at=row.last_used_at, revoked_at=row.revoked_at,
        allowed_origins=row.allowed_origins, allowed_apps=row.allowed_apps,
        rate_limit_per_minute=row.rate_limit_per_minute, available_actions=rules.key_actions(row),
    )  # fmt: skip


async def create_key(ctx: Context, new: NewKey) -> tuple[KeyAnswer, str]:
    """Makes a key; its answer, and the key itself. Raises `Unprocessable` and `Forbidden` as `check_new_key` does."""
    rules.check_new_key(ctx.caller, new)
    channel = new.channel or ("web" if new.kind == "publishable" else "partner")
    limits = check_limits(new.kind, new.allowed_origins, new.allowed_apps, new.rate_limit_per_minute)
    row, key = await operations.add_key(
        ctx.db, ctx.org, new.kind, new.name, ctx.now, channel=channel, scopes=sorted(set(new.scopes)), limits=limits
    )
    await audit.note(ctx, "key.created", "key", row.id, new.kind)
    return _key_answer(row), key


def check_limits(kind: str, origins: Sequence[str], apps: Sequence[str], rate: int | None) -> KeyLimits:
    """Whom a key is bound to, written in one way. Raises `Unprocessable` for what isn't an origin, and for a secret key
    that would be bound: it stays on a server, which has neither page nor app."""
    for pointer, given in (("/allowed_origins", origins), ("/allowed_apps", apps)):
        if given and kind != "publishable":
            raise unprocessable(pointer, "Only a publishable key can be bound to this.")
    return KeyLimits(read_origins(origins), sorted(set(apps)), rate)


async def change_key(ctx: Context, key_id: UUID, change: KeyChange) -> KeyAnswer:
    """Changes a key's name, whom it is bound to, and its rate. Raises `NotFound`, `Conflict` for one that is revoked,
    `Unprocessable` as `check_limits` does, and `Forbidden` for one that may do more than the caller."""
    row = await queries.find_key(ctx.db, ctx.org_id, key_id)
    if row is None:
        raise NotFound
    rules.check_key(ctx.caller, row)
    if row.revoked_at is not None:
        raise Conflict("This key has been revoked; make another one.")
    name, origins, apps, rate = (
        getattr(row, field) if (given := getattr(change, field)) is msgspec.UNSET else given
        for field in ("name", "allowed_origins", "allowed_apps", "rate_limit_per_minute")
    )
    limits = check_limits(row.kind, origins, apps, rate)
    changed = msgspec.structs.replace(row, name=name, **msgspec.structs.asdict(limits))
    if changed != row:
        await queries.change_key(ctx.db, ctx.org_id, key_id, name, limits)
        await audit.note(ctx, "key.changed", "key", key_id)
    return _key_answer(changed)


async def list_keys(ctx: Context, page: PageQuery) -> KeyList:
    rows = await queries.list_keys(ctx.db, ctx.org_id, _after(page), page.limit + 1)
    following = write_cursor(rows[page.limit - 1].id) if len(rows) > page.limit else None
    return KeyList(items=[_key_answer(row) for row in rows[: page.limit]], next_cursor=following)


async def revoke_key(ctx: Context, key_id: UUID) -> None:
    """Ends a key for good; again is no error. Raises `NotFound`, and `Forbidden` for one that may do more."""
    row = await queries.find_key(ctx.db, ctx.org_id, key_id)
    if row is None:
        raise NotFound
    rules.check_key(ctx.caller, row)
    if await queries.revoke_key(ctx.db, ctx.org_id, key_id, ctx.now):
        await audit.note(ctx, "key.revoked", "key", key_id)


# staff ------------------------------------------------------------------------------------------------------------


def _staff_answer(row: StaffRow) -> StaffAnswer:
    return StaffAnswer(
        id=row.id, name=row.name, email=row.email, role=row.role, created_at=row.created_at,
        last_used_at=row.last_used_at, revoked_at=row.revoked_at, available_actions=rules.staff_actions(row),
    )  # fmt: skip


async def create_staff(ctx: Context, new: NewStaff) -> tuple[StaffAnswer, StaffRow]:
    """Adds a member of staff. Raises `EmailTaken`, and `Forbidden` as `check_role` does."""
    rules.check_role(ctx.caller, new.role)
    row = await operations.add_staff(ctx.db, ctx.org, new.name, new.email, new.role, ctx.now)
    await audit.note(ctx, "staff.created", "staff", row.id, f"as_{new.role}")
    # Read again, because whether they are the only owner is decided by the rows.
    found = await staff_queries.find_staff(ctx.db, ctx.org_id, row.id) or row
    return _staff_answer(found), found


async def list_staff(ctx: Context, page: PageQuery) -> StaffList:
    rows = await staff_queries.list_staff(ctx.db, ctx.org_id, _after(page), page.limit + 1)
    following = write_cursor(rows[page.limit - 1].id) if len(rows) > page.limit else None
    return StaffList(items=[_staff_answer(row) for row in rows[: page.limit]], next_cursor=following)


async def _keep_an_owner(ctx: Context, staff_id: UUID) -> None:
    """Raises `LastOwner` if this is the only one. Holds the owners' rows until the transaction ends."""
    owners = [owner.id for owner in await staff_queries.lock_owners(ctx.db, ctx.org_id)]
    if owners == [staff_id]:
        raise LastOwner


async def _check_reaches(ctx: Context, staff_id: UUID) -> None:
    """Raises `Forbidden` for a member who may do more than the caller, `NotFound` for none."""
    row = await staff_queries.find_staff(ctx.db, ctx.org_id, staff_id)
    if row is None:
        raise NotFound
    rules.check_role(ctx.caller, row.role)


async def change_staff(ctx: Context, staff_id: UUID, change: StaffChange) -> StaffAnswer:
    """Changes name or role, the role at once. Raises `NotFound`, `LastOwner`, `Conflict` for one who is revoked, and
    `Forbidden` where the role, or the one that they have, may do more than the caller."""
    name, role = change.name or None, change.role or None
    if role is not None:
        await _check_reaches(ctx, staff_id)
        rules.check_role(ctx.caller, role)
        if role != "owner":
            await _keep_an_owner(ctx, staff_id)
    before = await staff_queries.find_staff(ctx.db, ctx.org_id, staff_id)
    changed = await staff_queries.change_staff(ctx.db, ctx.org_id, staff_id, name, role)
    row = await staff_queries.find_staff(ctx.db, ctx.org_id, staff_id)
    if before is None or row is None:
        raise NotFound
    if not changed:
        raise Conflict("This member of staff no longer has access; add them anew.")
    if row.role != before.role:
        await audit.note(ctx, "staff.role_changed", "staff", staff_id, f"{before.role}_to_{row.role}")
    if row.name != before.name:
        await audit.note(ctx, "staff.changed", "staff", staff_id, "name")
    return _staff_answer(row)


async def revoke_staff(ctx: Context, staff_id: UUID) -> None:
    """Ends a member's access; again is no error. Raises `NotFound` and `LastOwner`, and `Forbidden` for one who may do
    more than the caller."""
    await _check_reaches(ctx, staff_id)
    await _keep_an_owner(ctx, staff_id)
    if await staff_queries.find_staff(ctx.db, ctx.org_id, staff_id) is None:
        raise NotFound
    if await staff_queries.revoke_staff(ctx.db, ctx.org_id, staff_id, ctx.now):
        await audit.note(ctx, "staff.revoked", "staff", staff_id)
