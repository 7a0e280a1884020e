"""Whether places and products are right as they are described, and the document that a product becomes. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from booking_api.catalog.reference_rules import check_code
from booking_api.catalog.schemas import Place, ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, OptionInput, ProductInput, QuestionInput, UnitInput
from booking_api.core.errors import FieldError, Unprocessable, unprocessable
from booking_api.core.ids import new_id
from booking_api.core.standards import canonical_language, find_zone

PLACES = ("origin", "destination", "venue")
PLACES_OF_KIND = {"departure": {"origin", "destination"}, "entry": {"venue"}, "appointment": {"venue"}}
Coded = Sequence[OptionInput] | Sequence[UnitInput] | Sequence[QuestionInput]


def check_place(place: NewPlace) -> None:
    """Raises `Unprocessable` for a place whose time zone there isn't, or whose code can't be one."""
    check_code(place.code)
    if find_zone(place.time_zone) is None:
        raise unprocessable("/time_zone", f"{place.time_zone!r} is not an IANA time zone.")


def define_product(product: ProductInput, places: Mapping[str, Place], currency: str) -> ProductDefinition:
    """The document of a product, with new ids. `places` are those that it may name, by code.

    Raises `Unprocessable`, pointed at everything that contradicts the rest.
    """
    check_code(product.code)
    errors = [
        *_repeated_codes(product), *_unit_errors(product), *_price_errors(product), *_charge_errors(product),
        *_language_errors(product), *_place_errors(product, places), *_question_errors(product),
    ]  # fmt: skip
    if errors:
        raise Unprocessable(errors[0].detail, errors=errors)
    document = msgspec.to_builtins(product)
    for things in (document["options"], document["units"], document["questions"]):
        for thing in things:
            thing["id"] = str(new_id())
    named = {name: places[code] for name in PLACES if (code := getattr(product, name))}
    document |= {**msgspec.to_builtins(named), "id": str(new_id()), "currency": currency}
    return msgspec.convert(document, ProductDefinition)


def _twice(things: Coded) -> Iterator[tuple[int, str]]:
    """Where codes stand that others have before them."""
    seen: set[str] = set()
    for at, thing in enumerate(things):
        if thing.code in seen:
            yield at, thing.code
        seen.add(thing.code)


def _repeated_codes(product: ProductInput) -> Iterator[FieldError]:
    for at, code in _twice(product.options):
        yield FieldError(f"/options/{at}/code", f"Option {code!r} is there twice.")
    for at, code in _twice(product.units):
        yield FieldError(f"/units/{at}/code", f"Unit {code!r} is there twice.")
    for at, code in _twice(product.questions):
        yield FieldError(f"/questions/{at}/code", f"Question {code!r} is there twice.")


def _unit_errors(product: ProductInput) -> Iterator[FieldError]:
    codes = {unit.code for unit in product.units}
    for at, unit in enumerate(product.units):
        needed = None if unit.requires is None else unit.requires.unit
        if needed is not None and needed not in codes - {unit.code}:
            yield FieldError(
                f"/units/{at}/requires/unit",
                f"Unit {unit.code!r} requires the unit {needed!r}, which is not another one of this product.",
            )
        if unit.min_age is not None and unit.max_age is not None and unit.min_age > unit.max_age:
            yield FieldError(f"/units/{at}/min_age", f"Unit {unit.code!r} has a min_age above its max_age.")
        if unit.min > unit.max:
            yield FieldError(f"/units/{at}/min", f"Unit {unit.code!r} has a min above its max.")


def _price_errors(product: ProductInput) -> Iterator[FieldError]:
    options, units = {option.code for option in product.options}, {unit.code for unit in product.units}
    for at, price in enumerate(product.prices):
        if price.option not in options:
            yield FieldError(
                f"/prices/{at}/option", f"It is for the option {price.option!r}, which this product hasn't."
            )
        if price.unit not in units:
            yield FieldError(f"/prices/{at}/unit", f"It is for the unit {price.unit!r}, which this product hasn't.")
        if price.valid_from and price.valid_until and price.valid_from > price.valid_until:
            yield FieldError(f"/prices/{at}/valid_until", "It ends before it begins.")
    priced = {price.option for price in product.prices}
    for at, option in enumerate(product.options):
        if option.code not in priced:
            yield FieldError(f"/options/{at}", f"Option {option.code!r} has no price.")


def _charge_errors(product: ProductInput) -> Iterator[FieldError]:
    for at, charge in enumerate(product.charges):
        has_rate, has_amount = charge.rate_basis_points is not None, charge.amount is not None
        if charge.type == "tax" and (has_amount or not has_rate):
            yield FieldError(f"/charges/{at}", f"Tax {charge.code!r} needs rate_basis_points and no amount.")
        if charge.type == "fee" and (has_rate or not has_amount):
            yield FieldError(f"/charges/{at}", f"Fee {charge.code!r} needs an amount and no rate_basis_points.")


def _texts(product: ProductInput) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """Everything in a product that is written in several languages, by its pointer."""
    yield "/title", product.title
    yield "/summary", product.summary
    for at, option in enumerate(product.options):
        yield f"/options/{at}/title", option.title
        yield f"/options/{at}/conditions/summary", option.conditions.summary
    for at, unit in enumerate(product.units):
        yield f"/units/{at}/title", unit.title
    for at, charge in enumerate(product.charges):
        yield f"/charges/{at}/label", charge.label
    for at, question in enumerate(product.questions):
        yield f"/questions/{at}/label", question.label
        for number, choice in enumerate(question.choices or ()):
            yield f"/questions/{at}/choices/{number}/label", choice.label
    for at, media in enumerate(product.media):
        yield f"/media/{at}/alt", media.alt


def _language_errors(product: ProductInput) -> Iterator[FieldError]:
    """Each language once, where it stands first."""
    first: dict[str, str] = {}
    for pointer, texts in _texts(product):
        for language in texts or ():
            first.setdefault(language, f"{pointer}/{language}")
    for language, pointer in sorted(first.items()):
        written = canonical_language(language)
        if written is None:
            yield FieldError(pointer, f"{language!r} is not a language tag (BCP 47) of a known language.")
        elif written != language:
            yield FieldError(pointer, f"The language {language!r} is written {written!r}.")


def _place_errors(product: ProductInput, places: Mapping[str, Place]) -> Iterator[FieldError]:
    needed = PLACES_OF_KIND[product.kind]
    for name in PLACES:
        code = getattr(product, name)
        if name not in needed and code:
            yield FieldError(f"/{name}", f"A product of kind {product.kind} has no {name}.")
        elif name in needed and code is None:
            yield FieldError(f"/{name}", f"A product of kind {product.kind} needs {name}.")
        elif name in needed and code not in places:
            yield FieldError(f"/{name}", f"There is no place {code!r}.")


def _question_errors(product: ProductInput) -> Iterator[FieldError]:
    for at, question in enumerate(product.questions):
        if (question.type == "choice") != (question.choices is not None):
            yield FieldError(
                f"/questions/{at}/choices", f"Question {question.code!r} needs choices exactly if its type is choice."
            )
