"""Scanning passes at an open gate: each pass once, so that each is admitted."""

from uuid import uuid4

from benchmarks.loads.confirm import Confirm
from benchmarks.wire import make_request, scan_body
from booking_api.catalog.schemas import ProductDefinition


class Scan(Confirm):
    """`POST /v1/scans` by a key with the scope `scan`; its nonce is what makes it idempotent."""

    name = "scan"
    title = "scan a pass"
    confirmed = True
    next_number = 100_000_000

    @property
    def product(self) -> ProductDefinition:
        return self.world.gate

    async def make_requests(self, count: int) -> list[bytes]:
        codes = await self.bring_in(self.take_numbers(count), signed=True)
        return [
            make_request(self.world, "POST", "/v1/scans", self.world.secret_key, scan_body(code, str(uuid4())))
            for code in codes.values()
        ]

    def limit_variables(self) -> dict[str, object]:
        return {}

    def expected(self, successes: int) -> dict[str, int]:
        return dict.fromkeys(("scans", "admitted"), successes)
