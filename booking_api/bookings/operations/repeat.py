"""A repeated request to make something: recognised by the id that the client chose, where no header says it."""

import hashlib
from typing import NamedTuple
from uuid import UUID

import msgspec

from booking_api.bookings import queries
from booking_api.bookings.operations.facts import Facts, load, sees
from booking_api.bookings.schemas import Booking, Order
from booking_api.core.context import Context
from booking_api.core.db import queries as core_queries
from booking_api.core.errors import IdTaken
from booking_api.core.web.sameness import body_fingerprint, is_same_body
from booking_api.core.web.transactions import TOKENS_AGAIN, UNFINISHED
from booking_api.identity import operations as identity

CREATED = 201


def id_key(thing_id: UUID) -> bytes:
    """Under which the maker of a thing is noted, beside the idempotency keys of headers."""
    return hashlib.sha256(b"id\0" + thing_id.bytes).digest()


async def remember_id(ctx: Context, thing_id: UUID, body: bytes, customer_id: UUID) -> None:
    """Notes who made a thing under a publishable key, which is no proof by itself: the same body must come again."""
    await core_queries.store_answer(
        ctx.db, ctx.org_id, ctx.caller.credential_id, id_key(thing_id), body_fingerprint(body), CREATED, b"", customer_id,
        ctx.now, UNFINISHED,
    )  # fmt: skip


class Earlier(NamedTuple):
    """What an earlier try of a request made."""

    facts: Facts
    """The order, locked."""
    opens: bool
    """Whether a repeat still brings the tokens of a lost answer: neither an id nor a key is a credential."""


async def find_earlier(ctx: Context, order_id: UUID | None, booking_id: UUID | None, body: bytes) -> Earlier | None:
    """The order that an earlier try of this request made; None when this is the first.

    Raises `IdTaken` when the id belongs to somebody else, and `TokenRevoked` where the session that it opened under a
    publishable key has ended.
    """
    thing_id = order_id or booking_id
    found_id = ctx.resumes or order_id
    if found_id is None and booking_id is not None:
        found = await queries.find_orders_of(ctx.db, ctx.org_id, [booking_id])
        found_id = found[0].order_id if found else None
    if found_id is None:
        return None
    order = await queries.lock_order(ctx.db, ctx.org_id, found_id)
    if order is None:
        return None
    if ctx.resumes is None and thing_id is not None and not await _is_owner(ctx, thing_id, order.customer_id, body):
        raise IdTaken
    facts = (await load(ctx, [order]))[0]
    if not sees(ctx, facts):
        raise IdTaken
    opens = ctx.caller.kind == "app" and await identity.first_session_stands(ctx.db, ctx.org_id, order.customer_id)
    return Earlier(facts, opens and order.created_at > ctx.now - TOKENS_AGAIN)


def without_secrets(answer: Order | Booking) -> Order | Booking:
    """What a repeat under a publishable key is told once it brings no tokens any more: how things stand, and nothing
    that was said or made since by whoever has the tokens."""
    if isinstance(answer, Order):
        return msgspec.structs.replace(answer, bookings=[_bare(booking) for booking in answer.bookings])
    return _bare(answer)


def _bare(booking: Booking) -> Booking:
    items = [msgspec.structs.replace(item, name=None, answers=None, pass_=None) for item in booking.items]
    return msgspec.structs.replace(booking, contact=None, answers=None, items=items, feedback_prompt=None)


async def _is_owner(ctx: Context, thing_id: UUID, customer_id: UUID, body: bytes) -> bool:
    match ctx.caller.kind:
        case "customer":
            return customer_id == ctx.caller.subject_id
        case "app":
            key = id_key(thing_id)
            lock = int.from_bytes(key[:8], "big", signed=True)
            stored = await core_queries.find_answer(ctx.db, ctx.org_id, ctx.caller.credential_id, key, lock)
            is_maker = stored.fingerprint is not None and stored.customer_id == customer_id
            return is_maker and is_same_body(stored.fingerprint or b"", body)
        case _:
            return True
