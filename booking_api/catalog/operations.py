"""The verbs of the catalogue that others build on."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from booking_api.catalog import queries
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.cache import BoundedCache
from booking_api.core.db import Connection

DEFINITIONS = "catalog.definitions"
CACHED_DEFINITIONS = 4_096
Version = tuple[UUID, int]


async def load_definitions(
    db: Connection, caches: dict[str, Any], org_id: UUID, versions: Iterable[Version]
) -> dict[Version, ProductDefinition]:
    """The documents of these product versions. They never change, so what was read once is kept."""
    cache: BoundedCache[tuple[UUID, UUID, int], ProductDefinition] = caches.setdefault(
        DEFINITIONS, BoundedCache(CACHED_DEFINITIONS)
    )
    found: dict[Version, ProductDefinition] = {}
    missing: list[Version] = []
    for version in set(versions):
        if (cached := cache.get((org_id, *version))) is not None:
            found[version] = cached
        else:
            missing.append(version)
    if missing:
        for row in await queries.find_versions(db, org_id, [id_ for id_, _ in missing], [number for _, number in missing]):
            found[row.product_id, row.version] = row.definition
            cache.put((org_id, row.product_id, row.version), row.definition)
    return found
