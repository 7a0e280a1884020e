"""Holding: spread over many slots, on one slot that everybody wants, and with confirmation in the same request."""

import itertools
import random

from benchmarks.ids import make_id, make_text
from benchmarks.loads.base import MeasuredOperation, ask_once, encode_text
from benchmarks.pgbench import CLIENTS, run_limit
from benchmarks.schemas import LimitRun
from benchmarks.wire import express_body, hold_body, make_request
from benchmarks.world import HOT_SLOT, SPREAD_SLOTS
from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id

_customers = itertools.count(500_000_000)
"""Each request comes from a customer of its own, with a token of their own that the server has never seen."""


class Hold(MeasuredOperation):
    """`POST /v1/bookings` for one adult, under an idempotency key."""

    name = "hold"
    title = "hold, spread over 1,000 slots"
    first_slot, last_slot = 1, SPREAD_SLOTS
    answer = ""

    def body(self, slot_id: str) -> str:
        return hold_body(self.world.hall, slot_id)

    async def make_requests(self, count: int) -> list[bytes]:
        pick = random.Random(count)  # noqa: S311 - spreads a load
        return [
            make_request(
                self.world, "POST", "/v1/bookings", self.world.customer_token(next(_customers)),
                self.body(make_text("slot", pick.randint(self.first_slot, self.last_slot))), key=True,
            )
            for _ in range(count)
        ]  # fmt: skip

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        world = self.world
        if not self.answer:
            body = hold_body(world.hall, make_id("slot", self.first_slot))
            token = world.customer_token(next(_customers))
            self.answer = await ask_once(world, make_request(world, "POST", "/v1/bookings", token, body))
        price = world.price_of(world.hall, utc_now())
        variables = {
            "org": world.org_id, "credential": new_id(), "product": world.hall.id, "prefix": make_text("slot", 0)[:24],
            "option": world.hall.options[0].id, "unit": world.hall.units[0].id, "price": encode_text(price),
            "answer": self.answer, "first": self.first_slot, "last": self.last_slot,
        }  # fmt: skip
        return await run_limit(self.stage, "hold", variables, seconds, guess_per_s, clients=clients)

    def expected(self, successes: int) -> dict[str, int]:
        return dict.fromkeys(("bookings", "claims", "units", "events", "stored"), successes)


class HotHold(Hold):
    name = "hold_hot"
    title = "hold, one hot slot"
    first_slot = last_slot = HOT_SLOT
    limit_clients = (64, CLIENTS)
    """Where everybody wants the same row, it matters how many they are: 64 ask us, so 64 ask PostgreSQL."""


class SlowHotHold(HotHold):
    name = "hold_hot_slow_disk"
    title = "hold, one hot slot, flushes 1 ms slower"
    slow_flush = True


class Express(Hold):
    """The limit is the hold's: what it costs to confirm in the same request is ours to bear."""

    name = "express"
    title = "express booking, one request (limit: the hold's)"

    def body(self, slot_id: str) -> str:
        return express_body(self.world.hall, slot_id)

    def expected(self, successes: int) -> dict[str, int]:
        grown = dict.fromkeys(("bookings", "confirmed", "claims", "units", "passes", "stored"), successes)
        return {**grown, "events": 2 * successes}
