"""Pure decisions of the catalogue: who may travel together, and what it costs.

Amounts are integers in the minor unit of the product's currency. Dates are local ones at the origin or venue.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from booking_api.catalog.schemas import (
    OptionDefinition,
    Price,
    PriceLine,
    PriceRule,
    ProductDefinition,
    Quote,
    UnitDefinition,
)
from booking_api.core.errors import DomainError
from booking_api.core.money import Money, allocate, part_included, share_of
from booking_api.core.texts import Texts, pick

MAX_PARTY = 20
"""Items in one booking."""
ONE_DAY = timedelta(days=1)


class PartyNotAllowed(DomainError):
    code, status, title = "party_not_allowed", 422, "This party can't be booked together"
    explanation = "`errors` names each rule that the party breaks: limits per unit, dependants, or units not sold here."


# parties ----------------------------------------------------------------------------------------------------------


def check_party(definition: ProductDefinition, counts: Mapping[UUID, int]) -> list[str]:
    """Every rule that a party (unit id → count) breaks, as sentences; empty for a party that is fine.

    A dependant needs others with it: with `requires: {unit: adult, per: 2}` there must be an adult for every two.
    """
    units = definition.units_by_id
    broken = [f"There is no unit {unit_id} in this product." for unit_id in counts if unit_id not in units]
    if any(count < 0 for count in counts.values()):
        broken.append("A count can't be negative.")
    size = sum(counts.values())
    if size < 1:
        broken.append("A party has at least one member.")
    if size > MAX_PARTY:
        broken.append(f"A party has at most {MAX_PARTY} members.")
    for unit in definition.units:
        count = counts.get(unit.id, 0)
        if count > unit.max:
            broken.append(f"At most {unit.max} of the unit {unit.code} can be booked together.")
        if count < unit.min:
            broken.append(f"At least {unit.min} of the unit {unit.code} must be booked.")
        if unit.requires is not None:
            needed = definition.unit_by_code(unit.requires.unit)
            present = 0 if needed is None else counts.get(needed.id, 0)
            if present * unit.requires.per < count:
                per, host = unit.requires.per, unit.requires.unit
                broken.append(
                    f"Each of the unit {unit.code} needs one {host} with it."
                    if per == 1
                    else f"Every {per} of the unit {unit.code} need one {host} with them."
                )
    return broken


def places(definition: ProductDefinition, counts: Mapping[UUID, int]) -> int:
    """How many places of a slot's capacity the party occupies. The units must be the product's."""
    units = definition.units_by_id
    return sum([units[unit_id].occupies * count for unit_id, count in counts.items()])


# prices -----------------------------------------------------------------------------------------------------------


def _precedence(rule: PriceRule) -> tuple[date, int]:
    """The rule with the latest start wins, then the one that ends first; a rule without dates is the weakest."""
    return rule.valid_from or date.min, -(rule.valid_until or date.max).toordinal()


def _covers(rule: PriceRule, day: date) -> bool:
    return (rule.valid_from is None or rule.valid_from <= day) and (rule.valid_until is None or day <= rule.valid_until)


def _rules_for(definition: ProductDefinition, option: OptionDefinition, unit: UnitDefinition) -> list[PriceRule]:
    return [rule for rule in definition.prices if rule.option == option.code and rule.unit == unit.code]


def bare_price(definition: ProductDefinition, option: OptionDefinition, unit: UnitDefinition, day: date) -> int | None:
    """What the price rules say for one unit on a local date, before charges; None where it isn't sold."""
    covering = [rule for rule in _rules_for(definition, option, unit) if _covers(rule, day)]
    return max(covering, key=_precedence).amount if covering else None


def _fees(definition: ProductDefinition, per: str) -> list[tuple[Texts, int]]:
    """Label and amount of the fees per item or per booking."""
    fees = [charge for charge in definition.charges if charge.type == "fee" and charge.per == per]
    return [(fee.label, fee.amount) for fee in fees if fee.amount]


def _all_fees(definition: ProductDefinition, per: str) -> int:
    return sum(amount for _, amount in _fees(definition, per))


def _taxes(definition: ProductDefinition, *, included: bool) -> list[tuple[Texts, int]]:
    """Label and rate, in basis points, of the taxes that prices contain, or of those that are added to them."""
    taxes = [charge for charge in definition.charges if charge.type == "tax" and charge.included == included]
    return [(tax.label, tax.rate_basis_points) for tax in taxes if tax.rate_basis_points is not None]


def _with_charges(definition: ProductDefinition, bare: int) -> int:
    """One unit's price with the fees per item and the taxes that are added."""
    gross = bare + _all_fees(definition, "item")
    return gross + _added_taxes(definition, gross)


def _added_taxes(definition: ProductDefinition, gross: int) -> int:
    return sum(share_of(gross, rate) for _, rate in _taxes(definition, included=False))


def unit_amount(definition: ProductDefinition, option: OptionDefinition, unit: UnitDefinition, day: date) -> int | None:
    """One unit's price on a local date with fees per item and added taxes; None where it isn't sold."""
    bare = bare_price(definition, option, unit, day)
    return None if bare is None else _with_charges(definition, bare)


def base_amount(definition: ProductDefinition, option: OptionDefinition, unit: UnitDefinition) -> int | None:
    """One unit's price without date overrides, else the lowest there is; None where it is never sold."""
    found = _rules_for(definition, option, unit)
    undated = [rule.amount for rule in found if rule.valid_from is None and rule.valid_until is None]
    amounts = undated[:1] or [rule.amount for rule in found]
    return _with_charges(definition, min(amounts)) if amounts else None


def total_amount(
    definition: ProductDefinition, option: OptionDefinition, counts: Mapping[UUID, int], day: date
) -> int | None:
    """The total of `quote` without its lines, for searches; None where a unit isn't sold under the option."""
    gross, per_item = _all_fees(definition, "booking"), _all_fees(definition, "item")
    for unit_id, count in counts.items():
        if count:
            unit = definition.unit(unit_id)
            bare = None if unit is None else bare_price(definition, option, unit, day)
            if bare is None:
                return None
            gross += (bare + per_item) * count
    return gross + _added_taxes(definition, gross)


def price_periods(
    definition: ProductDefinition, option: OptionDefinition, first: date, last: date
) -> Iterator[tuple[date, date]]:
    """Cuts the days from `first` to `last` (inclusive) where an option's prices may change: within a piece they don't."""
    starts = {first}
    for rule in definition.prices:
        if rule.option == option.code:
            if rule.valid_from is not None and first < rule.valid_from <= last:
                starts.add(rule.valid_from)
            if rule.valid_until is not None and first <= rule.valid_until < last:
                starts.add(rule.valid_until + ONE_DAY)
    ordered = sorted(starts)
    for position, start in enumerate(ordered):
        yield start, (ordered[position + 1] - ONE_DAY if position + 1 < len(ordered) else last)


def quote(
    definition: ProductDefinition,
    option_id: UUID,
    counts: Mapping[UUID, int],
    local_date: date,
    languages: Sequence[str],
) -> Quote:
    """What a party pays on a local date, with lines in the reader's language; all of it is due now.

    The lines add up to the total, and so do the items: added taxes are rounded once for the party, and they and fees
    per booking are dealt out to the items in proportion to their prices. Taxes that the prices contain are no lines but show as the `tax_rate` of the
    others; `tax_included` is all tax in the total. Raises `PartyNotAllowed` for a unit not sold under the option.
    """
    option = definition.option(option_id)
    if option is None:
        raise PartyNotAllowed("The product has no such option.")
    currency = definition.currency
    rate = sum(basis_points for _, basis_points in _taxes(definition, included=True))
    tax_rate = rate / 100 if rate else None
    lines: list[PriceLine] = []
    per_item = _all_fees(definition, "item")
    bare_amounts: list[tuple[UUID, int]] = []
    """The items one by one, with their fees."""

    def add(kind: str, label: str, quantity: int, each: int, percent: float | None) -> int:
        amount = Money(each * quantity, currency)
        lines.append(PriceLine(type=kind, label=label, quantity=quantity, amount=amount, tax_rate=percent))
        return amount.amount

    gross = 0
    for unit in definition.units:
        if (count := counts.get(unit.id, 0)) > 0:
            bare = bare_price(definition, option, unit, local_date)
            if bare is None:
                raise PartyNotAllowed(
                    f"The unit {unit.code} is not sold under the option {option.code} on {local_date}."
                )
            gross += add("unit", pick(unit.title, languages), count, bare, tax_rate)
            bare_amounts += [(unit.id, bare + per_item)] * count
    for label, amount in _fees(definition, "item"):
        gross += add("fee", pick(label, languages), len(bare_amounts), amount, tax_rate)
    for label, amount in _fees(definition, "booking"):
        gross += add("fee", pick(label, languages), 1, amount, tax_rate)
    total = gross
    for label, basis_points in _taxes(definition, included=False):
        total += add("tax", pick(label, languages), 1, share_of(gross, basis_points), basis_points / 100)
    price = Price(
        total=Money(total, currency),
        tax_included=Money(part_included(gross, rate) + total - gross, currency),
        due_now=Money(total, currency),
        due_on_site=Money(0, currency),
        lines=lines,
    )
    item_amounts: dict[UUID, list[int]] = {}
    for (unit_id, _), amount in zip(bare_amounts, allocate(total, [bare for _, bare in bare_amounts]), strict=True):
        item_amounts.setdefault(unit_id, []).append(amount)
    return Quote(price, item_amounts)
