"""Pure decisions of identity."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from booking_api.capabilities import all_scopes
from booking_api.core.cache import remembered
from booking_api.core.context import ROLE_RANK, Caller, Role
from booking_api.core.errors import Forbidden, unprocessable
from booking_api.identity.key_schemas import KeyRow, NewKey
from booking_api.identity.schemas import StaffRow
from booking_api.identity.session_schemas import SessionRow

# sessions ---------------------------------------------------------------------------------------------------------

REUSE_FORGIVEN = timedelta(minutes=1)
"""A refresh token that comes again this long after its successor was first used is a doubled packet or another tab;
later it is a copy in other hands (RFC 9700 §4.14.2)."""


def made_at(session_id: UUID) -> datetime | None:
    """When a session's id was made (RFC 9562 §5.7); None for one that doesn't tell."""
    if session_id.version != 7:
        return None
    return datetime.fromtimestamp((session_id.int >> 80) / 1000, UTC)


def is_ended(session_id: UUID, *, exists: bool, revoked_at: datetime | None, others_ended_at: datetime | None) -> bool:
    """Whether a session has ended: by itself, or, while it has no row, with all that its customer had before."""
    if exists:
        return revoked_at is not None
    if others_ended_at is None:
        return False
    made = made_at(session_id)
    return made is None or made < others_ended_at


def is_reuse(generation: int, row: SessionRow, now: datetime) -> bool:
    """Whether a refresh token that was superseded comes so late that somebody else must have a copy.

    Its successor was first used when the session reached the next generation. Of a generation so old that its moment
    is no longer kept, the oldest that is kept is the latest that it can have been.
    """
    if not row.advances:
        return False
    place = min(row.generation - generation - 1, len(row.advances) - 1)
    return now - row.advances[place] > REUSE_FORGIVEN


BROWSERS = (
    ("edg", "Edge"), ("opr/", "Opera"), ("samsungbrowser", "Samsung Internet"), ("firefox", "Firefox"),
    ("fxios", "Firefox"), ("crios", "Chrome"), ("chrome", "Chrome"), ("safari", "Safari"),
)  # fmt: skip
"""In this order, because most of them also call themselves those that come later."""
SYSTEMS = (
    ("iphone", "iPhone"), ("ipad", "iPad"), ("android", "Android"), ("windows", "Windows"), ("cros", "ChromeOS"),
    ("mac os x", "Mac"), ("macintosh", "Mac"), ("linux", "Linux"),
)  # fmt: skip
DEVICE_LENGTH = 40


@remembered
def device_of(user_agent: str | None) -> str | None:
    """A hint for people of what a session runs on, such as `Safari on iPhone`: the family alone, no version, so that
    it tells nobody apart. None where the header says nothing."""
    text = "".join(character for character in (user_agent or "")[:400] if " " <= character <= "~").strip()
    if not text:
        return None
    lower = text.lower()
    system = next((name for word, name in SYSTEMS if word in lower), None)
    if not lower.startswith("mozilla/"):
        # An app's own name stands first: `Ostwind/4.2 (iPhone; iOS 18.1)`.
        family: str | None = text.partition("/")[0].partition(" ")[0][:DEVICE_LENGTH]
    else:
        family = next((name for word, name in BROWSERS if word in lower), None)
    if family and system:
        return f"{family} on {system}"
    return family or system


# who may do what --------------------------------------------------------------------------------------------------

OWNERS_ALONE = "owners alone"
"""What no scope allows: a person's data, how long it is kept, the sessions of others. No key makes, or removes, an owner."""
ROLE_MAY: dict[str, frozenset[str]] = {
    role: frozenset(scope.name for scope in all_scopes() if ROLE_RANK[scope.role] <= rank)
    | ({OWNERS_ALONE} if role == "owner" else set())
    for role, rank in ROLE_RANK.items()
}
"""What a role may do, in the words of a key's scopes; a contract test compares it with the operations."""
PUBLISHABLE_MAY = frozenset(scope.name for scope in all_scopes() if scope.publishable)


def check_new_key(caller: Caller, new: NewKey) -> None:
    """Raises `Unprocessable` for scopes that don't fit the kind, `Forbidden` for a key that may do more than the caller."""
    if new.kind == "publishable" and new.scopes:
        raise unprocessable("/scopes", "A publishable key has no scopes.")
    if new.kind == "secret" and not new.scopes:
        raise unprocessable("/scopes", "A secret key needs at least one scope.")
    check_may(caller, PUBLISHABLE_MAY if new.kind == "publishable" else new.scopes)


def check_key(caller: Caller, row: KeyRow) -> None:
    """Raises `Forbidden` for a key that may do more than the caller, who then can't revoke it either."""
    check_may(caller, PUBLISHABLE_MAY if row.kind == "publishable" else row.scopes)


def check_role(caller: Caller, role: Role) -> None:
    """Raises `Forbidden` for a role that may do more than the caller."""
    check_may(caller, ROLE_MAY[role])


def check_may(caller: Caller, scopes: Collection[str]) -> None:
    """Raises `Forbidden` where nobody with these scopes may be made, promoted, demoted or removed by the caller: nobody
    grants, or takes away, what they don't have. Owners may everything."""
    held = caller.scopes if caller.kind == "key" else ROLE_MAY.get(caller.role or "", frozenset())
    if OWNERS_ALONE in set(scopes) - held:
        raise Forbidden("Only an owner makes, promotes, demotes or removes an owner.")
    if lacking := sorted(set(scopes) - held):
        raise Forbidden(f"This takes scopes that the caller doesn't have: {', '.join(lacking)}.")


def key_actions(row: KeyRow) -> list[str]:
    return [] if row.revoked_at is not None else ["change", "revoke"]


def staff_actions(row: StaffRow) -> list[str]:
    if row.revoked_at is not None:
        return []
    return ["rename"] if row.is_last_owner else ["rename", "change_role", "revoke"]
