"""Confirming orders on hold: paid on site, with a contact, the pass signed and shown."""

from benchmarks import queries
from benchmarks.copying import copy_bookings
from benchmarks.ids import make_id
from benchmarks.loads.base import MeasuredOperation, ask_once, encode_text
from benchmarks.pgbench import run_limit
from benchmarks.queries import SlotStart
from benchmarks.schemas import LimitRun
from benchmarks.wire import CONFIRMATION, make_request
from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.core.runtime import acquire


class Confirm(MeasuredOperation):
    """`POST /v1/orders/{id}/confirm`, under an idempotency key."""

    name = "confirm"
    title = "confirm, pass included"
    success = "200"
    confirmed = False
    """Whether the bookings that it uses up are, before."""
    next_number = 1
    slots: list[SlotStart]
    answer = ""

    async def prepare(self) -> None:
        async with acquire(self.stage.runtime) as db:
            self.slots = await queries.list_slots(db, self.world.org_id, [self.product.id])

    def take_numbers(self, count: int) -> range:
        numbers = range(self.next_number, self.next_number + count)
        type(self).next_number = numbers.stop
        return numbers

    async def bring_in(self, numbers: range, *, signed: bool) -> dict[int, str]:
        """A booking for each number; the codes of their passes, if they have any."""
        return await copy_bookings(
            self.world, self.product, self.slots, numbers, confirmed=self.confirmed, signed=signed
        )

    async def make_requests(self, count: int) -> list[bytes]:
        world, numbers = self.world, self.take_numbers(count)
        await self.bring_in(numbers, signed=True)
        return [
            make_request(
                world, "POST", f"/v1/orders/{make_id('order', number)}/confirm", world.customer_token(number),
                CONFIRMATION, key=True,
            )
            for number in numbers
        ]  # fmt: skip

    def limit_variables(self) -> dict[str, object]:
        return {
            "given_price": encode_text(self.world.price_of(self.product, utc_now())), "given_code": "c" * 280,
            "given_contact": '{"name": "Ada Lovelace", "email": "ada@example.org"}',
        }  # fmt: skip

    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        if not self.answer:
            self.answer = await ask_once(self.world, (await self.make_requests(1))[0])
        stride = max(1, int(guess_per_s * seconds) // clients)
        numbers = self.take_numbers(stride * clients)
        await self.bring_in(numbers, signed=False)
        variables = {
            "org": self.world.org_id, "credential": new_id(), "begin": numbers.start, "stride": stride, "done": 0,
            "answer": self.answer, **self.limit_variables(),
        }  # fmt: skip
        return await run_limit(self.stage, self.name, variables, seconds, guess_per_s, clients=clients, exactly=stride)

    def expected(self, successes: int) -> dict[str, int]:
        return dict.fromkeys(("confirmed", "passes", "events", "stored"), successes)
