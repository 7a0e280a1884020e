"""What customers say that somebody should see at once."""

from typing import ClassVar
from uuid import UUID

from booking_api.core.queue.events import Fact


class FeedbackLow(Fact, frozen=True, kw_only=True):
    """A customer gave a low score, or changed theirs to one."""

    type: ClassVar[str] = "feedback.low"
    about: ClassVar[str] = "feedback"
    is_public: ClassVar[bool] = True

    step: str
    kind: str
    score: int | None
    customer_id: UUID | None
    booking_id: UUID | None
    product_id: UUID | None
    channel: str
    """Where it was given, such as `ios`."""
