"""What happens to webhooks themselves."""

from typing import ClassVar
from uuid import UUID

from booking_api.core.queue.events import Fact


class WebhookPaused(Fact, frozen=True, kw_only=True):
    """Nothing is sent to an endpoint any more, because it doesn't take it. What happens waits for it for 30 days."""

    type: ClassVar[str] = "webhook.paused"
    about: ClassVar[str] = "webhook"
    is_public: ClassVar[bool] = True

    because: str
    """`failing` where it took nothing for three days, `gone` where it said 410."""


class WebhookTested(Fact, frozen=True, kw_only=True):
    """Somebody asked for a test. It is sent to that endpoint alone, whatever it wants to hear of."""

    type: ClassVar[str] = "webhook.tested"
    about: ClassVar[str] = "webhook"

    endpoint_id: UUID
