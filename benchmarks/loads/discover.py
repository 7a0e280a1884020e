"""The home screen over many products of one city, in an organisation of its own."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from benchmarks import queries
from benchmarks.loads.search import Reading
from benchmarks.pgbench import run_limit
from benchmarks.schemas import LimitRun
from benchmarks.wire import make_request
from benchmarks.world import ZONE, entry, offer, slot_of
from booking_api.catalog.schemas import ProductDefinition
from booking_api.catalog.write_schemas import NewPlace, NewProduct
from booking_api.catalog.writing import save_places, save_products
from booking_api.core.clock import utc_now
from booking_api.core.runtime import acquire
from booking_api.identity import operations as identity
from booking_api.identity.schemas import NewOrganisation
from booking_api.inventory.write_schemas import NewSlot

SLOTS_OF_EACH = 100
HOURS_BETWEEN = 5
SHOWN = 20
SOUTH, WEST, SPREAD = 52.3, 13.1, 0.5
"""The city, in degrees."""
AROUND_M = (1_500, 50_000)
"""How far people look: as far as they walk, which is hundreds of products, or throughout the city, which is all."""


class Discover(Reading):
    """`GET /v1/discover` from anywhere in a city, half of them nearby and half for all of it; 20 products.

    A tenth of the products is sold out for the first ninety of their hundred slots.
    """

    name = "discover"
    first_guess_per_s = 300.0
    key: str
    org_id: UUID

    @property
    def products(self) -> int:
        return self.timetable.slots // SLOTS_OF_EACH

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"home screen over {self.products:,} products, {self.products * SLOTS_OF_EACH:,} slots"

    async def prepare(self) -> None:
        """Makes the organisation with a product at each of as many places."""
        now, pick, stage = utc_now(), random.Random(2), self.stage  # noqa: S311 - spreads a load
        codes = [f"V{number}" for number in range(self.products)]
        async with acquire(stage.runtime) as db, db.transaction():
            keys = await identity.add_organisation(
                db, NewOrganisation(name="City", time_zone=ZONE, currency="EUR", locale="en", live=False), now
            )
            self.key, self.org_id = keys.publishable_key, keys.org_id
            new = [
                NewPlace(
                    code=code, name=code, time_zone=ZONE, latitude=SOUTH + pick.random() * SPREAD,
                    longitude=WEST + pick.random() * SPREAD,
                )
                for code in codes
            ]  # fmt: skip
            places, _, _ = await save_places(db, self.org_id, new, now)
            made = [entry(code, places[code]) for code in codes]
            await save_products(db, self.org_id, [NewProduct(product) for product in made], now)
        await offer(stage, self.org_id, self._slots(made, now), lambda _: None)
        async with acquire(stage.runtime) as db:
            await queries.sell_out(db, self.org_id, now + timedelta(hours=HOURS_BETWEEN * (SLOTS_OF_EACH - 10)))

    def _slots(self, products: list[ProductDefinition], now: datetime) -> Iterator[NewSlot]:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(SLOTS_OF_EACH):
            for at, product in enumerate(products):
                start = midnight + timedelta(days=1, hours=number * HOURS_BETWEEN, minutes=at % 300)
                yield slot_of(product, f"{product.code} {number}", start, minutes=60, capacity=20)

    async def make_requests(self, count: int) -> list[bytes]:
        pick = random.Random(3)  # noqa: S311 - spreads a load
        requests: list[bytes] = []
        for number in range(min(count, 2_000)):
            near = f"{SOUTH + pick.random() * SPREAD:.4f},{WEST + pick.random() * SPREAD:.4f}"
            target = f"/v1/discover?near={near}&radius_m={AROUND_M[number % 2]}&units=adult:2&limit={SHOWN}"
            requests.append(make_request(self.world, "GET", target, self.key))
        return requests

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        variables = {"org": self.org_id, "shown": SHOWN, "now": utc_now().isoformat()}
        return await run_limit(self.stage, "discover", variables, seconds, guess_per_s, clients=clients)
