"""Pure decisions of identity."""

from collections.abc import Collection

from booking_api.core.context import Caller, Role
from booking_api.core.errors import Forbidden, unprocessable
from booking_api.identity.schemas import SCOPES, KeyRow, NewKey, StaffRow


def check_new_key(caller: Caller, new: NewKey) -> None:
    """Raises `Unprocessable` for scopes that don't fit the kind, `Forbidden` for those that a key itself lacks."""
    if new.kind == "publishable" and new.scopes:
        raise unprocessable("/scopes", "A publishable key has no scopes.")
    if new.kind == "secret" and not new.scopes:
        raise unprocessable("/scopes", "A secret key needs at least one scope.")
    if caller.kind == "key" and (lacking := _lacking(caller, new.scopes)):
        raise Forbidden(f"A key can't grant scopes that it doesn't have: {', '.join(lacking)}.")


def check_role(caller: Caller, role: Role) -> None:
    """Raises `Forbidden` where a key would make somebody mightier than itself: an owner can make any key."""
    if caller.kind == "key" and role == "owner" and _lacking(caller, SCOPES):
        raise Forbidden("Only a key with every scope may make somebody an owner.")


def _lacking(caller: Caller, scopes: Collection[str]) -> list[str]:
    return sorted(set(scopes) - caller.scopes)


def key_actions(row: KeyRow) -> list[str]:
    return [] if row.revoked_at is not None else ["revoke"]


def staff_actions(row: StaffRow) -> list[str]:
    if row.revoked_at is not None:
        return []
    return ["rename"] if row.is_last_owner else ["rename", "change_role", "revoke"]
