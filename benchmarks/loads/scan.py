"""Scanning passes at an open gate: each pass once, so that each is admitted."""

from uuid import uuid4

from benchmarks.copying import copy_bookings
from benchmarks.loads.base import ask_once
from benchmarks.loads.confirm import Confirm
from benchmarks.pgbench import run_limit
from benchmarks.schemas import LimitRun
from benchmarks.wire import make_request, scan_body
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.ids import new_id


class Scan(Confirm):
    """`POST /v1/scans` by a key with the scope `scan`; its nonce is what makes it idempotent."""

    name = "scan"
    title = "scan a pass"
    next_number = 100_000_000
    answer = ""

    @property
    def product(self) -> ProductDefinition:
        return self.world.gate

    async def make_requests(self, count: int) -> list[bytes]:
        world = self.world
        codes = await copy_bookings(world, world.gate, self.slots, self.take_numbers(count), confirmed=True)
        return [
            make_request(world, "POST", "/v1/scans", world.secret_key, scan_body(code, str(uuid4())))
            for code in codes.values()
        ]

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        world = self.world
        if not self.answer:
            self.answer = await ask_once(world, (await self.make_requests(1))[0])
        stride = max(1, int(guess_per_s * seconds) // clients)
        numbers = self.take_numbers(stride * clients)
        await copy_bookings(world, world.gate, self.slots, numbers, confirmed=True, signed=False)
        variables = {
            "org": world.org_id, "credential": new_id(), "begin": numbers.start, "stride": stride, "done": 0,
            "answer": self.answer,
        }  # fmt: skip
        return await run_limit(self.stage, "scan", variables, seconds, guess_per_s, clients=clients, exactly=stride)

    def expected(self, successes: int) -> dict[str, int]:
        return dict.fromkeys(("scans", "admitted"), successes)
