"""The verbs of sessions: renew, open by a code, ask for one, list, end."""

from datetime import timedelta
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.errors import Forbidden, NotFound, TokenExpired, TokenRevoked, Unauthenticated, unprocessable
from booking_api.core.ids import new_id, read_code
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.queue.events import publish
from booking_api.core.web.transactions import TOKENS_AGAIN
from booking_api.identity import audit, reach, rules, session_life_queries, staff_queries, tokens
from booking_api.identity.codes import seal_contact
from booking_api.identity.events import (
    ContactCodeRequested,
    RecoveryRequested,
    SessionOpened,
    SessionReused,
    SignInRequested,
)
from booking_api.identity.operations import customer_contacts
from booking_api.identity.session_schemas import (
    CodeAnswer,
    NewRecovery,
    NewSignIn,
    RecoveryContact,
    Redeemed,
    SessionAnswer,
    SessionList,
    SessionRow,
    SessionsQuery,
    Tokens,
)
from booking_api.identity.tokens import TokenClaims

MOST_CONTACTS = 200
"""Of a customer's bookings so many different contacts are compared; who books for more keeps their sessions."""


# renewing ---------------------------------------------------------------------------------------------------------


class Reused(Exception):
    """A refresh token came again so late that somebody else must have a copy: its session is to be ended, in a
    transaction of its own, because that of the refusal comes to nothing."""

    def __init__(self, claims: TokenClaims) -> None:
        super().__init__()
        self.claims = claims


def back_in(subject: str) -> str:
    """How somebody whose session is over comes back."""
    return "sign_in" if subject == "staff" else "recover"


async def renew(ctx: Context, refresh_token: str, user_agent: str | None = None) -> Tokens:
    """The next tokens of a session. Raises `Unauthenticated`, `TokenExpired`, `TokenRevoked` or `Reused`.

    The token that was sent goes on working until one made from it is used, so that a lost answer locks nobody out.
    For a minute after that it is only refused: a doubled packet, or a second tab.
    """
    try:
        claims = tokens.read(ctx.vault, refresh_token, "refresh", ctx.now)
    except TokenExpired:
        found = tokens.read_expired(ctx.vault, refresh_token)
        raise TokenExpired("The refresh token has expired.", come_back=back_in(found.subject)) from None
    if claims.org_id != ctx.org_id:
        raise Unauthenticated("The token is not one of this organisation.")
    subject_id, session_id, generation = claims.subject_id, claims.session_id, claims.generation
    role = None
    if claims.subject == "staff":
        member = await staff_queries.find_staff(ctx.db, ctx.org_id, subject_id)
        if member is None or member.revoked_at is not None:
            raise TokenRevoked("This member of staff no longer has access.", come_back="ask_organisation")
        role = member.role
    await _check_alive(ctx, claims)
    if not await session_life_queries.advance_session(
        ctx.db, ctx.org_id, session_id, subject_id, generation, claims.subject, claims.channel,
        rules.device_of(user_agent), ctx.now,
    ):  # fmt: skip
        await _refuse_superseded(ctx, claims)
    return tokens.mint(
        ctx.vault, ctx.settings, ctx.org, claims.subject, subject_id, ctx.now,
        channel=claims.channel, role=role, session_id=session_id, generation=generation + 1,
        restricted=claims.restricted,
    )  # fmt: skip


async def _check_alive(ctx: Context, claims: TokenClaims) -> None:
    """Raises `TokenRevoked` for a session that has ended."""
    rows = await _rows(ctx, claims.session_id, claims.subject_id)
    row, first = rows.get(claims.session_id), rows.get(claims.subject_id)
    ended = rules.is_ended(
        claims.session_id, exists=row is not None, revoked_at=None if row is None else row.revoked_at,
        others_ended_at=None if first is None else first.others_ended_at,
    )  # fmt: skip
    digest = None if row is None else row.address_digest
    if ended or (claims.restricted and row is None) or (digest and not reach.is_readable(ctx.vault, digest)):
        raise TokenRevoked("The session has ended.", come_back=back_in(claims.subject))


async def _refuse_superseded(ctx: Context, claims: TokenClaims) -> None:
    """Raises `TokenRevoked` or `Reused`."""
    row = (await _rows(ctx, claims.session_id)).get(claims.session_id)
    if row is None or row.revoked_at is not None:
        raise TokenRevoked("The session has ended.", come_back=back_in(claims.subject))
    if rules.is_reuse(claims.generation, row, ctx.now):
        raise Reused(claims)
    raise TokenRevoked("The token's successor has been used; go on with that one.", come_back="use_newer")


async def _rows(ctx: Context, *session_ids: UUID) -> dict[UUID, SessionRow]:
    found = await session_life_queries.find_session_rows(ctx.db, ctx.org_id, session_ids)
    return {row.id: row for row in found}


async def end_reused(ctx: Context, claims: TokenClaims) -> TokenRevoked:
    """Ends a session of which somebody else has a token, and tells its owner; the refusal to be raised then."""
    await session_life_queries.revoke_session(ctx.db, ctx.org_id, claims.session_id, claims.subject_id, ctx.now)
    await audit.note(ctx, "session.reused", "session", claims.session_id, claims.subject)
    fact = SessionReused(subject_id=claims.subject_id, kind=claims.subject)
    await publish(ctx.db, [fact.event(ctx.org_id, claims.session_id, ctx.now)])
    return TokenRevoked(
        "A refresh token came again long after its successor was used: the session has been ended.",
        come_back=back_in(claims.subject),
    )


# codes ------------------------------------------------------------------------------------------------------------


async def ask_for_recovery(ctx: Context, wanted: NewRecovery) -> None:
    """Publishes `recovery.requested`, whose subscriber looks for the booking and sends a code.

    Everybody gets the same answer after the same work, so that nobody learns which references and addresses exist.
    """
    contact = RecoveryContact(wanted.email.lower() if wanted.email else None, wanted.phone)
    fact = RecoveryRequested(
        reference=read_code(wanted.reference), contact=seal_contact(ctx.vault, contact), language=ctx.language
    )
    await publish(ctx.db, [fact.event(ctx.org_id, new_id(), ctx.now)])


async def ask_to_sign_in(ctx: Context, wanted: NewSignIn) -> None:
    """Publishes `sign_in.requested`, whose subscriber looks for the member of staff and sends a code; see
    `ask_for_recovery`."""
    sealed = seal_contact(ctx.vault, RecoveryContact(wanted.email.strip().lower()))
    await publish(ctx.db, [SignInRequested(contact=sealed, language=ctx.language).event(ctx.org_id, new_id(), ctx.now)])


async def ask_for_contact_code(ctx: Context, email: str | None) -> str:
    """Publishes `contact_code.requested`, whose subscriber sends a code; the address that it goes to.

    Raises `Unprocessable` where none is named or known.
    """
    customer_id = ctx.caller.subject_id
    assert customer_id is not None, "only customers are admitted"
    if email is None:
        live = await session_life_queries.list_live_contacts(ctx.db, ctx.org_id, customer_id, ctx.now, MOST_CONTACTS)
        known = (await customer_contacts(ctx.db, ctx.org_id, [customer_id])).get(customer_id)
        named = [one.email for one in live if one.email] + [known.email if known else None]
        email = next((one for one in named if one), None)
    if email is None or (ctx.caller.restriction is not None and not _is_proven(ctx, email)):
        raise unprocessable("/email", "Name the mail address to be proven.")
    fact = ContactCodeRequested(
        customer_id=customer_id, contact=seal_contact(ctx.vault, RecoveryContact(email)), language=ctx.language
    )
    await publish(ctx.db, [fact.event(ctx.org_id, new_id(), ctx.now)])
    return email


def _is_proven(ctx: Context, email: str) -> bool:
    """Whether an address is the one that a restricted session was opened with: it speaks for no other."""
    digest = None if ctx.caller.restriction is None else ctx.caller.restriction.address
    return digest is not None and reach.matches(ctx.vault, ctx.org, digest, email, None)


async def open_by_code(
    ctx: Context, code: Redeemed, user_agent: str | None, *, end_others: bool
) -> tuple[CodeAnswer, Tokens, list[UUID]]:
    """Opens the session that a code stands for, beside those that there are; and which others it ended.

    What it sees is what was proven: the bookings with the address that the code was sent to, one booking, or all that
    the maker of the code has. Raises `TokenRevoked` for a member of staff who has left.
    """
    role = None
    if code.purpose == "sign_in":
        member = await staff_queries.find_staff(ctx.db, ctx.org_id, code.subject_id)
        if member is None or member.revoked_at is not None:
            raise TokenRevoked("This member of staff no longer has access.", come_back="ask_organisation")
        role = member.role
    kind = "customer" if role is None else "staff"
    session_id, channel = new_id(), ctx.caller.channel
    only = code.booking_id if code.alone else None
    await session_life_queries.insert_session(
        ctx.db, ctx.org_id, session_id, code.subject_id, kind, channel, rules.device_of(user_agent), code.purpose,
        code.address_digest, only, ctx.now,
    )  # fmt: skip
    if kind == "staff":
        await audit.note(ctx, "staff.signed_in", "staff", code.subject_id)
    ended = await _end_others(ctx, code, session_id) if end_others else []
    if ended:
        await audit.note(ctx, "sessions.ended", "session", session_id, "end_others")
    fact = SessionOpened(subject_id=code.subject_id, kind=kind, opened_by=code.purpose, session_id=session_id)
    await publish(ctx.db, [fact.event(ctx.org_id, session_id, ctx.now)])
    answer = CodeAnswer(
        booking_id=code.booking_id, session_id=session_id, ended_sessions=len(ended) if end_others else None
    )
    minted = tokens.mint(
        ctx.vault, ctx.settings, ctx.org, "customer" if role is None else "staff", code.subject_id, ctx.now,
        channel=channel, role=role, session_id=session_id, restricted=bool(code.address_digest or only),
    )  # fmt: skip
    return answer, minted, ended


async def tokens_again(ctx: Context, stored: bytes) -> Tokens | None:
    """The tokens of a session that a code opened, for a repeat whose first answer was lost: within ten minutes, and
    until one of them was used. Raises `TokenRevoked` once the session has ended."""
    session_id = msgspec.json.decode(stored, type=CodeAnswer).session_id
    row = (await _rows(ctx, session_id)).get(session_id)
    if row is None or row.revoked_at is not None:
        raise TokenRevoked("The session has ended.")
    if row.first_used_at is not None or row.created_at <= ctx.now - TOKENS_AGAIN:
        return None
    role = None
    if row.kind == "staff":
        member = await staff_queries.find_staff(ctx.db, ctx.org_id, row.subject_id)
        if member is None or member.revoked_at is not None:
            raise TokenRevoked("This member of staff no longer has access.", come_back="ask_organisation")
        role = member.role
    return tokens.mint(
        ctx.vault, ctx.settings, ctx.org, "customer" if role is None else "staff", row.subject_id, ctx.now,
        channel=row.channel or ctx.caller.channel, role=role, session_id=session_id,
        restricted=bool(row.address_digest or row.booking_id),
    )  # fmt: skip


async def _end_others(ctx: Context, code: Redeemed, session_id: UUID) -> list[UUID]:
    """Ends what the holder of a code may end: what the same proof opened, and all of a customer's sessions only where
    nobody else is reached by a booking of theirs that is still to come."""
    digest, only = code.address_digest, code.booking_id if code.alone else None
    everything = digest is None and only is None
    if digest is not None and only is None:
        contacts = await session_life_queries.list_live_contacts(
            ctx.db, ctx.org_id, code.subject_id, ctx.now, MOST_CONTACTS
        )
        everything = 0 < len(contacts) < MOST_CONTACTS and all(
            reach.matches(ctx.vault, ctx.org, digest, contact.email, contact.phone) for contact in contacts
        )
    if everything:
        digest = None
    ended = await session_life_queries.revoke_others(
        ctx.db, ctx.org_id, code.subject_id, session_id, digest, only, ctx.now
    )
    if not everything:
        return [row.id for row in ended]
    await session_life_queries.mark_others_ended(ctx.db, ctx.org_id, code.subject_id, ctx.now)
    return sorted({code.subject_id, *(row.id for row in ended)})


# listing and ending -----------------------------------------------------------------------------------------------


async def list_sessions(ctx: Context, query: SessionsQuery) -> SessionList:
    """Sessions of the caller, or of a member of staff for an owner. Raises `Forbidden` and `NotFound`."""
    subject_id, current = await _subject(ctx, query.staff_id), ctx.caller.credential_id
    restriction = ctx.caller.restriction
    address = None if restriction is None else restriction.address
    only = current if restriction is not None and address is None else None
    before = None if query.cursor is None else read_cursor(query.cursor, tuple[UUID])[0]
    used_after = ctx.now - timedelta(days=ctx.settings.refresh_token_days)
    rows = await session_life_queries.list_sessions(
        ctx.db, ctx.org_id, subject_id, address, only, used_after, before, query.limit + 1
    )
    page = rows[: query.limit]
    return SessionList(
        items=[_shown(row, current) for row in page],
        next_cursor=write_cursor(page[-1].id) if len(rows) > query.limit else None,
    )


def _shown(row: SessionRow, current: UUID) -> SessionAnswer:
    opened_by = row.opened_by or ("handed" if row.kind == "staff" else "order")
    return SessionAnswer(
        id=row.id, opened_at=row.created_at, opened_by=opened_by,
        last_used_at=None if row.first_used_at is None else row.last_used_at, channel=row.channel, device=row.device,
        sees="booking" if row.booking_id else "address" if row.address_digest else "everything",
        current=row.id == current, available_actions=["end"],
    )  # fmt: skip


async def _subject(ctx: Context, staff_id: UUID | None) -> UUID:
    """Whose sessions are asked for. Raises `Forbidden` for who isn't an owner, and `NotFound`."""
    if staff_id is None or staff_id == ctx.caller.subject_id:
        assert ctx.caller.subject_id is not None, "keys aren't admitted"
        return ctx.caller.subject_id
    if not ctx.caller.has_role("owner"):
        raise Forbidden("Only an owner sees the sessions of others.")
    if await staff_queries.find_staff(ctx.db, ctx.org_id, staff_id) is None:
        raise NotFound
    return staff_id


async def end_session(ctx: Context, session_id: UUID) -> None:
    """Ends one of the caller's sessions, or for an owner one of a member of staff; again changes nothing.

    A restricted session ends itself and those that the same address opened. Raises `NotFound`.
    """
    caller = ctx.caller
    assert caller.subject_id is not None, "keys aren't admitted"
    row = (await _rows(ctx, session_id)).get(session_id)
    if session_id == caller.credential_id:
        subject_id = caller.subject_id
    elif row is None:
        raise NotFound
    elif row.subject_id == caller.subject_id:
        restriction = caller.restriction
        if restriction is not None and (restriction.address is None or row.address_digest != restriction.address):
            raise NotFound
        subject_id = row.subject_id
    elif caller.has_role("owner") and await staff_queries.find_staff(ctx.db, ctx.org_id, row.subject_id) is not None:
        subject_id = row.subject_id
        await audit.note(ctx, "session.ended", "session", session_id, "by_owner")
    else:
        raise NotFound
    await session_life_queries.revoke_session(ctx.db, ctx.org_id, session_id, subject_id, ctx.now)


async def sign_out(ctx: Context) -> None:
    """Ends the caller's session: its access and refresh tokens work no more."""
    if (subject_id := ctx.caller.subject_id) is None:
        raise Forbidden("A key has no session.")
    await session_life_queries.revoke_session(ctx.db, ctx.org_id, ctx.caller.credential_id, subject_id, ctx.now)
