"""Endpoints: made, changed, paused, resumed, deleted; their secrets."""

from datetime import timedelta
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.errors import NotFound, unprocessable
from booking_api.core.ids import new_id
from booking_api.core.outbound.addresses import BadUrl, check_url
from booking_api.core.paging import read_cursor, write_cursor
from booking_api.core.queue.events import publish
from booking_api.core.secrets import Vault
from booking_api.identity import audit
from booking_api.identity.rules import check_may
from booking_api.webhooks import delivery_queries, queries, rules, turn_queries
from booking_api.webhooks.delivery_schemas import NewDelivery
from booking_api.webhooks.events import WebhookTested
from booking_api.webhooks.operations.fanning_out import public_events
from booking_api.webhooks.operations.replaying import LEASE
from booking_api.webhooks.schemas import (
    MOST_WEBHOOKS,
    EndpointRow,
    NewWebhook,
    SecretChange,
    TooManyWebhooks,
    Webhook,
    WebhookChange,
    WebhookIsPaused,
    WebhookList,
    WebhookListQuery,
    WebhookSecret,
)
from booking_api.webhooks.secrets import new_secret, show_secret

# secrets ----------------------------------------------------------------------------------------------------------


def shown_secret(vault: Vault, row: EndpointRow) -> WebhookSecret:
    """The current secret as its receiver is given it."""
    return WebhookSecret(show_secret(vault.decrypt(row.secret_sealed)))


async def change_secret(ctx: Context, endpoint_id: UUID, change: SecretChange) -> EndpointRow:
    """Gives an endpoint a new secret; the one before goes on signing beside it for a while. Raises `NotFound`, and
    `Forbidden` where more is sent there than the caller may read."""
    row = await _lock(ctx, endpoint_id)
    _check(ctx, None, None, row.payload)
    until = ctx.now + timedelta(seconds=change.previous_valid_seconds)
    row = msgspec.structs.replace(
        row, secret_sealed=ctx.vault.encrypt(new_secret()), updated_at=ctx.now,
        previous_sealed=row.secret_sealed if change.previous_valid_seconds else None,
        previous_until=until if change.previous_valid_seconds else None,
    )  # fmt: skip
    await queries.update_endpoint(ctx.db, ctx.org_id, row)
    await audit.note(ctx, "webhook.secret_changed", "webhook", endpoint_id)
    return row


# endpoints --------------------------------------------------------------------------------------------------------


def webhook_answer(ctx: Context, row: EndpointRow) -> Webhook:
    previous = row.previous_until if row.previous_until is not None and row.previous_until > ctx.now else None
    return Webhook(
        id=row.id, url=row.url, events=row.events, payload=row.payload, description=row.description, status=row.status,
        paused_because=row.paused_because, failing_since=row.failing_since, previous_secret_until=previous,
        created_at=row.created_at, updated_at=row.updated_at, available_actions=rules.actions_of(row.status),
    )  # fmt: skip


def _check(ctx: Context, url: str | None, events: list[str] | None, payload: str | None) -> None:
    """Raises `Unprocessable` for what can't be called or isn't told, `Forbidden` for more than the caller may read."""
    if url is not None:
        try:
            check_url(url, loopback=ctx.settings.outbound_loopback)
        except BadUrl as error:
            raise unprocessable("/url", str(error)) from None
    for place, name in enumerate(events or []):
        if name not in public_events():
            raise unprocessable(f"/events/{place}", f"Events are {', '.join(sorted(public_events()))}.")
    if payload == "full":
        check_may(ctx.caller, {"bookings:read"})


async def add_endpoint(ctx: Context, new: NewWebhook) -> EndpointRow:
    """Makes an endpoint with a secret of its own. Raises `TooManyWebhooks`, and what is wrong with what it wants."""
    _check(ctx, new.url, new.events, new.payload)
    if await queries.count_endpoints(ctx.db, ctx.org_id) >= MOST_WEBHOOKS:
        raise TooManyWebhooks
    row = EndpointRow(
        id=new_id(), url=new.url, description=new.description, events=sorted(set(new.events)), payload=new.payload,
        status="active", paused_because=None, secret_sealed=ctx.vault.encrypt(new_secret()),
        previous_sealed=None, previous_until=None, failures=0, failing_since=None, retry_at=None, succeeded_at=None,
        created_at=ctx.now, updated_at=ctx.now,
    )  # fmt: skip
    await queries.insert_endpoint(ctx.db, ctx.org_id, row)
    await audit.note(ctx, "webhook.created", "webhook", row.id, new.payload)
    return row


async def list_endpoints(ctx: Context, query: WebhookListQuery) -> WebhookList:
    after = read_cursor(query.cursor, tuple[UUID])[0] if query.cursor else None
    rows = await queries.list_endpoints(ctx.db, ctx.org_id, after, query.limit + 1)
    page = rows[: query.limit]
    return WebhookList(
        items=[webhook_answer(ctx, row) for row in page],
        next_cursor=write_cursor(page[-1].id) if len(rows) > query.limit else None,
    )


async def find_endpoint(ctx: Context, endpoint_id: UUID) -> EndpointRow:
    """Raises `NotFound`."""
    row = await queries.find_endpoint(ctx.db, ctx.org_id, endpoint_id)
    if row is None:
        raise NotFound
    return row


async def _lock(ctx: Context, endpoint_id: UUID) -> EndpointRow:
    row = await queries.lock_endpoint(ctx.db, ctx.org_id, endpoint_id)
    if row is None:
        raise NotFound
    return row


async def change_endpoint(ctx: Context, endpoint_id: UUID, change: WebhookChange) -> EndpointRow:
    """Changes what is given. Another URL, or resuming, forgets what went wrong, and sends what waits.

    Raises `NotFound`, and what is wrong with what is wanted.
    """
    row = await _lock(ctx, endpoint_id)
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
    _check(ctx, given.get("url"), given.get("events"), given.get("payload", row.payload))
    if "events" in given:
        given["events"] = sorted(set(given["events"]))
    begins_anew = given.get("url", row.url) != row.url or (row.status == "paused" and given.get("status") == "active")
    if begins_anew:
        given |= {"failures": 0, "failing_since": None, "retry_at": None}
    if (status := given.get("status", row.status)) != row.status:
        given["paused_because"] = "asked" if status == "paused" else None
    changed = msgspec.structs.replace(row, **given)
    if changed == row:
        return row
    changed = msgspec.structs.replace(changed, updated_at=ctx.now)
    await queries.update_endpoint(ctx.db, ctx.org_id, changed)
    if begins_anew:
        await turn_queries.release_all(ctx.db, ctx.org_id, endpoint_id, ctx.now, ctx.now - LEASE)
    what = changed.status if changed.status != row.status else "changed"
    await audit.note(ctx, "webhook.changed", "webhook", endpoint_id, what)
    return changed


async def delete_endpoint(ctx: Context, endpoint_id: UUID) -> None:
    """Takes an endpoint away with all that waits for it. Raises `NotFound`."""
    if not await queries.mark_deleted(ctx.db, ctx.org_id, endpoint_id, ctx.now):
        raise NotFound
    await audit.note(ctx, "webhook.deleted", "webhook", endpoint_id)


async def test_endpoint(ctx: Context, endpoint_id: UUID) -> UUID:
    """Has a test sent to an endpoint; the event's id. Raises `NotFound`, and `WebhookIsPaused`."""
    row = await find_endpoint(ctx, endpoint_id)
    if row.status != "active":
        raise WebhookIsPaused
    event = WebhookTested(endpoint_id=endpoint_id).event(ctx.org_id, endpoint_id, ctx.now)
    await publish(ctx.db, [event])
    # Its own key, so that it waits for nothing.
    await delivery_queries.send_again(
        ctx.db, ctx.org_id, endpoint_id, [NewDelivery(event.id, event.type, event.id, ctx.now)], ctx.now, ctx.now
    )
    await audit.note(ctx, "webhook.tested", "webhook", endpoint_id)
    return event.id
