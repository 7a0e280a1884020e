"""The SQL of endpoints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from booking_api.core.db import Connection, execute, fetch_all, fetch_one, fetch_value
from booking_api.webhooks.schemas import EndpointRow

ENDPOINT_COLUMNS: Final = """
  id, url, description, events, payload, status, paused_because, secret_sealed, previous_sealed, previous_until, failures,
  failing_since, retry_at, succeeded_at, created_at, updated_at
"""


async def count_endpoints(db: Connection, org_id: UUID) -> int:
    return await fetch_value(
        db, "select count(*)::int from webhook_endpoint where org_id = $1 and status <> 'deleted'", org_id
    )


async def insert_endpoint(db: Connection, org_id: UUID, row: EndpointRow) -> None:
    await execute(
        db,
        """
        insert into webhook_endpoint (org_id, id, url, description, events, payload, status, secret_sealed, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        """,
        org_id, row.id, row.url, row.description, row.events, row.payload, row.status, row.secret_sealed, row.created_at,
    )  # fmt: skip


async def list_endpoints(db: Connection, org_id: UUID, after: UUID | None, limit: int) -> list[EndpointRow]:
    return await fetch_all(
        db,
        EndpointRow,
        f"""
        select {ENDPOINT_COLUMNS} from webhook_endpoint
        where org_id = $1 and status <> 'deleted' and ($2::uuid is null or id > $2) order by id limit $3
        """,
        org_id,
        after,
        limit,
    )


async def find_endpoint(db: Connection, org_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    return await fetch_one(
        db,
        EndpointRow,
        f"select {ENDPOINT_COLUMNS} from webhook_endpoint where org_id = $1 and id = $2 and status <> 'deleted'",
        org_id,
        endpoint_id,
    )


async def lock_endpoint(db: Connection, org_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    """An endpoint that nobody else changes until the transaction ends. Deliveries may be added meanwhile."""
    return await fetch_one(
        db,
        EndpointRow,
        f"""
        select {ENDPOINT_COLUMNS} from webhook_endpoint
        where org_id = $1 and id = $2 and status <> 'deleted' for no key update
        """,
        org_id,
        endpoint_id,
    )


async def update_endpoint(db: Connection, org_id: UUID, row: EndpointRow) -> None:
    await execute(
        db,
        """
        update webhook_endpoint set url = $3, description = $4, events = $5, payload = $6, status = $7,
          paused_because = $8, secret_sealed = $9, previous_sealed = $10, previous_until = $11, failures = $12,
          failing_since = $13, retry_at = $14, succeeded_at = $15, updated_at = $16
        where org_id = $1 and id = $2
        """,
        org_id, row.id, row.url, row.description, row.events, row.payload, row.status, row.paused_because,
        row.secret_sealed, row.previous_sealed, row.previous_until, row.failures, row.failing_since, row.retry_at,
        row.succeeded_at, row.updated_at,
    )  # fmt: skip


async def mark_deleted(db: Connection, org_id: UUID, endpoint_id: UUID, now: datetime) -> int:
    """Takes an endpoint away, and its secrets with it; its deliveries follow in batches."""
    return await execute(
        db,
        """
        update webhook_endpoint set status = 'deleted', paused_because = null, url = '', description = null,
          secret_sealed = ''::bytea, previous_sealed = null, previous_until = null, updated_at = $3
        where org_id = $1 and id = $2 and status <> 'deleted'
        """,
        org_id,
        endpoint_id,
        now,
    )


# secrets ----------------------------------------------------------------------------------------------------------


class SealedSecrets(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    secret_sealed: bytes
    previous_sealed: bytes | None


async def list_sealed_secrets(db: Connection, org_id: UUID | None) -> list[SealedSecrets]:
    """The secrets of an organisation, for re-encrypting them; of all, for looking whether they can be read."""
    return await fetch_all(
        db,
        SealedSecrets,
        """
        select org_id, id, secret_sealed, previous_sealed from webhook_endpoint
        where ($1::uuid is null or org_id = $1) and status <> 'deleted' order by org_id, id
        """,
        org_id,
    )


async def reseal_secrets(
    db: Connection, before: SealedSecrets, secret_sealed: bytes, previous_sealed: bytes | None
) -> bool:
    """Puts re-encrypted secrets in place of what was read; False where they are others by now."""
    return bool(
        await execute(
            db,
            """
            update webhook_endpoint set secret_sealed = $5, previous_sealed = $6
            where org_id = $1 and id = $2 and secret_sealed = $3 and previous_sealed is not distinct from $4
            """,
            before.org_id, before.id, before.secret_sealed, before.previous_sealed, secret_sealed, previous_sealed,
        )
    )  # fmt: skip


# the installation -------------------------------------------------------------------------------------------------


class FailingEndpoint(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    status: str
    paused_because: str | None
    failing_since: datetime | None


async def list_failing(db: Connection, since: datetime, limit: int) -> list[FailingEndpoint]:
    """Endpoints that were paused because they failed, and those that have failed since before a moment."""
    return await fetch_all(
        db,
        FailingEndpoint,
        """
        select org_id, id, status, paused_because, failing_since from webhook_endpoint
        where (status = 'paused' and paused_because <> 'asked') or (status = 'active' and failing_since < $1)
        order by org_id, id limit $2
        """,
        since,
        limit,
    )


class Listening(msgspec.Struct, frozen=True):
    org_id: UUID


async def list_listening(db: Connection, org_ids: Sequence[UUID]) -> list[Listening]:
    """Those of these organisations that have endpoints."""
    return await fetch_all(
        db,
        Listening,
        """
        select o.org_id from unnest($1::uuid[]) as o (org_id)
        where exists (select from webhook_endpoint e where e.org_id = o.org_id and e.status <> 'deleted')
        """,
        org_ids,
    )


class OldEndpoint(msgspec.Struct, frozen=True):
    org_id: UUID
    id: UUID
    is_deleted: bool


async def list_every_endpoint(db: Connection) -> list[OldEndpoint]:
    """All there are, those that were deleted included while something of them is left."""
    return await fetch_all(
        db, OldEndpoint, "select org_id, id, status = 'deleted' as is_deleted from webhook_endpoint order by org_id, id"
    )


async def delete_endpoint(db: Connection, org_id: UUID, endpoint_id: UUID) -> int:
    """Deletes the row of an endpoint of which nothing else is left."""
    return await execute(
        db,
        """
        delete from webhook_endpoint e
        where e.org_id = $1 and e.id = $2 and e.status = 'deleted'
          and not exists (select from webhook_delivery d where d.org_id = $1 and d.endpoint_id = $2)
        """,
        org_id,
        endpoint_id,
    )
