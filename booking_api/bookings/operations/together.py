"""Holding together: what has gathered while one transaction was under way is held in the next.

The same statements as one by one, shared by all; see `core.batching` for why it is safe. Only what is simple comes
here: one booking, no chosen seats, no confirmation. Anything unusual about a request (a key that is under way, an id
that exists, a failed transaction) sends it to the plain path by itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from booking_api.bookings import queries
from booking_api.bookings.operations.facts import Facts
from booking_api.bookings.operations.hold import Wish, place_holds
from booking_api.bookings.operations.repeat import id_key
from booking_api.bookings.schemas import NewOrder
from booking_api.core import queries as core_queries
from booking_api.core.batching import SINGLY, Singly
from booking_api.core.context import Context
from booking_api.core.db import Connection, columns
from booking_api.core.ids import new_id
from booking_api.core.replies import Reply
from booking_api.core.runtime import Runtime, acquire
from booking_api.core.secrets import fingerprint
from booking_api.core.transactions import UNFINISHED, earlier_reply, twin_lock


class HoldRequest(NamedTuple):
    """A request to hold one booking, with what it needs of HTTP."""

    make_context: Callable[[Connection], Context]
    wanted: NewOrder
    body: bytes
    key: tuple[bytes, bytes] | None
    """The idempotency key's digest and the request's fingerprint."""
    show: Callable[[Context, Facts], Awaitable[Reply]]

    @property
    def booking_id(self) -> UUID | None:
        return self.wanted.bookings[0].id


Outcome = Reply | Exception | Singly


async def hold_together(runtime: Runtime, org_id: UUID, requests: Sequence[HoldRequest]) -> list[Outcome]:
    """One transaction for all of them; each gets its own reply, its own refusal, or is sent to run by itself."""
    async with acquire(runtime) as db, db.transaction():
        contexts = [request.make_context(db) for request in requests]
        outcomes: list[Outcome | None] = [None] * len(requests)
        await _sort_out_repeats(db, org_id, requests, contexts, outcomes)
        fresh = [position for position, outcome in enumerate(outcomes) if outcome is None]
        if not fresh:
            return [outcome or SINGLY for outcome in outcomes]
        wishes = [_wish(contexts[position], requests[position].wanted) for position in fresh]
        stored: list[tuple[Any, ...]] = []
        for position, wish, held in zip(fresh, wishes, await place_holds(wishes), strict=True):
            if isinstance(held, Exception):
                outcomes[position] = held
                continue
            request, ctx = requests[position], contexts[position]
            reply = outcomes[position] = await request.show(ctx, held)
            stored += _answers(request, ctx, reply, wish.customer_id)
        if stored and await core_queries.store_answers(db, org_id, columns(stored, 6), contexts[0].now) < len(stored):
            raise TwinCameFirst
    return [outcome or SINGLY for outcome in outcomes]


class TwinCameFirst(Exception):
    """Another process stored the answer to one of the keys first: roll back, and each by itself."""


def _wish(ctx: Context, wanted: NewOrder) -> Wish:
    customer_id = ctx.caller.subject_id if ctx.caller.is_customer else None
    return Wish(ctx, wanted, customer_id or new_id(), wanted.contact)


async def _sort_out_repeats(
    db: Connection,
    org_id: UUID,
    requests: Sequence[HoldRequest],
    contexts: Sequence[Context],
    outcomes: list[Outcome | None],
) -> None:
    """Answers what was answered before, and sends away what has a twin or an id that exists."""
    seen: set[Any] = set()
    keyed: list[int] = []
    for position, request in enumerate(requests):
        marks = {
            mark
            for mark in (request.key and (contexts[position].caller.credential_id, request.key[0]), request.booking_id)
            if mark
        }
        if marks & seen:
            outcomes[position] = SINGLY
            continue
        seen |= marks
        if request.key is not None:
            keyed.append(position)
    if keyed:
        credentials = [contexts[position].caller.credential_id for position in keyed]
        hashes = [key[0] for position in keyed if (key := requests[position].key)]
        locks = [twin_lock(org_id, credential, hash_) for credential, hash_ in zip(credentials, hashes, strict=True)]
        for position, found in zip(
            keyed, await core_queries.find_answers(db, org_id, credentials, hashes, locks), strict=True
        ):
            key = requests[position].key
            assert key is not None
            if found.status is None:
                outcomes[position] = None if found.locked else SINGLY
            elif found.status == UNFINISHED or found.fingerprint != key[1]:
                outcomes[position] = SINGLY
            else:
                outcomes[position] = earlier_reply(found)
    ids = {booking_id for request in requests if (booking_id := request.booking_id)}
    if ids:
        taken = {row.id for row in await queries.find_known_ids(db, org_id, list(ids))}
        for position, request in enumerate(requests):
            if request.booking_id in taken:
                outcomes[position] = SINGLY


def _answers(request: HoldRequest, ctx: Context, reply: Reply, customer_id: UUID) -> list[tuple[Any, ...]]:
    """What is stored of a hold: the answer under its key, and who made the id under a publishable key."""
    caller = ctx.caller
    rows: list[tuple[Any, ...]] = []
    if request.key is not None:
        rows.append((caller.credential_id, *request.key, reply.status, reply.body, reply.tokens_for))
    if caller.kind == "app" and request.booking_id is not None:
        rows.append(
            (caller.credential_id, id_key(request.booking_id), fingerprint(request.body), 201, b"", customer_id)
        )
    return rows
