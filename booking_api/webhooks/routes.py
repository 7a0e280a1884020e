"""HTTP of webhooks."""

from typing import Any
from uuid import UUID

import msgspec

from booking_api.core.context import Context
from booking_api.core.errors import Forbidden, NotFound, Unprocessable
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import Reply
from booking_api.webhooks.delivery_schemas import DeliveriesQuery, EventDelivery, EventDeliveryList, Replay, ReplayBegun
from booking_api.webhooks.operations import endpoints, replaying
from booking_api.webhooks.schemas import (
    NewWebhook,
    NewWebhookAnswer,
    SecretChange,
    TooManyWebhooks,
    Webhook,
    WebhookChange,
    WebhookIsPaused,
    WebhookList,
    WebhookListQuery,
    WebhookSecret,
)

TAG = "Webhooks"
ADMIN = Access(staff="owner", scope="webhooks:write")


async def _secret_again(ctx: Context, stored: bytes, **_: Any) -> WebhookSecret | None:
    """The current one: it may have been changed since the answer was stored."""
    try:
        row = await endpoints.find_endpoint(ctx, msgspec.json.decode(stored, type=Webhook).id)
    except NotFound:
        return None
    return endpoints.shown_secret(ctx.vault, row)


@endpoint(
    "POST", "/v1/webhooks", tag=TAG, access=ADMIN, answers={201: NewWebhookAnswer},
    errors=(Unprocessable, Forbidden, TooManyWebhooks), renew=_secret_again,
)  # fmt: skip
async def create_webhook(ctx: Context, body: NewWebhook) -> Reply:
    """Have events sent to a server.

    They are posted in the form of Standard Webhooks: verify the signature with one of its libraries and the `secret` of
    this answer, which isn't shown again but to a repeat with the same idempotency key. Answer 2xx within 15 seconds;
    whatever else is tried again for three days, with growing pauses. An event may come twice, with the same
    `webhook-id`; events of one `order_key`, such as a booking, come one after the other. With `full` payloads the
    caller must be allowed to read bookings.
    """
    row = await endpoints.add_endpoint(ctx, body)
    return Reply(endpoints.webhook_answer(ctx, row), 201, secrets=endpoints.shown_secret(ctx.vault, row))


@endpoint("GET", "/v1/webhooks", tag=TAG, access=ADMIN)
async def list_webhooks(ctx: Context, query: WebhookListQuery) -> WebhookList:
    """List the webhooks.

    In the order in which they were made; never their secrets.
    """
    return await endpoints.list_endpoints(ctx, query)


@endpoint("GET", "/v1/webhooks/{webhook_id:uuid}", tag=TAG, access=ADMIN, errors=(NotFound,))
async def get_webhook(ctx: Context, webhook_id: UUID) -> Webhook:
    """Get a webhook.

    Whether it is told, and since when it took nothing, if so; never its secret.
    """
    return endpoints.webhook_answer(ctx, await endpoints.find_endpoint(ctx, webhook_id))


@endpoint("PATCH", "/v1/webhooks/{webhook_id:uuid}", tag=TAG, access=ADMIN, errors=(NotFound, Unprocessable, Forbidden))
async def edit_webhook(ctx: Context, webhook_id: UUID, body: WebhookChange) -> Webhook:
    """Change, pause or resume a webhook.

    While it is paused, what happens waits for it for 30 days. Resuming it, or giving it another URL, sends what waits.
    It is paused without being asked for where it took nothing for three days, or said 410; the owners are told.
    """
    return endpoints.webhook_answer(ctx, await endpoints.change_endpoint(ctx, webhook_id, body))


@endpoint(
    "DELETE", "/v1/webhooks/{webhook_id:uuid}", tag=TAG, access=ADMIN, errors=(NotFound,),
    answer_descriptions={204: "Deleted."},
)  # fmt: skip
async def delete_webhook(ctx: Context, webhook_id: UUID) -> None:
    """Delete a webhook.

    Nothing is sent any more, and what waits for it is gone.
    """
    await endpoints.delete_endpoint(ctx, webhook_id)


@endpoint(
    "POST", "/v1/webhooks/{webhook_id:uuid}/secret", tag=TAG, access=ADMIN, answers={200: NewWebhookAnswer},
    errors=(NotFound, Forbidden), renew=_secret_again,
)  # fmt: skip
async def change_webhook_secret(ctx: Context, webhook_id: UUID, body: SecretChange) -> Reply:
    """Change a webhook's secret.

    The one before goes on signing beside the new one, for a day unless you say otherwise, so that receivers change at
    their leisure: the libraries accept a message that one of its signatures fits.
    """
    row = await endpoints.change_secret(ctx, webhook_id, body)
    return Reply(endpoints.webhook_answer(ctx, row), 200, secrets=endpoints.shown_secret(ctx.vault, row))


@endpoint(
    "POST", "/v1/webhooks/{webhook_id:uuid}/test", tag=TAG, access=ADMIN, status=202, errors=(NotFound, WebhookIsPaused)
)
async def test_webhook(ctx: Context, webhook_id: UUID) -> EventDelivery:
    """Send a test.

    An event `webhook.tested` is sent to this webhook alone, whatever it wants to hear of. The list of deliveries says
    what came of it.
    """
    event_id = await endpoints.test_endpoint(ctx, webhook_id)
    return await replaying.show_delivery(ctx, webhook_id, event_id)


@endpoint("GET", "/v1/webhooks/{webhook_id:uuid}/deliveries", tag=TAG, access=ADMIN, errors=(NotFound,))
async def list_webhook_deliveries(ctx: Context, webhook_id: UUID, query: DeliveriesQuery) -> EventDeliveryList:
    """List what was sent to a webhook.

    Newest first, of the last 30 days, with what came of it and when it is tried again.
    """
    return await replaying.list_deliveries(ctx, webhook_id, query)


@endpoint(
    "POST", "/v1/webhooks/{webhook_id:uuid}/deliveries/{event_id:uuid}/replay", tag=TAG, access=ADMIN, status=202,
    errors=(NotFound,),
)  # fmt: skip
async def replay_webhook_delivery(ctx: Context, webhook_id: UUID, event_id: UUID) -> EventDelivery:
    """Send one event again.

    Under the same `webhook-id`, whether it arrived before or not. What is under way at this moment isn't sent twice.
    """
    return await replaying.replay_one(ctx, webhook_id, event_id)


@endpoint(
    "POST", "/v1/webhooks/{webhook_id:uuid}/replay", tag=TAG, access=ADMIN, status=202, errors=(NotFound, Unprocessable)
)
async def replay_webhook(ctx: Context, webhook_id: UUID, body: Replay) -> ReplayBegun:
    """Send all events of a period again.

    All that the webhook wants by now, also those from before it was made: what happened in the last 30 days. At most
    5,000 at a time; with `next_cursor` there are more.
    """
    return await replaying.replay(ctx, webhook_id, body)


ROUTES = [
    create_webhook, list_webhooks, get_webhook, edit_webhook, delete_webhook, change_webhook_secret, test_webhook,
    list_webhook_deliveries, replay_webhook_delivery, replay_webhook,
]  # fmt: skip
