"""The verbs of identity that others build on: organisations, keys, staff, customers, signing keys."""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from booking_api.core.cache import BoundedCache
from booking_api.core.context import Context, Organisation, Role
from booking_api.core.db import Connection
from booking_api.core.errors import TokenRevoked, unprocessable
from booking_api.core.ids import new_code, new_id
from booking_api.core.per_process import Caches, PerProcess
from booking_api.core.secrets import Vault, hash_secret
from booking_api.core.settings import Settings
from booking_api.core.standards import canonical_language, find_zone, is_currency
from booking_api.core.text import fields
from booking_api.core.text.addresses import Unreadable, countries, read_email
from booking_api.core.text.fields import Unfit, treat
from booking_api.identity import (
    contact_queries,
    queries,
    reach,
    session_life_queries,
    signing_queries,
    staff_queries,
    tokens,
)
from booking_api.identity.key_schemas import KeyLimits, KeyRow
from booking_api.identity.schemas import SCOPES, EmailTaken, KnownContact, NewKeys, NewOrganisation, Reachable, StaffRow
from booking_api.identity.session_schemas import Tokens
from booking_api.identity.signing_queries import ActiveKeyRow, PublicKeyRow
from booking_api.identity.signing_schemas import Jwk, JwkSet, SigningKey

KEY_SECRET_BYTES = 20
ANYWHERE = KeyLimits()
KID_LENGTH = 8
SIGNING_KEY_CACHE_SECONDS = 60
SIGNING_KEYS = PerProcess(lambda: BoundedCache[UUID, SigningKey](4_096))
PUBLIC_KEYS = PerProcess(lambda: BoundedCache[tuple[UUID, str], Ed25519PublicKey](4_096))
JWKS_LIMIT = 1_000
JWKS_GRACE = timedelta(hours=2)
"""How long a key stays published after it was retired and its last pass ended: longer than any cache of it."""

# organisations, keys, staff ---------------------------------------------------------------------------------------


def _new_key(kind: str, org_id: UUID, *, live: bool) -> str:
    """`pk_test_…`: the organisation's id and 160 random bits, so that a key can be looked up within its tenant."""
    secret = urlsafe_b64encode(org_id.bytes + secrets.token_bytes(KEY_SECRET_BYTES)).decode().rstrip("=")
    return f"{'pk' if kind == 'publishable' else 'sk'}_{'live' if live else 'test'}_{secret}"


async def add_key(
    db: Connection, org: Organisation, kind: str, name: str, now: datetime, *, channel: str = "web",
    scopes: Sequence[str] = (), limits: KeyLimits = ANYWHERE,
) -> tuple[KeyRow, str]:  # fmt: skip
    """Makes an API key. The secret is returned this once; the database keeps its digest."""
    key = _new_key(kind, org.org_id, live=org.live)
    row = KeyRow(
        new_id(), kind, name, channel, list(scopes), key[-4:], now, None, None, limits.allowed_origins,
        limits.allowed_apps, limits.rate_limit_per_minute,
    )  # fmt: skip
    await queries.insert_key(db, org.org_id, row, hash_secret(key))
    return row, key


async def add_organisation(db: Connection, new: NewOrganisation, now: datetime) -> NewKeys:
    """Makes an organisation with one publishable and one secret key.

    Raises `Unprocessable` for a time zone, currency, language or country that there isn't.
    """
    if find_zone(new.time_zone) is None:
        raise unprocessable("/time_zone", f"{new.time_zone!r} is not an IANA time zone, such as Europe/Berlin.")
    if not is_currency(new.currency):
        raise unprocessable(
            "/currency", f"{new.currency!r} is not an ISO 4217 currency code of money that one sells in, such as EUR."
        )
    locale = canonical_language(new.locale)
    if locale is None:
        raise unprocessable(
            "/locale",
            f"{new.locale!r} is not a language tag (BCP 47) of a known language and region, such as en or de-AT.",
        )
    org = Organisation(
        new_id(), check_name(new.name), new.time_zone, new.currency, locale, new.live, new.retention_days,
        check_country(new.country),
    )  # fmt: skip
    await queries.insert_organisation(db, org, now)
    _, publishable = await add_key(db, org, "publishable", "First app", now)
    _, secret = await add_key(db, org, "secret", "First integration", now, channel="partner", scopes=SCOPES)
    return NewKeys(org.org_id, publishable, secret)


_NAME = fields.line(200)


def check_name(name: str) -> str:
    """The name of an organisation or of a person, cleaned. Raises `Unprocessable` where nothing of it is to be seen, or
    too much."""
    try:
        return treat(name, _NAME)
    except Unfit as error:
        raise unprocessable("/name", error.detail) from None


def check_country(country: str | None) -> str | None:
    """The country in capitals. Raises `Unprocessable` for one that isn't an ISO 3166 alpha-2 code."""
    if country is not None and (country := country.upper()) not in countries():
        raise unprocessable("/country", f"{country!r} is not an ISO 3166 country code, such as DE.")
    return country


async def add_staff(db: Connection, org: Organisation, name: str, email: str, role: Role, now: datetime) -> StaffRow:
    """Adds a member of staff. Raises `EmailTaken` where the address belongs to one who isn't revoked, and
    `Unprocessable` for what is no mail address."""
    row = StaffRow(new_id(), check_name(name), staff_address(email), role, now, None, None)
    if not await staff_queries.insert_staff(db, org.org_id, row):
        raise EmailTaken
    return row


def staff_address(email: str) -> str:
    """The one form of a mail address that members of staff are told apart by. Raises `Unprocessable`."""
    try:
        return read_email(email).lower()
    except Unreadable as error:
        raise unprocessable("/email", str(error)) from None


def staff_tokens(vault: Vault, settings: Settings, org: Organisation, row: StaffRow, now: datetime) -> Tokens:
    """Tokens of the first session of a member of staff, for handing over."""
    return tokens.mint(vault, settings, org, "staff", row.id, now, role=row.role, session_id=row.id)


# customers ----------------------------------------------------------------------------------------------------


async def remember_customers(db: Connection, org_id: UUID, said: Sequence[Reachable], now: datetime) -> None:
    """Keeps how to reach these customers, in place of all that they said before; who spoke twice means the latter."""
    latest = {one.customer_id: one for one in said}
    if latest:
        customers = sorted(latest.values(), key=lambda one: one.customer_id)
        await contact_queries.upsert_customers(db, org_id, customers, now)


async def customer_contacts(db: Connection, org_id: UUID, customer_ids: Collection[UUID]) -> dict[UUID, KnownContact]:
    """How to reach these customers; those who never said are absent."""
    if not customer_ids:
        return {}
    return {row.id: row for row in await contact_queries.find_contacts(db, org_id, list(customer_ids))}


async def narrow_sessions(db: Connection, org_id: UUID, customer_ids: Collection[UUID], now: datetime) -> None:
    """To be called where a booking may leave the restricted sessions of these customers: its contact is another one
    or erased, or it is deleted. Their apps are then told to sync from the start."""
    if customer_ids:
        await session_life_queries.narrow_sessions(db, org_id, sorted(customer_ids), now)


async def first_session_stands(db: Connection, org_id: UUID, customer_id: UUID) -> bool:
    """Whether no token of a customer's first session was used yet. Raises `TokenRevoked` where it has ended."""
    rows = await session_life_queries.find_session_rows(db, org_id, [customer_id])
    if rows and rows[0].revoked_at is not None:
        raise TokenRevoked("The session that this request opened has ended.")
    return not rows or rows[0].first_used_at is None


async def forget_contacts(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> int:
    """Erases the contacts of these customers; how many there were."""
    return await contact_queries.erase_contacts(db, org_id, customer_ids, now)


async def end_customers(db: Connection, org_id: UUID, customer_ids: Sequence[UUID], now: datetime) -> None:
    """Ends every session of these customers, also those whose tokens nobody has used yet."""
    for customer_id in customer_ids:
        await session_life_queries.mark_others_ended(db, org_id, customer_id, now)


async def has_proven(ctx: Context, customer_id: UUID, kind: reach.AddressKind, address: str) -> bool:
    """Whether a code that was sent to an address was redeemed for a customer, on whichever device."""
    known = reach.digests(ctx.vault, ctx.org, kind, address)
    restriction = ctx.caller.restriction
    if restriction is not None and restriction.address in known:
        return True
    return bool(await session_life_queries.list_proofs(ctx.db, ctx.org_id, customer_id, known))


# signing keys -----------------------------------------------------------------------------------------------------


async def active_signing_key(ctx: Context) -> SigningKey:
    """The key that the organisation signs passes with; the first is made when it is first needed."""
    cache = SIGNING_KEYS.of(ctx.caches)
    clock = time.monotonic()
    if (cached := cache.get(ctx.org_id, clock)) is not None:
        return cached
    row = await signing_queries.find_active_key(ctx.db, ctx.org_id)
    if row is None:
        return await _add_signing_key(ctx.db, ctx.vault, ctx.org_id, ctx.now)
    key = _open_signing_key(ctx.vault, row)
    # A key of this very request isn't committed yet: were it cached and rolled back, later passes would bear a
    # signature that nobody can verify.
    if row.created_at != ctx.now:
        cache.put(ctx.org_id, key, clock + SIGNING_KEY_CACHE_SECONDS)
    return key


def _open_signing_key(vault: Vault, row: ActiveKeyRow) -> SigningKey:
    return SigningKey(row.kid, Ed25519PrivateKey.from_private_bytes(vault.decrypt(row.private_key_encrypted)))


async def _add_signing_key(db: Connection, vault: Vault, org_id: UUID, now: datetime) -> SigningKey:
    """Makes the active key; of several requests at once, one does, and the others get that one's."""
    while True:
        kid = new_code(KID_LENGTH)
        if await signing_queries.kid_exists(db, kid):
            continue
        private_key = Ed25519PrivateKey.generate()
        sealed, public = vault.encrypt(private_key.private_bytes_raw()), private_key.public_key().public_bytes_raw()
        await signing_queries.insert_signing_key(db, org_id, kid, sealed, public, now)
        # Another request's key is visible by now: inserting waited for its commit.
        if (row := await signing_queries.find_active_key(db, org_id)) is not None:
            return _open_signing_key(vault, row)


async def rotate_signing_key(db: Connection, vault: Vault, org_id: UUID, now: datetime) -> SigningKey:
    """Retires an organisation's signing key and makes a new one, in the caller's transaction.

    Passes of the old key go on being verified, and for up to a minute running servers still sign with it.
    """
    await signing_queries.retire_signing_keys(db, org_id, now)
    return await _add_signing_key(db, vault, org_id, now)


async def find_public_key(db: Connection, caches: Caches, org_id: UUID, kid: str) -> Ed25519PublicKey | None:
    """The public half of an organisation's key, active or retired; None if it has no such key."""
    cache = PUBLIC_KEYS.of(caches)
    if (cached := cache.get((org_id, kid))) is not None:
        return cached
    raw = await signing_queries.find_public_key(db, org_id, kid)
    if raw is None:
        return None
    key = Ed25519PublicKey.from_public_bytes(raw)
    cache.put((org_id, kid), key)
    return key


async def public_keys(db: Connection, now: datetime, kid: str | None = None) -> JwkSet:
    """Every organisation's keys that may still verify a pass, at most 1,000: the active ones first, then the newest."""
    rows = await signing_queries.list_public_keys(db, kid, now - JWKS_GRACE, JWKS_LIMIT)
    return JwkSet([_jwk(row) for row in rows])


def _jwk(row: PublicKeyRow) -> Jwk:
    x = urlsafe_b64encode(row.public_key).decode().rstrip("=")
    return Jwk(kty="OKP", crv="Ed25519", use="sig", alg="EdDSA", kid=row.kid, x=x)
