"""Requests that share a transaction: what is the same for all of them, whatever they ask for.

`join` hands a request to the batcher of its operation, and `run_together` runs a batch. An operation brings only its
`Work`: it gets the requests that are to be carried out, and gives each its outcome.

Why a repeated request does nothing twice here either. A key's truth is its primary key. Before anything is done, all
keys of the batch are looked up, each with the advisory lock that its twins contend for: what was answered before gets
that answer, and a request with a twin under way, another body or an unfinished payment goes to the plain path, which
knows what to say. Of two requests in the batch with the same key, or of which the later must see what the earlier
did (`marks`), the later goes there too, and so comes after it. Answers are stored in the batch's own transaction: if
another process was first with one of them after all, everything is rolled back and each runs by itself.

The outcomes are those of one by one in the order of arrival, those sent away coming last: they had no answer yet when
the others were carried out, so nobody can tell.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from litestar import Request, Response

from booking_api.core.clock import utc_now
from booking_api.core.context import Context
from booking_api.core.db import Connection, queries
from booking_api.core.db.queries import NewAnswer, WantedAnswer
from booking_api.core.errors import DomainError
from booking_api.core.queue.batching import Batcher, RunAlone, batcher_of
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.web.headers import header
from booking_api.core.web.replies import Reply, runtime_of, send
from booking_api.core.web.transactions import UNFINISHED, earlier_reply, read_key, refuse_late, twin_lock

Asked = TypeVar("Asked")


@dataclasses.dataclass(slots=True)
class Turn(Generic[Asked]):
    """One request of a batch. Its context has a connection, the one of all, only while the batch is run."""

    ctx: Context
    wish: Asked
    key: tuple[bytes, bytes] | None
    """The idempotency key's digest and the request's fingerprint."""
    marks: frozenset[Hashable] = frozenset()
    """What no two requests of a batch may have in common."""
    outcome: Reply | Exception | None = None
    """Its answer or refusal; None where it is to run by itself."""
    notes: list[NewAnswer] = dataclasses.field(default_factory=list)
    """Answers to be stored beside the key's own."""


Work = Callable[[Sequence[Turn[Any]]], Awaitable[None]]
"""Carries requests out in one transaction and sets the `outcome` of each that isn't to run by itself."""


async def join(
    request: Request[Any, Any, Any], ctx: Context, operation: str, wish: Any, work: Work, *marks: Hashable
) -> Response[bytes] | None:
    """The answer of a request that shared a transaction; None if it is to be run by itself. Raises its refusal.

    The handler has no transaction of its own meanwhile, and the context no connection.
    """
    runtime, org_id, key = runtime_of(request), ctx.org_id, header(request.scope, b"idempotency-key")
    turn = Turn(ctx, wish, None if key is None else await read_key(request, key, ctx.caller), frozenset(marks))
    batcher: Batcher[Turn[Any], Reply] = batcher_of(
        runtime, (operation, org_id), lambda: Batcher(lambda turns: run_together(runtime, org_id, turns, work))
    )
    try:
        ctx.reply = await batcher.submit(turn)
    except RunAlone:
        return None
    return send(request, ctx)


async def run_together(
    runtime: Runtime, org_id: UUID, turns: Sequence[Turn[Any]], work: Work
) -> list[Reply | Exception]:
    """One transaction and one moment for all; each gets its own answer or refusal, or is sent to run by itself."""
    async with acquire(runtime) as db, db.transaction():
        now = utc_now()
        for turn in turns:
            turn.ctx.db, turn.ctx.now = db, now
        await _sort_out_repeats(db, org_id, turns)
        fresh = [turn for turn in turns if turn.outcome is None]
        if fresh:
            await work(fresh)
            await _store(db, org_id, fresh)
            refuse_late(now)
    return [turn.outcome or RunAlone() for turn in turns]


class TwinCameFirst(RunAlone):
    """Another process stored the answer to one of the keys first: roll back, and each by itself, be it the only one."""


async def _sort_out_repeats(db: Connection, org_id: UUID, turns: Sequence[Turn[Any]]) -> None:
    """Answers what was answered before, and sends away what has a twin."""
    seen: set[Hashable] = set()
    keyed: list[tuple[Turn[Any], bytes]] = []
    wanted: list[WantedAnswer] = []
    for turn in turns:
        credential_id = turn.ctx.caller.credential_id
        marks = turn.marks | {(credential_id, turn.key[0])} if turn.key else turn.marks
        if not marks.isdisjoint(seen):
            turn.outcome = RunAlone()
            continue
        seen |= marks
        if turn.key is not None:
            key_hash, fingerprint = turn.key
            keyed.append((turn, fingerprint))
            wanted.append(WantedAnswer(credential_id, key_hash, twin_lock(org_id, credential_id, key_hash)))
    if not keyed:
        return
    found = await queries.find_answers(db, org_id, wanted)
    for (turn, fingerprint), answer in zip(keyed, found, strict=True):
        if answer.status is None:
            turn.outcome = None if answer.locked else RunAlone()
        elif answer.status == UNFINISHED or answer.fingerprint != fingerprint:
            turn.outcome = RunAlone()
        else:
            try:
                turn.outcome = earlier_reply(answer, turn.ctx)
            except DomainError as refusal:
                turn.outcome = refusal


async def _store(db: Connection, org_id: UUID, turns: Sequence[Turn[Any]]) -> None:
    """Stores the answers under their keys. Refusals aren't stored, so that they may be tried again."""
    answers: list[NewAnswer] = []
    for turn in turns:
        reply = turn.outcome
        if isinstance(reply, Reply):
            if turn.key is not None:
                key_hash, fingerprint = turn.key
                answers.append(
                    NewAnswer(
                        credential_id=turn.ctx.caller.credential_id,
                        key_hash=key_hash,
                        fingerprint=fingerprint,
                        status=reply.status,
                        body=reply.body,
                        customer_id=reply.tokens_for,
                        about_id=turn.ctx.about_id,
                    )
                )
            answers += turn.notes
    if answers and await queries.store_answers(db, org_id, answers, turns[0].ctx.now) < len(answers):
        raise TwinCameFirst
