"""What a home screen tells, written between parts that are prepared, as in `answers`. Pure."""

from collections.abc import Iterable, Sequence

from booking_api.availability.answers import product_summary
from booking_api.availability.discover_schemas import DiscoveredProduct
from booking_api.availability.rules import as_json
from booking_api.catalog.answers import media_answer, place_answer
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.money import Money
from booking_api.core.texts import pick


def discovered_product(definition: ProductDefinition, languages: Sequence[str]) -> DiscoveredProduct:
    """What a home screen shows of a product, in the reader's languages."""
    summary = product_summary(definition, languages)
    return DiscoveredProduct(
        id=definition.id,
        kind=definition.kind,
        title=summary.title,
        summary=pick(definition.summary, languages) if definition.summary else None,
        origin=place_answer(definition.origin) if definition.origin else None,
        destination=place_answer(definition.destination) if definition.destination else None,
        venue=place_answer(definition.venue) if definition.venue else None,
        duration_minutes=definition.duration_minutes,
        media=[media_answer(media, languages) for media in definition.media],
        options=summary.options,
        requires_names=definition.requires_names,
        asks=any(question.required for question in definition.questions),
    )


def write_item(product: str, distance_m: float | None, slots: Sequence[str], from_price: Money) -> str:
    """The JSON of a `DiscoveredItem`, of a product and slots that are written already."""
    distance = "" if distance_m is None else f'"distance_m":{round(distance_m)},'
    return f'{{"product":{product},{distance}"slots":[{",".join(slots)}],"from_price":{as_json(from_price)}}}'


def write_discovery(items: Iterable[str]) -> bytes:
    """The JSON of a `Discovery`."""
    return f'{{"items":[{",".join(items)}]}}'.encode()
