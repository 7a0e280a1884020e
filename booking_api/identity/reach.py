"""How far a customer's session reaches: all that is theirs, or what a proven address or a single booking opens. Pure.

A session that recovery opened keeps a digest of the address that was proven, keyed by the master secret, and each
look compares it with the contact that a booking has at that moment: a booking whose contact is edited or erased
leaves the session, and one that gets the address enters it. Nothing of the address is stored with the session.
"""

import hmac
from typing import Literal
from uuid import UUID

from booking_api.core.context import Caller, Context, Organisation, Restriction
from booking_api.core.secrets import Vault
from booking_api.core.text.addresses import email_key, phone_key

AddressKind = Literal["email", "phone"]
PURPOSE = "session addresses"
MARK_BYTES, DIGEST_BYTES = 4, 16


def canonical(kind: AddressKind, address: str, country: str | None) -> str:
    """The form in which addresses are compared, however they are written; national numbers are those of the country."""
    return email_key(address) if kind == "email" else phone_key(address, country).lstrip("+")


def digests(vault: Vault, org: Organisation, kind: AddressKind, address: str) -> list[bytes]:
    """The digests of an address, one for each master secret, that of the newest first."""
    message = org.org_id.bytes + kind.encode() + b"\0" + canonical(kind, address, org.phone_country).encode()
    return [_mark(key) + hmac.digest(key, message, "sha256")[:DIGEST_BYTES] for key in vault.keys_for(PURPOSE)]


def _mark(key: bytes) -> bytes:
    return hmac.digest(key, b"mark", "sha256")[:MARK_BYTES]


def is_readable(vault: Vault, digest: bytes) -> bool:
    """Whether the master secret that a digest was made with is still there: without it no address can be compared."""
    return any(hmac.compare_digest(_mark(key), digest[:MARK_BYTES]) for key in vault.keys_for(PURPOSE))


def matches(vault: Vault, org: Organisation, digest: bytes, email: str | None, phone: str | None) -> bool:
    """Whether one of a contact's addresses is the one that a digest was made of."""
    given: tuple[tuple[AddressKind, str | None], ...] = (("email", email), ("phone", phone))
    return any(
        hmac.compare_digest(known, digest)
        for kind, address in given
        if address and canonical(kind, address, org.phone_country)
        for known in digests(vault, org, kind, address)
    )


def same_addresses(before: tuple[str | None, str | None], after: tuple[str | None, str | None]) -> bool:
    """Whether a contact (e-mail, phone) can be reached under every address under which it could be before."""

    def is_kept(kind: AddressKind, old: str | None, new: str | None) -> bool:
        return not old or (new is not None and canonical(kind, old, None) == canonical(kind, new, None))

    (old_email, old_phone), (new_email, new_phone) = before, after
    return is_kept("email", old_email, new_email) and is_kept("phone", old_phone, new_phone)


def reaches(ctx: Context, booking_id: UUID, session_id: UUID | None, email: str | None, phone: str | None) -> bool:
    """Whether the caller's session sees a booking of its customer, given the session that made the booking's order, if
    that was a restricted one, and the addresses of its contact."""
    caller, restriction = ctx.caller, ctx.caller.restriction
    if restriction is None or (session_id is not None and session_id == caller.credential_id):
        return True
    if restriction.booking_id is not None:
        return restriction.booking_id == booking_id
    return restriction.address is not None and matches(ctx.vault, ctx.org, restriction.address, email, phone)


def scope_of(caller: Caller) -> int:
    """What a sync position is bound to: the customer, and what their session sees. What leaves a restricted session
    leaves no tombstone that it may be told of, so that its positions end with each time that something may have left,
    and the app starts anew."""
    restriction = caller.restriction or Restriction()
    booking_id = restriction.booking_id
    parts = (
        (caller.subject_id or caller.credential_id).bytes, restriction.address or b"",
        b"" if booking_id is None else booking_id.bytes,
        # A session sees what it made itself, so that no two restricted ones see the same.
        b"" if caller.restriction is None else caller.credential_id.bytes,
        b"" if restriction.narrowed_at is None else restriction.narrowed_at.isoformat().encode(),
    )  # fmt: skip
    return int.from_bytes(hmac.digest(b"scope", b"\0".join(parts), "sha256")[:6], "big")
