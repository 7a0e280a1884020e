"""Changing the master secret: what is stored under an older one is encrypted anew, while everybody goes on selling.

Stored under it are the private keys that passes are signed with, and what other capabilities seal. Everything else that the secret signs, tokens and
the links of pictures, is out there and believed for as long as the older secret is configured. What waits in a job
(the contact of a recovery) is read within minutes.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cryptography.fernet import InvalidToken

from booking_api.capabilities import all_resealers
from booking_api.core.db import Connection
from booking_api.core.sealing import Resealed
from booking_api.core.secrets import Vault
from booking_api.identity import audit, signing_queries

REMEDY = (
    "Set BOOKING_SECRET_KEY to what they were encrypted with, or add that to BOOKING_PREVIOUS_SECRET_KEYS. If it is "
    "lost, `booking-api keys rotate --secret-lost` makes new keys; passes that were issued stay valid."
)
SHOWN = 3


async def reseal_keys(db: Connection, vault: Vault, org_id: UUID, _now: datetime) -> Resealed:
    """Encrypts an organisation's private keys with the current secret, in the caller's transaction.

    May be repeated and interrupted anywhere, and run twice at once: each key is replaced only if it is what was read.
    """
    resealed, current, unreadable = 0, 0, list[str]()
    for row in await signing_queries.list_sealed_keys(db, org_id):
        try:
            fresh = vault.reseal(row.private_key_encrypted)
        except InvalidToken:
            unreadable.append(row.kid)
            continue
        if fresh is None:
            current += 1
        elif await signing_queries.reseal_key(db, org_id, row.kid, row.private_key_encrypted, fresh):
            resealed += 1
    return Resealed(resealed, current, unreadable)


async def reseal_all(db: Connection, vault: Vault, org_id: UUID, now: datetime) -> Resealed:
    """Encrypts with the current secret whatever an organisation keeps sealed, in the caller's transaction."""
    done = [await reseal(db, vault, org_id, now) for reseal in all_resealers()]
    resealed = sum(one.resealed for one in done)
    if resealed:
        await audit.note_command(db, org_id, "secret.changed", "organisation", org_id, now)
    unreadable = [one_id for one in done for one_id in one.unreadable]
    return Resealed(resealed, sum(one.current for one in done), unreadable)


async def unreadable_keys(db: Connection, vault: Vault) -> list[UUID]:
    """The organisations whose active key no configured secret opens, so that they couldn't issue a pass."""
    rows = await signing_queries.list_sealed_keys(db, None)
    return [row.org_id for row in rows if row.is_active and not vault.can_open(row.private_key_encrypted)]


async def stale_keys(db: Connection, vault: Vault) -> int:
    """How many private keys are still encrypted with a previous secret."""
    if not vault.has_previous:
        return 0
    rows = await signing_queries.list_sealed_keys(db, None)
    return sum(
        vault.can_open(row.private_key_encrypted) and vault.reseal(row.private_key_encrypted) is not None
        for row in rows
    )


def sentence_of(org_ids: Sequence[UUID]) -> str:
    """Whose keys can't be read."""
    shown = ", ".join(str(org_id) for org_id in org_ids[:SHOWN]) + (" and others" if len(org_ids) > SHOWN else "")
    if len(org_ids) == 1:
        return f"The key that organisation {shown} signs passes with can't be read with the configured secrets."
    return f"The keys that {len(org_ids)} organisations sign passes with can't be read with the configured secrets: {shown}."
