"""Customers with phones and a bad day: they hold, pay, confirm, cancel, and repeat what wasn't answered."""

import asyncio
import dataclasses
import random
from uuid import UUID, uuid4

import httpx

from booking_api.bookings.rules import FINAL
from tests.bookings.journey import CONTACT, owner_of, party, visit
from tests.faults.wishes import Json, Wish
from tests.processes import PATIENCE_SECONDS
from tests.world import Headers, World

ANSWER_SECONDS = 15.0
THINKING_SECONDS = (0.01, 0.1)
FORGETFUL = 0.1
"""The share of customers who put their phone away with a hold in it."""
TOKENS = ["tok_ok"] * 4 + ["tok_late", "tok_error", "tok_timeout", "tok_redirect", "tok_decline", "tok_late_decline"]
REFUSALS = {"sold_out", "hold_expired", "payment_declined", "not_cancellable", "conflict"}
"""What may come of a wish in the ordinary course of things; a conflict is an order that was rejected meanwhile."""


@dataclasses.dataclass
class Acknowledged:
    """What a customer was last told of a booking."""

    status: str
    version: int
    wants_to_cancel: bool = False


@dataclasses.dataclass
class Journal:
    """What all customers were told, and how often they had to ask twice."""

    told: dict[str, Acknowledged] = dataclasses.field(default_factory=dict)
    keys: dict[str, str] = dataclasses.field(default_factory=dict)
    """Idempotency key → the booking it was answered with."""
    scans: dict[str, str] = dataclasses.field(default_factory=dict)
    """A scan's nonce → the verdict it was answered with."""
    unanswered: int = 0
    overloaded: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)

    def note(self, booking: Json) -> None:
        known = self.told.get(booking["id"])
        if known is not None and booking["version"] < known.version:
            self.wrong.append(f"{booking['id']} went back from version {known.version} to {booking['version']}")
        cancels = known.wants_to_cancel if known is not None else False
        self.told[booking["id"]] = Acknowledged(booking["status"], booking["version"], cancels)


class Phone:
    """One customer after another, each with their own dice."""

    def __init__(
        self, api: httpx.AsyncClient, world: World, journal: Journal, seed: str, boarding: UUID | None = None
    ) -> None:
        """`boarding` is a flight that is boarded right now: whoever has paid for it goes to its gates."""
        self.api, self.world, self.journal, self.boarding = api, world, journal, boarding
        self.dice = random.Random(seed)
        self.slots = [*world.flight_slots[:3], *world.tower_slots, *([boarding] * 8 if boarding else [])]

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.travel()

    async def ask(self, wish: Wish) -> Json:
        """Repeats a wish until it is answered; the booking, or the problem why not."""
        wish = wish.with_key()
        answer = await self.insist(wish)
        body: Json = answer.json()
        if answer.is_success:
            key = wish.headers["Idempotency-Key"]
            if self.journal.keys.setdefault(key, body["id"]) != body["id"]:
                self.journal.wrong.append(f"one key, two bookings: {self.journal.keys[key]} and {body['id']}")
            self.journal.note(body)
        elif body["code"] not in REFUSALS:
            self.journal.wrong.append(f"{wish.method} {wish.path}: {answer.status_code} {answer.text}")
        return body

    async def insist(self, wish: Wish) -> httpx.Response:
        """Repeats a request until it is answered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await wish.send(self.api)
                except httpx.HTTPError:
                    self.journal.unanswered += 1
                else:
                    in_progress = answer.status_code == 409 and answer.json()["retryable"]
                    if answer.status_code != 503 and not in_progress:
                        return answer
                    self.journal.overloaded += 1
                await asyncio.sleep(self.dice.uniform(0.05, 0.2))

    async def look(self, path: str, owner: Headers) -> Json:
        """Gets a booking, or an order of one."""
        answer = await self.insist(Wish(path, owner, {}, 200, "", "GET"))
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        booking = found["bookings"][0] if "bookings" in found else found
        self.journal.note(booking)
        return booking

    async def think(self) -> None:
        await asyncio.sleep(self.dice.uniform(*THINKING_SECONDS))

    async def travel(self) -> None:
        """A journey from the first tap to its end, whichever that is."""
        booking = await self.ask(
            Wish("/v1/bookings", self.world.app, self._new(express=self.dice.random() < 0.3), 201, "")
        )
        if "access_token" not in booking:
            return
        owner = owner_of(booking)
        if booking.get("code") == "payment_declined":
            booking = await self.look(f"/v1/orders/{booking['order_id']}", owner)
        elif booking["status"] == "on_hold" and self.dice.random() < FORGETFUL:
            return  # The hold ends by itself.
        path = f"/v1/bookings/{booking['id']}"
        for _ in range(4):
            booking = await self._decided(booking, owner)
            if booking["status"] != "on_hold" or self.dice.random() < 0.2:
                break
            await self.think()
            await self.ask(Wish(f"{path}/confirm", owner, self._payment(), 200, ""))
            booking = await self.look(path, owner)
        booking = await self._decided(booking, owner)
        if booking["slot"]["id"] == str(self.boarding) and booking["status"] == "confirmed":
            await self._board(booking)
        elif booking["status"] == "on_hold" or (booking["status"] == "confirmed" and self.dice.random() < 0.5):
            await self.think()
            self.journal.told[booking["id"]].wants_to_cancel = True
            await self.ask(Wish(f"{path}/cancel", owner, {}, 200, "cancelled"))

    def _new(self, *, express: bool) -> Json:
        """A party with names that nobody else has."""
        slot = self.dice.choice(self.slots)
        units = ["adult"] * self.dice.choice([1, 1, 2])
        if slot == self.boarding:
            wish = party(self.world, *units, slot=slot)
        elif slot in self.world.flight_slots:
            wish = party(self.world, *units, slot=slot, option=self.dice.choice(["light", "flex"]))
        else:
            wish = visit(self.world, *units, slot=slot)
        for item in wish["items"]:
            item["name"] = uuid4().hex
        return {**wish, "confirm": True, **self._payment()} if express else wish

    def _payment(self) -> Json:
        if self.dice.random() < 0.25:
            return {"contact": CONTACT, "payment": {"method": "on_site"}}
        return {"contact": CONTACT, "payment": {"method": "test", "token": self.dice.choice(TOKENS)}}

    async def _decided(self, booking: Json, owner: Headers) -> Json:
        """Waits for the end of a payment that is under way, and walks its second step, or forgets to."""
        forgets = self.dice.random() < 0.3
        while booking["status"] == "pending":
            action = booking["payment"].get("next_action")
            if action is not None and not forgets:
                async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as browser:
                    await browser.post(
                        action["url"], data={"decision": self.dice.choice(["approve"] * 4 + ["decline"])}
                    )
            await asyncio.sleep(0.2)
            booking = await self.look(f"/v1/bookings/{booking['id']}", owner)
        return booking

    async def _board(self, booking: Json) -> None:
        """Each traveller is scanned at two gates at once: one lets them through."""
        codes = [item["pass"]["code"] for item in booking["items"] if item["pass"]["paid"]]
        await asyncio.gather(*(self._scan(code) for code in codes * 2))

    async def _scan(self, code: str) -> None:
        """A device repeats a scan under its nonce, now and then also one that was answered."""
        wish = Wish("/v1/scans", self.world.agent, {"code": code, "nonce": uuid4().hex}, 200, "")
        for _ in range(self.dice.choice([1, 1, 1, 2])):
            answer = await self.insist(wish)
            if answer.status_code != 200:
                self.journal.wrong.append(f"a scan was answered with {answer.status_code} {answer.text}")
                return
            told = answer.json()["verdict"]
            if (known := self.journal.scans.setdefault(wish.body["nonce"], told)) != told:
                self.journal.wrong.append(f"one scan, two verdicts: {known} and {told}")


def is_later(told: str, status: str, *, wants_to_cancel: bool) -> bool:
    """Whether a booking may be in this status by now, after its customer was told another one."""
    match told:
        case "confirmed":
            return status == "confirmed" or (status == "cancelled" and wants_to_cancel)
        case "cancelled":
            return status == "cancelled"
        case "expired" | "rejected":
            # A hold whose time is over is shown as expired before it is swept; a payment may take its places again.
            return status in {*FINAL, "on_hold", "confirmed"}
        case _:
            return True
