"""One condition's slots, bookings and requests, as the matrix walks them."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from booking_api.bookings import jobs
from booking_api.bookings.operations.cancellation import expire
from booking_api.core.clock import utc_now
from booking_api.payments import operations as payments
from booking_api.payments.schemas import Outcome
from tests.bookings import conditions
from tests.bookings.journey import CONTACT, end_hold, hold, owner_of
from tests.bookings.test_paying import relay
from tests.payments.provider import Provider
from tests.world import Headers, World, add_slot

Json = dict[str, Any]
ADMITTED = {"partly_admitted": 1, "all_admitted": 2}
"""How many of the two of a booking the gate has seen."""
APPLY: dict[str, Callable[[World, UUID], Awaitable[None]]] = {
    "delayed": conditions.delay_beyond_schedule,
    "moved": lambda world, slot: conditions.move(world, slot, timedelta(hours=2)),
    "closed": lambda world, slot: conditions.set_status(world, slot, "closed"),
    "sales_over": conditions.end_sales,
    "withdrawn": conditions.withdraw,
    "cancelled": lambda world, slot: conditions.set_status(world, slot, "cancelled"),
    "departed": lambda world, slot: conditions.begin_in(world, slot, -1),
    "gate_closed": lambda world, slot: conditions.begin_in(world, slot, 5),
    "begun": lambda world, slot: conditions.begin_in(world, slot, -5),
}


@dataclasses.dataclass
class Walk:
    """One condition's slots, bookings and requests."""

    api: httpx.AsyncClient
    world: World
    provider: Provider
    condition: str

    def headers(self, booking: Json, role: str) -> Headers:
        return owner_of(booking) if role == "customer" else getattr(self.world, role)

    async def open_slot(self) -> UUID:
        world, is_entry = self.world, self.condition == "begun"
        async with world.runtime.pool.acquire() as db:
            return await add_slot(
                db, world.org.org_id, world.tower if is_entry else world.flight, utc_now() + timedelta(days=3),
                seat_layout_id=None if is_entry else world.layout_id,
            )  # fmt: skip

    def wish(self, slot: UUID, persons: int = 1) -> Json:
        world, is_entry = self.world, self.condition == "begun"
        product, option = (world.tower, "standard") if is_entry else (world.flight, "flex")
        items = [{"unit": "adult", "name": "Ada Lovelace"}]
        return {"slot_id": str(slot), "option_id": str(world.option(product, option)), "items": items * persons}

    async def post(self, booking: Json, verb: str, headers: Headers, body: Json | None = None) -> httpx.Response:
        return await self.api.post(f"/v1/bookings/{booking['id']}/{verb}", headers=headers, json=body or {})

    async def pay(self, booking: Json, method: str, token: str | None = None) -> httpx.Response:
        payment = {"method": method, **({"token": token} if token else {})}
        return await self.post(booking, "confirm", owner_of(booking), {"contact": CONTACT, "payment": payment})

    async def bring_to(self, state: str, slot: UUID, *, paying: bool) -> Json:
        """A booking in a state; `paying`: with a payment that may still succeed."""
        booking = await hold(self.api, self.world.app, self.wish(slot, 2 if state in ADMITTED else 1))
        if paying and state in {"on_hold", "expired", "swept", "cancelled"}:
            assert (await self.pay(booking, "test", "tok_decline")).status_code == 402
        match state:
            case "expired":
                await end_hold(self.world, booking["order_id"])
            case "swept":
                await end_hold(self.world, booking["order_id"])
                async with self.world.runtime.pool.acquire() as db, db.transaction():
                    assert await expire(self.world.context(db), [UUID(booking["order_id"])]) == 1
            case "pending" | "rejected":
                assert (await self.pay(booking, "test", "tok_redirect")).status_code == 202
            case "confirmed" | "partly_admitted" | "all_admitted":
                paid = self.pay(booking, "test", "tok_ok") if paying else self.pay(booking, "on_site")
                assert (await paid).status_code == 200
            case "cancelled":
                assert (await self.post(booking, "cancel", owner_of(booking))).status_code == 200
        if state in ADMITTED:
            await self.admit(booking, ADMITTED[state])
        if state == "rejected":
            await conditions.run(
                self.world, "update booking_order set pending_until = $3 where org_id = $1 and id = $2",
                self.world.org.org_id, UUID(booking["order_id"]), utc_now() - timedelta(minutes=1),
            )  # fmt: skip
            assert await jobs.sweep_undecided_payments(self.world.runtime) == 1
        return booking

    async def admit(self, booking: Json, count: int) -> None:
        """The gate lets the first of them in, days before it opens."""
        ids = [item["id"] for item in booking["items"][:count]]
        body = {"item_id": ids[0], "party_item_ids": ids, "nonce": uuid4().hex, "override": {"reason": "rehearsal"}}
        answer = await self.api.post("/v1/scans", json=body, headers=self.world.manager)
        assert [item["admit"] for item in answer.json()["items"]] == [True] * count, answer.text

    async def ask(self, booking: Json, verb: str, headers: Headers, why: Json | None = None) -> httpx.Response:
        url = f"/v1/bookings/{booking['id']}"
        match verb:
            case "confirm":
                return await self.post(booking, verb, headers, {"contact": CONTACT, "payment": {"method": "on_site"}})
            case "edit":
                return await self.api.patch(url, headers=headers, json={"contact": {**CONTACT, "name": "Augusta Ada"}})
            case "choose_seat":
                item = {"id": booking["items"][-1]["id"], "seat": "4B"}
                return await self.api.patch(url, headers=headers, json={"items": [item], **(why or {})})
            case "keep":
                return await self.post(booking, "slot-change", headers, {"choice": "keep"})
            case "resume":
                return await self.post(booking, "resume-code", headers)
            case "settle_on_site":
                cash = {"method": "cash", "amount": booking["price"]["total"]}
                return await self.post(booking, "payments", headers, cash)
            case _:
                return await self.post(booking, verb, headers, why)

    async def confirm_as_it_is(self, booking: Json, headers: Headers) -> httpx.Response:
        """Confirms for the time that the slot has by now."""
        starts_at = (await self.see(booking, headers))["slot"]["starts_at"]
        body = {"contact": CONTACT, "payment": {"method": "on_site"}, "expected_starts_at": starts_at}
        return await self.post(booking, "confirm", headers, body)

    async def see(self, booking: Json, headers: Headers) -> Json:
        shown = await self.api.get(f"/v1/bookings/{booking['id']}", headers=headers)
        assert shown.status_code == 200, shown.text
        return shown.json()

    async def settle(self, booking: Json) -> str:
        """The payment succeeds, late or not; what the booking is then."""
        world = self.world
        async with world.runtime.pool.acquire() as db, db.transaction():
            order_id = UUID(booking["order_id"])
            intent = (await payments.latest_intents(db, world.org.org_id, [order_id]))[order_id]
            outcome = Outcome(status="succeeded", provider_reference=f"ch_{intent.id.hex}")
            await payments.record_outcome(db, world.org.org_id, intent.id, outcome, utc_now())
        await relay(world)
        shown = await self.see(booking, owner_of(booking))
        reason = shown.get("status_reason")
        if reason is not None:
            assert reason["text"]
            assert (await self.api.get(f"/v1/orders/{booking['order_id']}", headers=owner_of(booking))).json()[
                "status_reason"
            ] == reason
        if shown["status"] == "rejected":
            async with world.runtime.pool.acquire() as db:
                refunded = await db.fetchval("select sum(amount) from refund where order_id = $1", order_id)
            assert refunded == booking["price"]["total"]["amount"]
        return shown["status"] + (f":{reason['code']}" if reason else "")


def outcome_of(answer: httpx.Response) -> str:
    if answer.is_success:
        return "done"
    body = answer.json()
    because = body.get("because")
    if body["code"] == "sales_closed":
        assert isinstance(body["alternatives"], list)
    if body["code"] == "invalid" and answer.status_code == 422:
        return "reason" if [error["pointer"] for error in body["errors"]] == ["/reason"] else "no_seats"
    return body["code"] + (f":{because if isinstance(because, str) else because[0]}" if because else "")
