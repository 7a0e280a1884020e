"""The verbs of sessions: renew, redeem a code, ask for recovery, sign out."""

from booking_api.core import events
from booking_api.core.context import Context
from booking_api.core.errors import Forbidden, TokenExpired, TokenRevoked, Unauthenticated
from booking_api.core.events import Event
from booking_api.core.ids import new_id, read_code
from booking_api.identity import queries, session_queries, tokens
from booking_api.identity.operations import seal_contact
from booking_api.identity.schemas import NewRecovery, RecoveryContact, Tokens

RECOVERY_REQUESTED = "recovery.requested"


async def renew(ctx: Context, refresh_token: str) -> Tokens:
    """The next tokens of a session. Raises `Unauthenticated`, `TokenExpired` or `TokenRevoked`.

    The token that was sent goes on working until one made from it is used, so that a lost answer locks nobody out.
    After that it is refused, and the session lives on: if a superseded token ended it (RFC 9700 §4.14.2), whoever
    finds an old backup could lock out a customer who has nothing but the phone.
    """
    try:
        claims = tokens.read(ctx.vault, refresh_token, "refresh", ctx.now)
    except TokenExpired:
        raise TokenExpired("The refresh token has expired; recover the booking with its reference.") from None
    if claims.org_id != ctx.org_id:
        raise Unauthenticated("The token is not one of this organisation.")
    subject_id, session_id, generation = claims.subject_id, claims.session_id, claims.generation
    role = None
    if claims.subject == "staff":
        member = await queries.find_staff(ctx.db, ctx.org_id, subject_id)
        if member is None or member.revoked_at is not None:
            raise TokenRevoked("This member of staff no longer has access.")
        role = member.role
    if not await session_queries.advance_session(ctx.db, ctx.org_id, session_id, subject_id, generation, ctx.now):
        raise TokenRevoked("The session has ended, or the token's successor has been used.")
    return tokens.mint(
        ctx.vault, ctx.settings, ctx.org, claims.subject, subject_id, ctx.now,
        channel=claims.channel, role=role, session_id=session_id, generation=generation + 1,
    )  # fmt: skip


async def ask_for_recovery(ctx: Context, wanted: NewRecovery) -> None:
    """Publishes `recovery.requested`, whose subscriber looks for the booking and sends a code.

    Everybody gets the same answer after the same work, so that nobody learns which references and addresses exist.
    """
    contact = RecoveryContact(wanted.email.strip().lower() if wanted.email else None, wanted.phone)
    data = {
        "reference": read_code(wanted.reference),
        "contact": seal_contact(ctx.vault, contact),
        "language": ctx.language,
    }
    await events.publish(ctx.db, [Event(ctx.org_id, RECOVERY_REQUESTED, new_id(), data, ctx.now)])


async def sign_out(ctx: Context) -> None:
    """Ends the caller's session: its access and refresh tokens work no more."""
    if (subject_id := ctx.caller.subject_id) is None:
        raise Forbidden("A key has no session.")
    await session_queries.revoke_session(ctx.db, ctx.org_id, ctx.caller.credential_id, subject_id, ctx.now)
