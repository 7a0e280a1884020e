"""What webhooks do without a request: telling owners, and deleting what is old."""

from uuid import uuid5

from booking_api.core.clock import utc_now
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.db.partitions import first_id
from booking_api.core.rounds import one_by_one
from booking_api.core.runtime import Runtime, acquire
from booking_api.identity import notifier, staff_queries
from booking_api.identity import queries as identity
from booking_api.webhooks import delivery_queries, letters, queries
from booking_api.webhooks.events import WebhookPaused
from booking_api.webhooks.queries import OldEndpoint
from booking_api.webhooks.rules import KEPT

BATCH = 1_000


async def tell_owners(runtime: Runtime, event: StoredEvent) -> None:
    """Writes to the organisation's owners that a webhook was paused; each message under an id of its own, so that a
    repeat of the job is the same message."""
    because = WebhookPaused.of(event).because
    async with acquire(runtime) as db:
        org = await identity.find_organisation(db, event.org_id)
        endpoint = await queries.find_endpoint(db, event.org_id, event.subject_id)
        owners = await staff_queries.list_owner_addresses(db, event.org_id)
    if org is None or endpoint is None:
        return
    subject, body = letters.paused_letter(org.locale.split("-")[0].lower(), org.name, endpoint.url, because)
    for owner in owners:
        message = notifier.Message(
            org_id=event.org_id, recipient=owner.email, subject=subject, body=body, created_at=utc_now(),
            id=uuid5(event.id, owner.email),
        )  # fmt: skip
        await notifier.send(runtime, message)


async def delete_old_deliveries(runtime: Runtime) -> int:
    """Deletes deliveries of events that aren't kept any more, and endpoints that were deleted; how many."""
    kept_from = first_id(utc_now() - KEPT)
    every = first_id(utc_now() + KEPT)
    async with acquire(runtime) as db:

        async def delete(one: OldEndpoint) -> int:
            before = every if one.is_deleted else kept_from
            done = await delivery_queries.delete_old_deliveries(db, one.org_id, one.id, before, BATCH)
            if one.is_deleted and done < BATCH:
                done += await queries.delete_endpoint(db, one.org_id, one.id)
            return done

        return sum(await one_by_one(await queries.list_every_endpoint(db), delete))
