"""Catalogue documents turned into answers in the reader's languages. Pure."""

from collections.abc import Sequence

from booking_api.catalog.read_schemas import (
    AdmissionAnswer,
    ChoiceAnswer,
    ConditionsAnswer,
    MediaAnswer,
    OptionAnswer,
    OptionBrief,
    PlaceAnswer,
    PlaceBrief,
    Position,
    ProductAnswer,
    ProductBrief,
    ProductQuestion,
    UnitAnswer,
)
from booking_api.catalog.rules import base_amount
from booking_api.catalog.schemas import (
    Conditions,
    Media,
    OptionDefinition,
    Place,
    ProductDefinition,
    QuestionDefinition,
    UnitDefinition,
)
from booking_api.core.money import Money
from booking_api.core.texts import pick

Languages = Sequence[str]


def place_brief(place: Place) -> PlaceBrief:
    return PlaceBrief(id=place.id, code=place.code, name=place.name)


def conditions_answer(conditions: Conditions, currency: str, languages: Languages) -> ConditionsAnswer:
    """The conditions with their fees as money; what is 0 is left out."""
    return ConditionsAnswer(
        refundable=conditions.refundable,
        refund_until_minutes=conditions.refund_until_minutes or None,
        refund_fee=Money(conditions.refund_fee, currency) if conditions.refund_fee else None,
        changeable=conditions.changeable,
        change_until_minutes=conditions.change_until_minutes or None,
        change_fee=Money(conditions.change_fee, currency) if conditions.change_fee else None,
        booking_closes_minutes=conditions.booking_closes_minutes or None,
        summary=pick(conditions.summary, languages) if conditions.summary else None,
    )


def option_brief(option: OptionDefinition, currency: str, languages: Languages) -> OptionBrief:
    """An option as bookings carry it; the currency is its product's."""
    return OptionBrief(
        id=option.id,
        code=option.code,
        title=pick(option.title, languages),
        conditions=conditions_answer(option.conditions, currency, languages),
    )


def product_brief(definition: ProductDefinition, languages: Languages) -> ProductBrief:
    """A product as bookings carry it."""
    return ProductBrief(
        id=definition.id,
        kind=definition.kind,
        title=pick(definition.title, languages),
        origin=place_brief(definition.origin) if definition.origin else None,
        destination=place_brief(definition.destination) if definition.destination else None,
        venue=place_brief(definition.venue) if definition.venue else None,
    )


def place_answer(place: Place) -> PlaceAnswer:
    located = place.latitude is not None and place.longitude is not None
    return PlaceAnswer(
        id=place.id,
        code=place.code,
        name=place.name,
        time_zone=place.time_zone,
        position=Position(place.latitude or 0.0, place.longitude or 0.0) if located else None,
        address=place.address,
    )


def media_answer(media: Media, languages: Languages) -> MediaAnswer:
    return MediaAnswer(url=media.url, type=media.type, alt=pick(media.alt, languages) if media.alt else None)


def _unit_answer(unit: UnitDefinition, price: Money, languages: Languages) -> UnitAnswer:
    return UnitAnswer(
        id=unit.id,
        code=unit.code,
        title=pick(unit.title, languages),
        min_age=unit.min_age,
        max_age=unit.max_age,
        min=unit.min,
        max=unit.max,
        requires=unit.requires,
        occupies=unit.occupies,
        takes_seat=unit.takes_seat,
        price=price,
    )


def _option_answer(definition: ProductDefinition, option: OptionDefinition, languages: Languages) -> OptionAnswer:
    """An option with the units that are ever sold under it."""
    prices = [(unit, base_amount(definition, option, unit)) for unit in definition.units]
    return OptionAnswer(
        id=option.id,
        code=option.code,
        title=pick(option.title, languages),
        conditions=conditions_answer(option.conditions, definition.currency, languages),
        admission=AdmissionAnswer(
            opens_before_minutes=option.admission.opens_before_minutes,
            closes_after_minutes=option.admission.closes_after_minutes,
            closes_relative_to=option.admission.closes_relative_to,
            reentry=option.admission.reentry,
        ),
        units=[
            _unit_answer(unit, Money(amount, definition.currency), languages)
            for unit, amount in prices
            if amount is not None
        ],
    )


def _question_answer(question: QuestionDefinition, languages: Languages) -> ProductQuestion:
    choices = question.choices
    return ProductQuestion(
        id=question.id,
        code=question.code,
        type=question.type,
        required=question.required,
        per=question.per,
        label=pick(question.label, languages),
        choices=None if choices is None else [ChoiceAnswer(c.value, pick(c.label, languages)) for c in choices],
        sensitive=question.sensitive,
    )


def product_answer(definition: ProductDefinition, languages: Languages, *, on_sale: bool) -> ProductAnswer:
    """A product whole, as the catalogue shows it."""
    return ProductAnswer(
        id=definition.id,
        code=definition.code,
        kind=definition.kind,
        title=pick(definition.title, languages),
        summary=pick(definition.summary, languages) if definition.summary else None,
        origin=place_answer(definition.origin) if definition.origin else None,
        destination=place_answer(definition.destination) if definition.destination else None,
        venue=place_answer(definition.venue) if definition.venue else None,
        duration_minutes=definition.duration_minutes,
        opening_hours=definition.opening_hours,
        media=[media_answer(media, languages) for media in definition.media],
        options=[_option_answer(definition, option, languages) for option in definition.options],
        questions=[_question_answer(question, languages) for question in definition.questions],
        on_sale=on_sale,
        requires_names=definition.requires_names,
        available_actions=["find_slots"] if on_sale else [],
    )
