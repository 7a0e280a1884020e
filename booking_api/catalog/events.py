"""What happens to the catalogue that a customer could see."""

from typing import ClassVar

from booking_api.core.queue.events import Fact


class ProductUpdated(Fact, frozen=True, kw_only=True):
    """A product is new, got another version, or went on sale or off it."""

    type: ClassVar[str] = "product.changed"
    about: ClassVar[str] = "product"

    created: bool = False
    on_sale: bool
    version: int


class PlaceUpdated(Fact, frozen=True, kw_only=True):
    """A place that was there is described in another way."""

    type: ClassVar[str] = "place.changed"
    about: ClassVar[str] = "place"
