"""What Prometheus is told of webhooks."""

from collections.abc import Sequence
from datetime import datetime

from booking_api.core.db import Connection
from booking_api.core.metrics import Metrics
from booking_api.webhooks import delivery_queries
from booking_api.webhooks.delivery_queries import TroubledWebhooks


async def _troubled(db: Connection, _now: datetime) -> Sequence[TroubledWebhooks]:
    return [await delivery_queries.count_troubled(db)]


METRICS = [Metrics(TroubledWebhooks, _troubled)]
