"""The only place that reads the clock."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time, which says its zone."""
LONGEST_TRANSACTION = timedelta(seconds=60)
"""What a transaction wrote at its `now` becomes visible within this time or not at all: the server ends it earlier where
it can (`core.db.session_settings`), jobs are cancelled after it, and `core.web.transactions.refuse_late` refuses the rest."""
CLOCKS_APART = timedelta(seconds=60)
"""How far the clocks of two processes may differ without anything being missed that is read by time."""


def utc_now() -> datetime:
    """The current moment in UTC."""
    return datetime.now(UTC)
