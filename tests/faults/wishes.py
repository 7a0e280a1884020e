"""What customers ask for, each as a request that may be repeated until it is answered."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.bookings.journey import CONTACT, hold, owner_of, visit
from tests.processes import PATIENCE_SECONDS
from tests.world import Headers, World

ON_SITE = {"contact": CONTACT, "payment": {"method": "on_site"}}
CARD = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_ok"}}
CASH = {"method": "cash", "amount": {"amount": 1990, "currency": "EUR"}}
Json = dict[str, Any]


@dataclasses.dataclass
class Wish:
    """A request of a customer, and what becomes of their booking by it."""

    path: str
    headers: Headers
    body: Json
    status: int
    becomes: str
    method: str = "POST"

    def with_key(self) -> "Wish":
        """With an idempotency key of its own: from then on it may be repeated."""
        return dataclasses.replace(self, headers={**self.headers, "Idempotency-Key": str(uuid4())})

    async def send(self, api: httpx.AsyncClient) -> httpx.Response:
        body = None if self.method == "GET" else self.body
        return await api.request(self.method, self.path, json=body, headers=self.headers)

    async def repeat(self, api: httpx.AsyncClient) -> httpx.Response:
        """Sends it until it is answered, as a phone does: the very same each time."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await self.send(api)
                if answer.status_code != 503 and not (answer.status_code == 409 and answer.json()["retryable"]):
                    return answer
                await asyncio.sleep(0.05)


@dataclasses.dataclass
class Shop:
    """Where wishes come from: an organisation's API."""

    api: httpx.AsyncClient
    world: World
    slot: UUID | None = None
    """Which tower visit is booked; by default the first."""

    async def held(self) -> tuple[Json, Headers]:
        """A booking on hold and its owner."""
        booking = await hold(self.api, self.world.app, traveller(self.world, slot=self.slot))
        return booking, owner_of(booking)

    async def confirmed(self, how: Json) -> tuple[Json, Headers]:
        booking, owner = await self.held()
        answer = await self.api.post(f"/v1/bookings/{booking['id']}/confirm", json=how, headers=owner)
        assert answer.status_code == 200, answer.text
        return answer.json(), owner


def traveller(world: World, *, slot: UUID | None = None, **more: Any) -> Json:
    """A visit of somebody with a name of their own, so that it is seen when they are booked twice; see `books`."""
    return {**visit(world, "adult", slot=slot), "items": [{"unit": "adult", "name": uuid4().hex}], **more}


async def of_held(shop: Shop, verb: str, body: Json, becomes: str) -> Wish:
    booking, owner = await shop.held()
    return Wish(f"/v1/bookings/{booking['id']}{verb}", owner, body, 200, becomes, "POST" if verb else "PATCH")


async def of_confirmed(shop: Shop, how: Json, verb: str, body: Json, becomes: str) -> Wish:
    booking, owner = await shop.confirmed(how)
    headers = shop.world.agent if verb == "/payments" else owner
    return Wish(f"/v1/bookings/{booking['id']}{verb}", headers, body, 200, becomes)


async def new(shop: Shop, becomes: str, **more: Any) -> Wish:
    return Wish("/v1/bookings", shop.world.app, traveller(shop.world, slot=shop.slot, **more), 201, becomes)


async def new_order(shop: Shop) -> Wish:
    return Wish("/v1/orders", shop.world.app, {"bookings": [traveller(shop.world) for _ in range(2)]}, 201, "on_hold")


WISHES: dict[str, tuple[Callable[[Shop], Awaitable[Wish]], int]] = {
    "hold": (lambda shop: new(shop, "on_hold"), 1),
    "hold an order": (new_order, 1),
    "express, on site": (lambda shop: new(shop, "confirmed", confirm=True, **ON_SITE), 1),
    "express, paid": (lambda shop: new(shop, "confirmed", confirm=True, **CARD), 2),
    "edit": (lambda shop: of_held(shop, "", {"contact": CONTACT}, "on_hold"), 1),
    "extend": (lambda shop: of_held(shop, "/extend", {}, "on_hold"), 1),
    "confirm, on site": (lambda shop: of_held(shop, "/confirm", ON_SITE, "confirmed"), 1),
    "confirm, paid": (lambda shop: of_held(shop, "/confirm", CARD, "confirmed"), 2),
    "cancel a hold": (lambda shop: of_held(shop, "/cancel", {}, "cancelled"), 1),
    "cancel, on site": (lambda shop: of_confirmed(shop, ON_SITE, "/cancel", {}, "cancelled"), 1),
    "cancel, paid": (lambda shop: of_confirmed(shop, CARD, "/cancel", {}, "cancelled"), 1),
    "settle": (lambda shop: of_confirmed(shop, ON_SITE, "/payments", CASH, "confirmed"), 1),
}
"""Name → how such a wish comes about, and in how many transactions it is fulfilled."""
