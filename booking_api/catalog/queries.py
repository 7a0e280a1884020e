"""All SQL of the catalogue."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.db import Connection, fetch_all


class VersionRow(msgspec.Struct, frozen=True):
    product_id: UUID
    version: int
    definition: ProductDefinition


async def find_versions(
    db: Connection, org_id: UUID, product_ids: Sequence[UUID], versions: Sequence[int]
) -> list[VersionRow]:
    return await fetch_all(
        db,
        VersionRow,
        """
        select v.product_id, v.version, v.definition
        from unnest($2::uuid[], $3::int[]) as wanted (product_id, version)
        join product_version v on v.org_id = $1 and v.product_id = wanted.product_id and v.version = wanted.version
        """,
        org_id,
        product_ids,
        versions,
    )
