"""The secrets of webhooks under another master secret; see `identity.resealing`."""

from datetime import datetime
from uuid import UUID

from cryptography.fernet import InvalidToken

from booking_api.core.db import Connection
from booking_api.core.sealing import Resealed
from booking_api.core.secrets import Vault
from booking_api.webhooks import queries


async def reseal(db: Connection, vault: Vault, org_id: UUID, _now: datetime) -> Resealed:
    """Encrypts the secrets of an organisation's webhooks with the current secret, in the caller's transaction."""
    resealed, current, unreadable = 0, 0, list[str]()
    for row in await queries.list_sealed_secrets(db, org_id):
        try:
            fresh = vault.reseal(row.secret_sealed)
            previous = None if row.previous_sealed is None else vault.reseal(row.previous_sealed)
        except InvalidToken:
            unreadable.append(str(row.id))
            continue
        if fresh is None and previous is None:
            current += 1
        elif await queries.reseal_secrets(db, row, fresh or row.secret_sealed, previous or row.previous_sealed):
            resealed += 1
    return Resealed(resealed, current, unreadable)
