"""The text that a search writes, compared byte by byte with the Structs of the contract, built and encoded one by one."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.availability import answers, rules
from booking_api.availability.schemas import FoundSlot
from booking_api.catalog.schemas import (
    Admission,
    Charge,
    Conditions,
    OptionDefinition,
    PriceRule,
    ProductDefinition,
    Requires,
    UnitDefinition,
)
from booking_api.core.ids import new_id
from tests.availability.plain_search import plain_slot

NOW = datetime(2027, 3, 27, 12, 0, 0, 250_000, tzinfo=UTC)
"""Hours before clocks go forward in Europe."""
DAY = date(2027, 3, 28)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Honolulu", "UTC"]

minutes = st.integers(-90, 180)
days = st.none() | st.integers(-4, 4).map(lambda offset: DAY + timedelta(days=offset))
options = st.builds(
    lambda code, closes, opens, after, relative: OptionDefinition(
        id=new_id(), code=code, title={"en": code},
        conditions=Conditions(refundable=True, changeable=True, booking_closes_minutes=closes),
        admission=Admission(
            opens_before_minutes=opens, closes_after_minutes=after, closes_relative_to=relative, reentry=False
        ),
    ),
    st.sampled_from(["light", "flex", "first"]), st.integers(0, 120), st.integers(0, 90), minutes,
    st.sampled_from(["start", "end"]),
)  # fmt: skip
prices = st.builds(
    lambda option, unit, amount, start, end: PriceRule(
        option=option, unit=unit, amount=amount, valid_from=start, valid_until=end
    ),
    st.sampled_from(["light", "flex", "first"]), st.sampled_from(["adult", "child"]), st.integers(0, 9_999), days, days,
)  # fmt: skip
products = st.builds(
    lambda found, rows: ProductDefinition(
        id=new_id(), code="line", kind="departure", title={"en": "Line"}, options=found, currency="EUR",
        units=[
            UnitDefinition(id=new_id(), code="adult", title={"en": "Adult"}),
            UnitDefinition(id=new_id(), code="child", title={"en": "Child"}, requires=Requires("adult", 2)),
        ],
        prices=rows,
        charges=[Charge(code="vat", type="tax", label={"en": "VAT"}, rate_basis_points=700, included=False)],
    ),
    st.lists(options, max_size=3, unique_by=lambda option: option.code), st.lists(prices, max_size=8),
)  # fmt: skip
parties = st.sampled_from([None, {"adult": 1}, {"adult": 2, "child": 3}, {"child": 1}, {"adult": 1, "child": 2}])
moments = st.builds(
    lambda minute, fine: NOW + timedelta(minutes=minute) + fine,
    st.integers(-120, 48 * 60), st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(microseconds=333_337)]),
)  # fmt: skip


def delays_of(starts_at: datetime) -> st.SearchStrategy[str]:
    """A delay as the database gives it, with or without an estimate of the end."""
    return st.builds(
        lambda late, end: msgspec.json.encode(
            {
                "estimated_starts_at": starts_at + timedelta(minutes=late), "updated_at": NOW, "note": None,
                "estimated_ends_at": None if end is None else starts_at + timedelta(minutes=late + end),
            }
        ).decode(),
        st.integers(0, 1440), st.none() | st.integers(0, 600),
    )  # fmt: skip


@st.composite
def slots_of(draw: st.DrawFn, product: ProductDefinition) -> FoundSlot:
    capacity = draw(st.integers(0, 12))
    starts_at = draw(moments)
    with_quota = [option for option in product.options if draw(st.booleans())]
    text = st.none() | st.sampled_from(["North", 'Süd "7"', "\\ \n"])
    return FoundSlot(
        id=new_id(), product_id=product.id, product_version=1, on_sale=draw(st.integers(0, 5)) > 0, local_date=DAY,
        starts_at=starts_at.timestamp(), ends_at=(starts_at + timedelta(minutes=draw(st.integers(0, 300)))).timestamp(),
        time_zone=draw(st.sampled_from(ZONES)), end_time_zone=draw(st.sampled_from(ZONES)), capacity=capacity,
        taken=draw(st.integers(0, capacity)), status=draw(st.sampled_from(["open", "open", "open", "closed", "cancelled"])),
        booking_closes_at=(starts_at + timedelta(minutes=draw(minutes))).timestamp(), gate=draw(text),
        resource=draw(text), seat_layout_id=draw(st.none() | st.just(new_id())),
        quotas="".join(f"{option.id}={draw(st.integers(0, 6))}," for option in with_quota) or None,
        held=draw(st.integers(0, 2)), version=1, delay=draw(st.none() | delays_of(starts_at)),
    )  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(products.flatmap(lambda product: st.tuples(st.just(product), slots_of(product))), parties)
def test_a_slot_is_written_as_its_struct_is(
    found: tuple[ProductDefinition, FoundSlot], wanted: rules.UnitCounts | None
):
    product, slot = found
    terms = rules.make_terms(product, wanted, slot.local_date)
    written = answers.write_slot(slot, terms, NOW.timestamp())
    assert written.encode() == msgspec.json.encode(plain_slot(slot, product, wanted, NOW))


@settings(max_examples=200, deadline=None)
@given(products, parties)
def test_between_price_changes_the_terms_are_the_same(product: ProductDefinition, wanted: rules.UnitCounts | None):
    range_ = rules.days_between(DAY - timedelta(days=6), DAY + timedelta(days=6))
    terms = {day: rules.make_terms(product, wanted, day) for day in range_}
    for before, day in pairwise(range_):
        if day not in product.price_changes:
            assert terms[before] == terms[day]
