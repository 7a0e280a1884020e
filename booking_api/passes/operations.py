"""The verbs of passes: issue, revoke, find, verify, show; who comes in and who leaves."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context
from booking_api.core.db import Connection
from booking_api.core.errors import Forbidden, NotFound, Unauthenticated
from booking_api.core.ids import new_id
from booking_api.core.per_process import PerProcess
from booking_api.core.runtime import Runtime
from booking_api.core.secrets import Vault
from booking_api.identity import operations as identity
from booking_api.identity import reach
from booking_api.passes import attendance_queries, drawing, queries, rules
from booking_api.passes.drawing import ImageFormat
from booking_api.passes.schemas import (
    AttendanceBefore,
    Entering,
    Issue,
    ItemState,
    Leaving,
    PassAnswer,
    PassClaims,
    PassRequest,
    PassRow,
    PicturedPass,
    Revoked,
    VerifiedPass,
)

IMAGES = PerProcess(lambda: BoundedCache[str, bytes](CACHED_IMAGES))
CACHED_IMAGES = 4_096
"""A picture of a pass has at most 8 KB, so that the cache stays below 32 MB."""
_IMAGE_PURPOSE = "pass images"


async def issue(ctx: Context, requests: Sequence[PassRequest], *, revoking: bool = False) -> list[PassRow]:
    """Issues a pass for each item, in the caller's transaction, in place of the one it had.

    A code that somebody saved earlier stays good, and the gate judges it by today's slot, unless the pass is for
    another holder now or `revoking` says that earlier codes are worthless: for a rebooking, a move to another phone,
    a wish. The caller holds the lock of the items' booking; should two issue for one item all the same, the later
    fails with `Conflict`. The rows come in the order of the requests.
    """
    if not requests:
        return []
    key = await identity.active_signing_key(ctx)
    item_ids = [request.item_id for request in requests]
    latest = {row.item_id: row for row in await queries.find_latest_issues(ctx.db, ctx.org_id, item_ids)}
    rows: list[PassRow] = []
    revoked: list[Revoked] = []
    for request in requests:
        before = latest.get(request.item_id)
        issued_at = rules.next_issue(ctx.now, before.issued_at if before else None)
        if before is not None and (revoking or before.customer_id != request.customer_id):
            revoked.append(Revoked(request.item_id, issued_at))
        valid_from, valid_until = rules.whole_seconds(request.valid_from), rules.whole_seconds(request.valid_until)
        claims = PassClaims(
            request.item_id, request.slot_id,
            int(issued_at.timestamp()), int(valid_from.timestamp()), int(valid_until.timestamp()),
        )  # fmt: skip
        row = PassRow(
            id=new_id(),
            item_id=request.item_id,
            slot_id=request.slot_id,
            customer_id=request.customer_id,
            kid=key.kid,
            code=rules.write_code(claims, key.kid, key.private_key),
            issued_at=issued_at,
            valid_from=valid_from,
            valid_until=valid_until,
            revoked_at=None,
        )
        rows.append(row)
    if latest:
        await queries.revoke_passes(ctx.db, ctx.org_id, list(latest), ctx.now)
    if revoked:
        await queries.revoke_codes(ctx.db, ctx.org_id, revoked)
    await queries.insert_passes(ctx.db, ctx.org_id, rows)
    return rows


async def revoke(db: Connection, org_id: UUID, item_ids: Sequence[UUID], now: datetime) -> int:
    """Takes these items their passes, so that no code of theirs is good any more; how many there were."""
    return await queries.revoke_passes(db, org_id, item_ids, now) if item_ids else 0


async def find_items(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, ItemState]:
    """For each of these items its current pass and whether it was admitted.

    Whoever decides by the latter holds the lock of the items' booking, which scans and undoing take too.
    """
    if not item_ids:
        return {}
    return {
        row.item_id: ItemState(
            item_id=row.item_id, current=rules.current_pass(row), first_admitted_at=row.first_admitted_at
        )
        for row in await queries.find_items(db, org_id, item_ids)
    }


async def find_passes(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, PassRow]:
    """The current pass of each item that has one."""
    states = (await find_items(db, org_id, item_ids)).values()
    return {state.item_id: state.current for state in states if state.current is not None}


def pass_answer(ctx: Context, row: PassRow, paid: bool) -> PassAnswer:
    """A pass as its owner gets it, with URLs of its pictures that need no header."""
    base = f"{ctx.base_url or ctx.settings.base_url}/v1/passes/{row.id}/qr"
    return PassAnswer(
        id=row.id, code=row.code, valid_from=row.valid_from, valid_until=row.valid_until, paid=paid,
        svg_url=f"{base}.svg?s={sign_image(ctx.vault, ctx.org_id, row.id, 'svg')}",
        png_url=f"{base}.png?s={sign_image(ctx.vault, ctx.org_id, row.id, 'png')}",
    )  # fmt: skip


async def verify(ctx: Context, code: str) -> VerifiedPass | None:
    """What a code says if an organisation of this installation signed it; None if it is forged.

    Says nothing about the time, about revocation, or whether the pass is this organisation's: look at `org_id`.
    """
    kid = rules.find_kid(code)
    if kid is None:
        return None
    org_id = ctx.org_id
    public_key = await identity.find_public_key(ctx.db, ctx.caches, org_id, kid)
    if public_key is None:
        owner = await queries.find_key_owner(ctx.db, kid)
        if owner is None:
            return None
        org_id = owner
        public_key = await identity.find_public_key(ctx.db, ctx.caches, org_id, kid)
    claims = None if public_key is None else rules.read_code(code, public_key)
    return None if claims is None else _verified(org_id, claims)


async def verify_all(ctx: Context, codes: Sequence[str]) -> list[VerifiedPass | None]:
    """As `verify`, for many codes at once, and with whether they are on record.

    A code that is on record letter by letter is the one that was signed when it was issued, and needs no look at
    its signature, which costs ten times as much as all else that is to be done with a code.
    """
    claims = [rules.find_claims(code) for code in codes]
    wanted = {_issue_of(one) for one in claims if one is not None}
    issued: dict[Issue, str] = {}
    if wanted:
        found = await queries.find_issued(ctx.db, ctx.org_id, list(wanted))
        issued = {Issue(row.item_id, row.issued_at): row.code for row in found}
    verified: list[VerifiedPass | None] = []
    for code, one in zip(codes, claims, strict=True):
        if one is None:
            verified.append(None)
            continue
        on_record = issued.get(_issue_of(one))
        if on_record is not None and secrets.compare_digest(on_record.encode(), code.encode()):
            verified.append(_verified(ctx.org_id, one, recorded=True))
        elif (signed := await verify(ctx, code)) is not None:
            recorded = on_record is not None and signed.org_id == ctx.org_id
            verified.append(msgspec.structs.replace(signed, recorded=recorded))
        else:
            verified.append(None)
    return verified


def _issue_of(claims: PassClaims) -> Issue:
    return Issue(claims.item_id, datetime.fromtimestamp(claims.issued_at, UTC))


def _verified(org_id: UUID, claims: PassClaims, *, recorded: bool = False) -> VerifiedPass:
    issued_at, valid_from, valid_until = (
        datetime.fromtimestamp(second, UTC) for second in (claims.issued_at, claims.valid_from, claims.valid_until)
    )
    return VerifiedPass(org_id, claims.item_id, claims.slot_id, issued_at, valid_from, valid_until, recorded)


# who is inside ----------------------------------------------------------------------------------------------------


async def enter(ctx: Context, entering: Sequence[Entering]) -> None:
    """Notes that items came in, in the transaction of the scan.

    The caller holds the locks of their bookings.
    """
    if entering:
        await attendance_queries.enter(ctx.db, ctx.org_id, entering, ctx.now)


async def leave(ctx: Context, leaving: Sequence[Leaving]) -> None:
    """Notes that items left, in the transaction of the scan; of who never came, nothing."""
    if leaving:
        await attendance_queries.leave(ctx.db, ctx.org_id, leaving, ctx.now)


async def restore_attendance(ctx: Context, before: Sequence[AttendanceBefore]) -> None:
    """Undoes what a scan changed: items are where they were before it, and were never here if it was their first."""
    if begun := [row.item_id for row in before if row.nonce is None]:
        await attendance_queries.delete_attendance(ctx.db, ctx.org_id, begun)
    if earlier := [row for row in before if row.nonce is not None]:
        await attendance_queries.restore_attendance(ctx.db, ctx.org_id, earlier, ctx.now)


async def list_untold_admissions(db: Connection, limit: int) -> dict[UUID, list[UUID]]:
    """By organisation, items that were admitted and of which nobody was told yet."""
    found: dict[UUID, list[UUID]] = {}
    for row in await attendance_queries.list_untold_admissions(db, limit):
        found.setdefault(row.org_id, []).append(row.item_id)
    return found


async def mark_admissions_told(db: Connection, org_id: UUID, item_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the items that nobody was told of yet; from the caller's transaction on, which tells of them, they are told.

    The caller holds the locks of their bookings.
    """
    return (
        {row.item_id for row in await attendance_queries.mark_admissions_told(db, org_id, item_ids)}
        if item_ids
        else set()
    )


# pictures ---------------------------------------------------------------------------------------------------------


def sign_image(vault: Vault, org_id: UUID, pass_id: UUID, image_format: ImageFormat) -> str:
    """The `s` of a picture's URL."""
    mac = vault.sign(_IMAGE_PURPOSE, rules.image_signature_message(org_id, pass_id, image_format))
    return rules.write_signature(org_id, mac)


def open_signature(vault: Vault, pass_id: UUID, image_format: ImageFormat, signature: str) -> UUID:
    """The organisation that a picture's URL was signed for. Raises `Unauthenticated` for a forged `s`."""
    found = rules.read_signature(signature) if signature.isascii() else None
    if found is None or not vault.verify(
        _IMAGE_PURPOSE, rules.image_signature_message(found[0], pass_id, image_format), found[1]
    ):
        raise Unauthenticated("The signature of this URL is not valid.")
    return found[0]


async def find_pictured(ctx: Context, pass_id: UUID, *, signed: bool) -> PicturedPass:
    """The pass to draw. Raises `NotFound` once it is replaced or revoked, for a signed URL also once it has ended,
    which a delay of its slot puts off.

    A customer sees their own, a member of staff or an integration any of the organisation; others are `Forbidden`.
    """
    if not signed and ctx.caller.kind != "customer" and not ctx.caller.may("bookings:read", "agent"):
        raise Forbidden
    row = await queries.find_pass(ctx.db, ctx.org_id, pass_id)
    if row is None or row.revoked_at is not None or (signed and row.valid_until + row.delayed_by <= ctx.now):
        raise NotFound
    if not signed and ctx.caller.is_customer and row.customer_id != ctx.caller.subject_id:
        raise NotFound
    if not signed and ctx.caller.restriction is not None:
        seen = await queries.find_pass_contact(ctx.db, ctx.org_id, pass_id)
        if seen is None or not reach.reaches(ctx, seen.booking_id, seen.session_id, seen.email, seen.phone):
            raise NotFound
    return row


def image_etag(code: str, image_format: ImageFormat) -> str:
    """The ETag of a picture, known before it is drawn: it depends on nothing but the code."""
    return f'"{hashlib.sha256(f"{drawing.EDITION} {image_format} {code}".encode()).hexdigest()[:20]}"'


async def draw_pass(runtime: Runtime, code: str, image_format: ImageFormat) -> bytes:
    """The picture of a code, from the cache or drawn in a thread."""
    cache = IMAGES.of(runtime.caches)
    key = image_etag(code, image_format)
    picture = cache.get(key)
    if picture is None:
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(runtime.threads, drawing.draw, code, image_format)
        cache.put(key, picture)
    return picture
