"""What the items of a booking cost adds up to what the booking costs, however taxes and fees are added."""

import msgspec
import pytest

from booking_api.catalog.schemas import Charge, ProductDefinition
from tests.bookings.journey import hold, visit
from tests.world import World, add_product

VAT = Charge(code="vat", type="tax", label={"en": "VAT"}, rate_basis_points=1900, included=False)
CITY = Charge(code="city", type="tax", label={"en": "City tax"}, rate_basis_points=333, included=False)
SERVICE = Charge(code="service", type="fee", label={"en": "Service"}, amount=101, per="booking")
AUDIO = Charge(code="audio", type="fee", label={"en": "Audio guide"}, amount=77, per="item")


@pytest.mark.parametrize("charges", [[VAT], [SERVICE], [VAT, CITY, SERVICE, AUDIO]])
@pytest.mark.parametrize("party", [["adult"], ["child", "adult", "child"], ["adult"] * 3 + ["child"] * 4])
async def test_items_add_up_to_the_total(api, world: World, charges: list[Charge], party: list[str]):
    taxed: ProductDefinition = msgspec.structs.replace(world.tower, charges=charges)
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, taxed, version=2)
    held = await hold(api, world.app, visit(world, *party))
    assert held["price"]["total"]["amount"] > sum(1990 if unit == "adult" else 990 for unit in party)
    assert sum(item["price"]["amount"] for item in held["items"]) == held["price"]["total"]["amount"]
    assert sum(line["amount"]["amount"] for line in held["price"]["lines"]) == held["price"]["total"]["amount"]
    assert [item["unit"] for item in held["items"]] == party
    by_unit = {unit: [i["price"]["amount"] for i in held["items"] if i["unit"] == unit] for unit in set(party)}
    assert all(max(amounts) - min(amounts) <= 1 for amounts in by_unit.values())
