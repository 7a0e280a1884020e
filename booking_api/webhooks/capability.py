"""What webhooks declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import NOT
from booking_api.webhooks import deliverer, events, jobs, routes, sealing
from booking_api.webhooks.checks import CHECKS
from booking_api.webhooks.metrics import METRICS
from booking_api.webhooks.operations.fanning_out import fan_out

CAPABILITY = Capability(
    name="webhooks",
    tags=[Tag("Webhooks", "What happens, sent to your server, signed and in order.", 75)],
    routes=routes.ROUTES,
    events=[events.WebhookPaused, events.WebhookTested],
    subscribers={events.WebhookPaused: (jobs.tell_owners,)},
    relayed=(fan_out,),
    services=(deliverer.deliver,),
    schedules=[(300, jobs.delete_old_deliveries)],
    checks=CHECKS,
    metrics=METRICS,
    resealers=(sealing.reseal,),
    personal={
        "webhook_endpoint": dict.fromkeys(
            (
                "url", "description", "events", "payload", "status", "paused_because", "secret_sealed",
                "previous_sealed",
            ),
            NOT,
        ),
        "webhook_delivery": dict.fromkeys(("type", "status", "failure"), NOT),
    },
    audited={
        "webhook.created": "webhook",
        "webhook.changed": "webhook",
        "webhook.deleted": "webhook",
        "webhook.paused": "webhook",
        "webhook.replayed": "webhook",
        "webhook.secret_changed": "webhook",
        "webhook.tested": "webhook",
    },
)  # fmt: skip
