"""The verbs of the gate that change something: scan and undo."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from booking_api.catalog import operations as catalog
from booking_api.catalog.schemas import ProductDefinition
from booking_api.checkin import answers, queries, rules
from booking_api.checkin.rules import REFUSES_PARTY, Facts, Judgement, LaterScan
from booking_api.checkin.schemas import (
    ItemFacts,
    NewScan,
    OutcomeRow,
    Presence,
    ScanAnswer,
    ScanItem,
    ScanRow,
    StoredScan,
    UndoneScan,
)
from booking_api.core.context import Context
from booking_api.core.db import columns
from booking_api.core.errors import Forbidden, IdempotencyMismatch, NotFound, invalid
from booking_api.core.ids import new_id
from booking_api.core.secrets import fingerprint
from booking_api.passes import operations as passes

FIRST_YEAR, LAST_YEAR = 1970, 2100


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """One item of a scan with its verdict. Without a row nothing is known of it."""

    item_id: UUID | None
    judgement: Judgement
    row: ItemFacts | None = None
    facts: Facts | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Presented:
    """What was held under the scanner: an item of ours, or the verdict that it is none."""

    item_id: UUID | None = None
    issued_at: datetime | None = None
    """The pass's `iat`; None for an item that was looked up."""
    verdict: str | None = None


def actor_of(ctx: Context) -> UUID:
    """Who scans: the member of staff, or the key."""
    return ctx.caller.subject_id or ctx.caller.credential_id


def request_hash(new: NewScan) -> bytes:
    """What makes two scans the same one. The device's clock isn't part of it."""
    party = sorted(item_id.bytes for item_id in new.party_item_ids or ())
    return fingerprint(
        (new.code or "").encode("utf-8", "surrogatepass"), str(new.item_id).encode(), (new.gate or "").encode(),
        str(new.slot_id).encode(), new.direction.encode(), b"".join(party),
        new.override.reason.encode() if new.override else b"",
    )  # fmt: skip


def _check_request(ctx: Context, new: NewScan) -> None:
    if (new.code is None) == (new.item_id is None):
        raise invalid("/code", "Send either `code` or `item_id`.")
    if new.scanned_at is not None and not FIRST_YEAR <= new.scanned_at.year <= LAST_YEAR:
        raise invalid("/scanned_at", f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.")
    if new.item_id is not None and ctx.caller.kind != "staff":
        raise Forbidden("Only staff may admit somebody without a pass.")
    if new.override is not None and not ctx.caller.may("scan:override", "manager"):
        raise Forbidden("An override needs the role of a manager or the scope `scan:override`.")


async def scan(ctx: Context, new: NewScan) -> tuple[bytes, bool]:
    """Judges a scan, records it, and lets through whom the verdict admits. The answer as JSON, and whether it is
    that of an earlier scan with the same nonce.

    Raises `IdempotencyMismatch` where the nonce belongs to another scan, `Forbidden` for an override or a look-up
    scan that the caller may not make.
    """
    _check_request(ctx, new)
    digest = request_hash(new)
    if (stored := await queries.find_scan(ctx.db, ctx.org_id, new.nonce)) is not None:
        return replay(ctx, new.nonce, stored, digest), True
    judged, definition = await _judge_party(ctx, new, await _present(ctx, new))
    answer = msgspec.json.encode(await _answer(ctx, new, judged, definition))
    first = judged[0]
    recorded = await queries.insert_scan(
        ctx.db, ctx.org_id,
        ScanRow(
            nonce=new.nonce, id=new_id(), request_hash=digest, item_id=first.item_id,
            slot_id=first.row.slot_id if first.row else None, gate=new.gate, direction=new.direction,
            admit=first.judgement.admit, verdict=first.judgement.verdict, scanned_at=new.scanned_at or ctx.now,
            received_at=ctx.now, scanned_by=actor_of(ctx),
            override_reason=new.override.reason if new.override else None, answer=answer,
        ),
    )  # fmt: skip
    if not recorded:
        # A twin with the same nonce was quicker: its verdict is the one, and nothing of this one is left.
        stored = await queries.find_scan(ctx.db, ctx.org_id, new.nonce)
        assert stored is not None
        return replay(ctx, new.nonce, stored, digest), True
    await _record(ctx, new, judged)
    return answer, False


def replay(ctx: Context, nonce: str, stored: StoredScan, digest: bytes) -> bytes:
    """The answer of an earlier scan; once its text was erased, what is on record."""
    if stored.request_hash != digest:
        raise IdempotencyMismatch("This nonce was used for another scan.")
    if stored.answer:
        return stored.answer
    judgement = Judgement(stored.verdict, stored.admit)
    return msgspec.json.encode(
        ScanAnswer(
            nonce=nonce, admit=stored.admit, verdict=stored.verdict, attention=[],
            reason=answers.sentence(judgement, ctx.language),
        )
    )  # fmt: skip


async def _present(ctx: Context, new: NewScan) -> Presented:
    if new.code is None:
        return Presented(new.item_id)
    verified = await passes.verify(ctx, new.code)
    if verified is None:
        return Presented(verdict="forged")
    if verified.org_id != ctx.org_id:
        return Presented(verdict="unknown")
    return Presented(verified.item_id, verified.issued_at)


async def _judge_party(
    ctx: Context, new: NewScan, presented: Presented
) -> tuple[list[Judged], ProductDefinition | None]:
    """The verdicts, the presented item's first. From here on the booking is locked."""
    party = [item_id for item_id in dict.fromkeys(new.party_item_ids or ()) if item_id != presented.item_id]
    booking_id = None
    if presented.item_id is not None:
        booking_id = await queries.lock_booking_of(ctx.db, ctx.org_id, presented.item_id)
    if presented.item_id is None or booking_id is None:
        refused = Judgement(presented.verdict or "unknown", False)
        return [Judged(item_id, refused) for item_id in (None, *party)], None

    # Read after the lock was granted, so that a scan that came before is seen.
    found = await queries.find_facts(ctx.db, ctx.org_id, [presented.item_id, *party])
    rows = {row.item_id: row for row in found if row.booking_id == booking_id}
    first = rows[presented.item_id]
    version = (first.product_id, first.product_version)
    definition = (await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, [version]))[version]
    known = revoked = False
    if presented.issued_at is None or presented.issued_at == first.pass_issued_at:
        known = True
    elif await queries.was_issued(ctx.db, ctx.org_id, first.item_id, presented.issued_at):
        known = revoked = True

    def judged(row: ItemFacts, known: bool, revoked: bool) -> Judged:
        facts = answers.facts_of(
            row, definition, ctx.now, new.direction, gate=new.gate, serving=new.slot_id, known=known, revoked=revoked
        )
        return Judged(row.item_id, rules.judge(facts, override=new.override is not None), row, facts)

    results = [judged(first, known, revoked)]
    verdict = results[0].judgement.verdict
    for item_id in party:
        if verdict in REFUSES_PARTY:
            results.append(Judged(item_id, Judgement(verdict, False)))
        elif (row := rows.get(item_id)) is not None:
            results.append(judged(row, True, False))
        else:
            results.append(Judged(item_id, Judgement("unknown", False)))
    return results, definition


def _newly_admitted(new: NewScan, judged: Iterable[Judged]) -> int:
    if new.direction == "exit":
        return 0
    return sum(1 for one in judged if one.judgement.admit and one.row is not None and one.row.entries == 0)


async def _answer(ctx: Context, new: NewScan, judged: list[Judged], definition: ProductDefinition | None) -> ScanAnswer:
    items = [_item_answer(ctx, one, definition) for one in judged]
    first, seen = judged[0], items[0] if judged[0].item_id is not None else None
    verdict = first.judgement.verdict
    row = None if verdict == "unknown" else first.row
    fresh = _newly_admitted(new, judged)
    return ScanAnswer(
        nonce=new.nonce, admit=first.judgement.admit, verdict=verdict,
        reason=answers.sentence(first.judgement, ctx.language, row, first.facts),
        attention=seen.attention if seen else [],
        item=seen.item if seen else None,
        booking=answers.gate_booking(row, definition, ctx.languages, row.checked_in + fresh)
        if row is not None and definition is not None else None,
        previous_scan=seen.previous_scan if seen else None,
        expected=answers.expected(row, first.facts)
        if row is not None and first.facts is not None
        and (first.judgement.overridden or verdict) in answers.LOCATING else None,
        overridden=first.judgement.overridden,
        admitted=await queries.count_admitted(ctx.db, ctx.org_id, row.slot_id) + fresh if row is not None else None,
        items=[item for item in items if item is not None] if new.party_item_ids is not None else None,
    )  # fmt: skip


def _item_answer(ctx: Context, one: Judged, definition: ProductDefinition | None) -> ScanItem | None:
    if one.item_id is None:
        return None
    # Of what isn't known here nothing is told, though an unconfirmed booking of ours may stand behind it.
    row = None if one.judgement.verdict == "unknown" else one.row
    judgement = one.judgement
    if row is None or definition is None:
        return ScanItem(
            item_id=one.item_id, admit=judgement.admit, verdict=judgement.verdict, attention=[],
            reason=answers.sentence(judgement, ctx.language),
        )  # fmt: skip
    return ScanItem(
        item_id=one.item_id, admit=judgement.admit, verdict=judgement.verdict,
        reason=answers.sentence(judgement, ctx.language, row, one.facts),
        attention=answers.attention(row, definition, judgement, ctx.language),
        item=answers.gate_item(row, definition, ctx.languages), previous_scan=answers.previous_scan(row),
        overridden=judgement.overridden,
    )  # fmt: skip


async def _record(ctx: Context, new: NewScan, judged: list[Judged]) -> None:
    """What the scan meant for each item, and who is inside now. In item order, as every such change is."""
    known = sorted(((one.row, one.judgement) for one in judged if one.row is not None), key=lambda one: one[0].item_id)
    if not known:
        return
    outcomes = [
        (row.item_id, judgement.admit, judgement.verdict, row.inside, row.entries, row.last_nonce)
        for row, judgement in known
    ]
    await queries.insert_outcomes(ctx.db, ctx.org_id, new.nonce, columns(outcomes, 6))
    through = [row for row, judgement in known if judgement.admit]
    if not through:
        return
    item_ids = [row.item_id for row in through]
    if new.direction == "exit":
        await queries.leave(ctx.db, ctx.org_id, item_ids, new.nonce, ctx.now)
    else:
        await queries.enter(ctx.db, ctx.org_id, item_ids, [row.slot_id for row in through], new.nonce, ctx.now)


# undo -------------------------------------------------------------------------------------------------------------


async def undo(ctx: Context, nonce: str) -> UndoneScan:
    """Takes a scan back: who was inside before is again. The scan stays on record, with who undid it and when.

    An agent or key may undo their own within ten minutes, a manager any. Undoing twice is undoing once.
    Raises `NotFound`, `Forbidden`, or `LaterScan` once another scan let one of its items through.
    """
    found = await queries.find_scan_to_undo(ctx.db, ctx.org_id, nonce) if rules.is_nonce(nonce) else None
    if found is None:
        raise NotFound
    own = found.scanned_by == actor_of(ctx) and rules.may_undo_own(found.received_at, ctx.now)
    if found.undone_at is None and not own and not ctx.caller.may("scan:override", "manager"):
        raise Forbidden("You may undo your own scans within ten minutes; for others ask a manager.")
    if found.item_id is not None:
        await queries.lock_booking_of(ctx.db, ctx.org_id, found.item_id)
    outcomes = await queries.find_outcomes(ctx.db, ctx.org_id, nonce)
    if not await queries.mark_undone(ctx.db, ctx.org_id, nonce, ctx.now, actor_of(ctx)):
        found = await queries.find_scan_to_undo(ctx.db, ctx.org_id, nonce)
        assert found is not None
        assert found.undone_at is not None
        items = [Presence(row.item_id, row.inside, row.entries) for row in outcomes]
        return UndoneScan(nonce=nonce, undone_at=found.undone_at, items=items)
    changed = [row for row in outcomes if row.admit and (row.last_nonce is not None or row.nonce_before is not None)]
    if any(row.last_nonce != nonce for row in changed):
        raise LaterScan
    await _restore(ctx, changed)
    restored = {row.item_id for row in changed}
    items = [
        Presence(row.item_id, row.inside_before, row.entries_before)
        if row.item_id in restored
        else Presence(row.item_id, row.inside, row.entries)
        for row in outcomes
    ]
    return UndoneScan(nonce=nonce, undone_at=ctx.now, items=items)


async def _restore(ctx: Context, changed: list[OutcomeRow]) -> None:
    begun = [row.item_id for row in changed if row.nonce_before is None]
    if begun:
        await queries.delete_attendance(ctx.db, ctx.org_id, begun)
    earlier = [row for row in changed if row.nonce_before is not None]
    if earlier:
        await queries.restore_attendance(
            ctx.db, ctx.org_id, [row.item_id for row in earlier], [row.inside_before for row in earlier],
            [row.entries_before for row in earlier], [row.nonce_before or "" for row in earlier], ctx.now,
        )  # fmt: skip
