"""What happens to slots."""

from typing import ClassVar

from booking_api.core.queue.events import Fact


class SlotUpdated(Fact, frozen=True, kw_only=True):
    """A slot was delayed, moved, closed, cancelled or otherwise changed."""

    type: ClassVar[str] = "slot.changed"
    about: ClassVar[str] = "slot"
    is_public: ClassVar[bool] = True

    changed: list[str] | None = None
    """The names of what is another by now; absent where an import changed it, and doesn't say."""


class SlotHoldsUnwanted(Fact, frozen=True, kw_only=True):
    """Staff want back what is held on a slot and not paid."""

    type: ClassVar[str] = "slot.holds_unwanted"
    about: ClassVar[str] = "slot"
