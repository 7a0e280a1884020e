"""Judging scans and recording them: many at once in one transaction, or one by itself, by the same statements.

A scan needs nothing but the lock of its item's booking, which keeps other scans of the party and a cancellation
away. Scans that share a transaction take only the locks that are free, in the order of ids, so that such a
transaction waits for nobody; a scan whose booking is held elsewhere, or is scanned twice in one batch, runs by
itself and waits its turn there. What is decided about a scan rests on its own booking alone, so that scans of
different bookings can be judged from facts that were read together; only the number of those admitted to a slot
goes on from one scan to the next, in the order of arrival.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from booking_api.catalog import operations as catalog
from booking_api.catalog.schemas import ProductDefinition
from booking_api.checkin import answers, archive_queries, queries
from booking_api.checkin.answers import Judged
from booking_api.checkin.queries import OutcomeRecord, ScanRecord
from booking_api.checkin.rules import REFUSES_PARTY, Judgement, judge
from booking_api.checkin.schemas import ItemFacts, NewScan, ScanAnswer, StoredScan
from booking_api.core.context import Context
from booking_api.core.errors import DomainError, Forbidden, IdempotencyMismatch, invalid
from booking_api.core.ids import new_id
from booking_api.core.queue.batching import RunAlone
from booking_api.core.queue.together import Turn
from booking_api.core.secrets import fingerprint
from booking_api.core.web.replies import Reply, encode
from booking_api.identity import audit
from booking_api.identity.audit_schemas import NewEntry
from booking_api.passes import operations as passes
from booking_api.passes.rules import is_revoked
from booking_api.passes.schemas import Entering, Leaving

FIRST_YEAR, LAST_YEAR = 1970, 2100


class Answered(NamedTuple):
    body: bytes
    """The answer as JSON."""
    replayed: bool
    """Whether it is that of an earlier scan with the same nonce."""


class Presented(NamedTuple):
    """What was held under the scanner: an item of ours, or the verdict that it is none."""

    item_id: UUID | None = None
    issued_at: datetime | None = None
    """The pass's `iat`; None for an item that was looked up."""
    recorded: bool = True
    """Whether such a pass was ever issued."""
    verdict: str | None = None


ScanOutcome = Answered | DomainError | RunAlone


@dataclasses.dataclass(slots=True)
class Case:
    """One scan on its way to its outcome."""

    ctx: Context
    new: NewScan
    digest: bytes
    party: list[UUID]
    """The other items that are to go through with the presented one, each once."""
    presented: Presented | None = None
    booking_id: UUID | None = None
    """The booking that was locked for it."""
    definition: ProductDefinition | None = None
    judged: list[Judged] = dataclasses.field(default_factory=list)
    """The verdicts, the presented item's first."""
    answer: bytes = b""
    outcome: ScanOutcome | None = None


class NonceUsed(RunAlone):
    """Another transaction used one of the nonces first. Nothing of these scans was recorded; by itself each finds out
    what was."""


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


# the verbs --------------------------------------------------------------------------------------------------------


def open_case(ctx: Context, new: NewScan) -> Case:
    """A scan made ready: all that can be said of it without the database.

    Raises `Invalid` for a request that makes no sense, `Forbidden` for an override or a look-up scan that the caller
    may not make.
    """
    _check_request(ctx, new)
    case = Case(ctx, new, request_hash(new), list(dict.fromkeys(new.party_item_ids or ())))
    if new.code is None:
        case.presented = Presented(new.item_id)
    return case


async def scan(ctx: Context, new: NewScan) -> Answered:
    """One scan by itself, in the caller's transaction. Waits for others that scan the same booking.

    Raises as `open_case` does, and `IdempotencyMismatch` where the nonce belongs to another scan.
    """
    case = open_case(ctx, new)
    try:
        await _carry_out([case], wait=True)
    except NonceUsed:
        # Its verdict is the one, and nothing of this one is left.
        await _replay_known([case])
    if isinstance(case.outcome, DomainError):
        raise case.outcome
    assert isinstance(case.outcome, Answered)
    return case.outcome


async def scan_together(turns: Sequence[Turn[Case]]) -> None:
    """Scans of one organisation in one transaction, at one moment; see `core.queue.together`."""
    await _carry_out([turn.wish for turn in turns], wait=False)
    for turn in turns:
        outcome = turn.wish.outcome
        turn.outcome = reply_of(outcome) if isinstance(outcome, Answered) else outcome


def reply_of(answered: Answered) -> Reply:
    return Reply(answered.body, headers={"Idempotency-Replayed": "true"} if answered.replayed else None)


async def _carry_out(cases: Sequence[Case], *, wait: bool) -> None:
    """Gives each case its outcome. `wait` says whether bookings that are locked elsewhere are waited for."""
    await _replay_known(cases)
    await _look_at_codes(_undecided(cases))
    await _lock_bookings(_undecided(cases), wait=wait)
    fresh = _undecided(cases)
    if fresh:
        await _judge(fresh)
        await _answer(fresh)
        await _record(fresh)
    for case in fresh:
        case.outcome = Answered(case.answer, replayed=False)


def _undecided(cases: Iterable[Case]) -> list[Case]:
    return [case for case in cases if case.outcome is None]


def _check_request(ctx: Context, new: NewScan) -> None:
    if (new.code is None) == (new.item_id is None):
        raise invalid("/code", "Send either `code` or `item_id`.")
    if new.scanned_at is not None and not FIRST_YEAR <= new.scanned_at.year <= LAST_YEAR:
        raise invalid("/scanned_at", f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.")
    if new.item_id is not None and ctx.caller.kind != "staff":
        raise Forbidden("Only staff may admit somebody without a pass.")
    if new.override is not None and not ctx.caller.may("scan:override", "manager"):
        raise Forbidden("An override needs the role of a manager or the scope `scan:override`.")


# repeats ----------------------------------------------------------------------------------------------------------


async def _replay_known(cases: Sequence[Case]) -> None:
    """Answers the scans that were made before. No two of them have one nonce."""
    ctx = cases[0].ctx
    first = {case.new.nonce: case for case in cases}
    for stored in await queries.find_scans(ctx.db, ctx.org_id, list(first)):
        first[stored.nonce].outcome = _replay(first[stored.nonce], stored)
    # Only the device's own clock can tell that a scan is so old that its record may have gone to the archive.
    archived_before = ctx.now - timedelta(days=ctx.settings.scan_retention_days - 1)
    old = [nonce for nonce, case in first.items() if case.new.scanned_at and case.new.scanned_at < archived_before]
    if old:
        for stored in await archive_queries.find_archived_scans(ctx.db, ctx.org_id, old):
            first[stored.nonce].outcome = first[stored.nonce].outcome or _replay(first[stored.nonce], stored)


def _replay(case: Case, stored: StoredScan) -> ScanOutcome:
    """The answer of an earlier scan; once its text was erased, what is on record."""
    if stored.request_hash != case.digest:
        return IdempotencyMismatch("This nonce was used for another scan.")
    if stored.answer:
        case.ctx.about_id = stored.customer_id
        return Answered(stored.answer, replayed=True)
    reason = answers.sentence(Judgement(stored.verdict, stored.admit), case.ctx.language)
    answer = ScanAnswer(
        nonce=stored.nonce, admit=stored.admit, verdict=stored.verdict, attention=[], reason=reason
    )  # fmt: skip
    return Answered(encode(answer), replayed=True)


# what was presented -----------------------------------------------------------------------------------------------


async def _look_at_codes(cases: Sequence[Case]) -> None:
    coded = [(case, case.new.code) for case in cases if case.new.code is not None]
    if not coded:
        return
    ctx = cases[0].ctx
    for (case, _), verified in zip(coded, await passes.verify_all(ctx, [code for _, code in coded]), strict=True):
        if verified is None:
            case.presented = Presented(verdict="forged")
        elif verified.org_id != ctx.org_id:
            case.presented = Presented(verdict="unknown")
        else:
            case.presented = Presented(verified.item_id, verified.issued_at, recorded=verified.recorded)


async def _lock_bookings(cases: Sequence[Case], *, wait: bool) -> None:
    """Locks the booking of each presented item. Who can't have the lock here runs alone, and so does who is unknown."""
    named = [(case, case.presented.item_id) for case in cases if case.presented and case.presented.item_id]
    if not named:
        return
    ctx = cases[0].ctx
    lock = queries.lock_bookings_of if wait else queries.lock_free_bookings_of
    locked = {row.item_id: row.booking_id for row in await lock(ctx.db, ctx.org_id, [item_id for _, item_id in named])}
    taken: set[UUID] = set()
    for case, item_id in named:
        case.booking_id = locked.get(item_id)
        if case.booking_id is None:
            case.outcome = None if wait else RunAlone()
        elif case.booking_id in taken:
            case.outcome = RunAlone()
        else:
            taken.add(case.booking_id)


# verdicts ---------------------------------------------------------------------------------------------------------


async def _judge(cases: Sequence[Case]) -> None:
    """Judges each case by what is on record now that its booking is locked, so that a scan that came before is seen."""
    ctx = cases[0].ctx
    locked = [(case, case.presented) for case in cases if case.booking_id is not None and case.presented is not None]
    rows: dict[UUID, ItemFacts] = {}
    if locked:
        items = {item_id for case, presented in locked for item_id in (presented.item_id, *case.party) if item_id}
        rows = {row.item_id: row for row in await queries.find_facts(ctx.db, ctx.org_id, list(items))}
    firsts = {presented.item_id: rows[presented.item_id] for _, presented in locked if presented.item_id}
    versions = {(row.product_id, row.product_version) for row in firsts.values()}
    definitions = await catalog.load_definitions(ctx.db, ctx.caches, ctx.org_id, versions)
    for case in cases:
        _judge_party(case, rows, definitions)


def _judge_party(
    case: Case, rows: dict[UUID, ItemFacts], definitions: dict[tuple[UUID, int], ProductDefinition]
) -> None:
    """The verdicts on the presented item and its party."""
    presented = case.presented
    assert presented is not None
    party = [item_id for item_id in case.party if item_id != presented.item_id]
    if presented.item_id is None or case.booking_id is None:
        refused = Judgement(presented.verdict or "unknown", False)
        case.judged = [Judged(item_id, refused) for item_id in (None, *party)]
        return
    first = rows[presented.item_id]
    case.definition = definition = definitions[first.product_id, first.product_version]
    revoked = (
        presented.recorded
        and presented.issued_at is not None
        and is_revoked(presented.issued_at, first.pass_issued_at, first.revoked_before)
    )
    new, now = case.new, case.ctx.now

    def judged(row: ItemFacts, *, known: bool = True, revoked: bool = False) -> Judged:
        facts = answers.facts_of(
            row, definition, now, new.direction, gate=new.gate, serving=new.slot_id, known=known, revoked=revoked
        )
        return Judged(row.item_id, judge(facts, override=new.override is not None), row, facts)

    case.judged = [judged(first, known=presented.recorded, revoked=revoked)]
    verdict = case.judged[0].judgement.verdict
    for item_id in party:
        row = rows.get(item_id)
        if verdict in REFUSES_PARTY:
            case.judged.append(Judged(item_id, Judgement(verdict, False)))
        elif row is not None and row.booking_id == case.booking_id:
            case.judged.append(judged(row))
        else:
            case.judged.append(Judged(item_id, Judgement("unknown", False)))


# answers and records ----------------------------------------------------------------------------------------------


async def _answer(cases: Sequence[Case]) -> None:
    """Words each answer. How many were admitted is counted once, and goes on from scan to scan as they came."""
    ctx = cases[0].ctx
    slots = {row.slot_id for case in cases if (row := answers.shown(case.judged[0])) is not None}
    admitted: dict[UUID, int] = dict.fromkeys(slots, 0)
    if slots:
        counts = await queries.count_admitted(ctx.db, ctx.org_id, list(slots))
        admitted |= {count.slot_id: count.admitted for count in counts}
    for case in cases:
        fresh = 0 if case.new.direction == "exit" else answers.newly_admitted(case.judged)
        row, total = answers.shown(case.judged[0]), None
        if row is not None:
            total = admitted[row.slot_id] = admitted[row.slot_id] + fresh
            case.ctx.about_id = row.customer_id
        case.answer = encode(
            answers.scan_answer(case.ctx, case.new, case.judged, case.definition, fresh=fresh, admitted=total)
        )


async def _record(cases: Sequence[Case]) -> None:
    """What each scan meant for each item, and who is inside now. Raises `NonceUsed`.

    Nonces are written in their order, so that two transactions that bring the same ones can't wait for each other.
    """
    ctx = cases[0].ctx
    scans = [_scan_record(case) for case in sorted(cases, key=lambda case: case.new.nonce)]
    if await queries.insert_scans(ctx.db, ctx.org_id, ctx.now, scans) < len(scans):
        raise NonceUsed
    known = [(case.new, one.row, one.judgement) for case in cases for one in case.judged if one.row is not None]
    if known:
        outcomes = [
            OutcomeRecord(
                nonce=new.nonce,
                item_id=row.item_id,
                admit=verdict.admit,
                verdict=verdict.verdict,
                inside_before=row.inside,
                entries_before=row.entries,
                nonce_before=row.last_nonce,
            )
            for new, row, verdict in known
        ]
        await queries.insert_outcomes(ctx.db, ctx.org_id, outcomes)
    through = [(new, row) for new, row, verdict in known if verdict.admit]
    await passes.enter(
        ctx, [Entering(row.item_id, row.slot_id, new.nonce) for new, row in through if new.direction == "entry"]
    )
    await passes.leave(ctx, [Leaving(row.item_id, new.nonce) for new, row in through if new.direction == "exit"])
    await audit.write(ctx.db, ctx.org_id, [note for case in cases for note in _overrides_of(case)])


def _overrides_of(case: Case) -> list[NewEntry]:
    """The audit's entries of those whom an override let through; the reason that was typed stays with the scan."""
    if case.new.override is None:
        return []
    return [
        audit.noted(case.ctx, "scan.overridden", "item", one.item_id, one.judgement.overridden)
        for one in case.judged
        if one.judgement.overridden is not None
    ]


def _scan_record(case: Case) -> ScanRecord:
    new, first = case.new, case.judged[0]
    return ScanRecord(
        nonce=new.nonce,
        id=new_id(),
        request_hash=case.digest,
        item_id=first.item_id,
        slot_id=first.row.slot_id if first.row else None,
        gate=new.gate,
        direction=new.direction,
        admit=first.judgement.admit,
        verdict=first.judgement.verdict,
        scanned_at=new.scanned_at or case.ctx.now,
        scanned_by=actor_of(case.ctx),
        override_reason=new.override.reason if new.override else None,
        answer=case.answer,
    )
