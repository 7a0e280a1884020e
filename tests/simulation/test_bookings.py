"""A Hypothesis state machine drives hold, pay, cancel, time and sweeps against a small model of one slot."""

import asyncio
import os
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from booking_api.app import create_app
from booking_api.bookings import jobs
from booking_api.core.clock import utc_now
from booking_api.core.settings import Settings
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import CONTACT, end_hold, owner_of, party, taken
from tests.world import World, add_slot, build_world

CAPACITY, QUOTA = 10, 4
HOLDS = {"on_hold", "pending", "confirmed"}


class Bookings(RuleBasedStateMachine):
    """Each run has a slot of its own; `loop`, `api` and `world` are set by the test."""

    loop: asyncio.AbstractEventLoop
    api: httpx.AsyncClient
    world: World
    booked = Bundle("booked")

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    @initialize()
    def open_slot(self) -> None:
        self.model: dict[str, dict[str, Any]] = {}
        self.slot: UUID = self.run(self._add_slot())

    async def _add_slot(self) -> UUID:
        world = self.world
        async with world.runtime.pool.acquire() as db:
            return await add_slot(
                db, world.org.org_id, world.flight, utc_now() + timedelta(days=3), capacity=CAPACITY,
                seat_layout_id=world.layout_id,
            )  # fmt: skip

    def used(self, option: str | None = None) -> int:
        return sum(
            b["places"]
            for b in self.model.values()
            if b["status"] in HOLDS and (option is None or b["option"] == option)
        )

    @rule(target=booked, adults=st.integers(1, 5), infants=st.integers(0, 2), option=st.sampled_from(["light", "flex"]))
    def hold(self, adults: int, infants: int, option: str) -> str:
        infants = min(infants, adults)
        wish = party(
            self.world, *["adult"] * adults, *["infant"] * infants, slot=self.slot, option=option, id=str(uuid4())
        )
        for item in wish["items"]:
            item["name"] = uuid4().hex  # By which it is seen when somebody is booked twice.
        # Ended holds count until somebody needs their places; then they make room at once.
        room = CAPACITY - self.used()
        quota = QUOTA - self.used("light") if option == "light" else CAPACITY
        ended = [key for key, b in self.model.items() if b["status"] == "on_hold" and b["ended"]]
        if adults > min(room, quota):
            for key in ended:
                self.model[key]["status"] = "expired"
            room = CAPACITY - self.used()
            quota = QUOTA - self.used("light") if option == "light" else CAPACITY
        answer = self.run(self.api.post("/v1/bookings", json=wish, headers=self.world.app))
        if adults > min(room, quota):
            assert (answer.status_code, answer.json()["code"]) == (409, "sold_out"), answer.text
            return ""
        assert answer.status_code == 201, answer.text
        body = answer.json()
        self.model[body["id"]] = {
            "status": "on_hold", "places": adults, "option": option, "ended": False, "order": body["order_id"],
            "owner": owner_of(body), "wish": wish,
        }  # fmt: skip
        return body["id"]

    @rule(key=booked)
    def hold_again(self, key: str) -> None:
        """The same tap twice."""
        if key:
            answer = self.run(self.api.post("/v1/bookings", json=self.model[key]["wish"], headers=self.world.app))
            assert (answer.status_code, answer.json()["id"]) == (200, key)

    @rule(key=booked)
    def confirm(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        wish = {"contact": CONTACT, "payment": {"method": "on_site"}}
        answer = self.run(self.api.post(f"/v1/bookings/{key}/confirm", json=wish, headers=booking["owner"]))
        if booking["status"] == "confirmed" or (booking["status"] == "on_hold" and not booking["ended"]):
            assert answer.status_code == 200, answer.text
            booking["status"] = "confirmed"
        else:
            assert answer.status_code == 409, answer.text

    @rule(key=booked)
    def cancel(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        answer = self.run(self.api.post(f"/v1/bookings/{key}/cancel", headers=booking["owner"]))
        if booking["status"] in {"confirmed", "cancelled"} or (booking["status"] == "on_hold" and not booking["ended"]):
            assert answer.status_code == 200, answer.text
            booking["status"] = "cancelled"
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")

    @rule(key=booked)
    def extend(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        answer = self.run(self.api.post(f"/v1/bookings/{key}/extend", headers=booking["owner"]))
        alive = booking["status"] == "on_hold" and not booking["ended"]
        assert answer.status_code == (200 if alive else 409), answer.text

    @rule(key=booked)
    def let_time_pass(self, key: str) -> None:
        if key and self.model[key]["status"] == "on_hold":
            self.run(end_hold(self.world, self.model[key]["order"]))
            self.model[key]["ended"] = True

    @rule()
    def sweep(self) -> None:
        self.run(jobs.sweep_ended_holds(self.world.runtime))
        for booking in self.model.values():
            if booking["status"] == "on_hold" and booking["ended"]:
                booking["status"] = "expired"

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "slot"):
            return
        total, claimed, seated = self.run(taken(self.world, self.slot))
        assert total == claimed == self.used() <= CAPACITY
        assert seated <= total

    @invariant()
    def customers_see_the_truth(self) -> None:
        for key, booking in list(getattr(self, "model", {}).items())[-3:]:
            shown = self.run(self.api.get(f"/v1/bookings/{key}", headers=booking["owner"])).json()
            ended = booking["status"] == "on_hold" and booking["ended"]
            assert shown["status"] == ("expired" if ended else booking["status"])


def simulate(machine: type[Bookings], database_url: str, **more: Any) -> None:
    """Runs a machine against an application and a world of its own; `more` are settings."""
    loop = asyncio.new_event_loop()
    configuration = Settings(
        database_url=database_url, secret_key="a secret for the tests alone and for nothing else", log_level="critical",
        rate_limit_per_minute=10**6, key_rate_limit_per_minute=10**7, address_rate_limit_per_minute=10**7,
        access_token_seconds=86_400, unpaid_places_per_customer=10**6, unpaid_places_per_slot=10**6,
        unpaid_places_per_contact=10**6, unpaid_places_per_address=10**6, **more,
    )  # fmt: skip
    app = create_app(configuration)
    opened = open_runtime(configuration)
    try:
        runtime = loop.run_until_complete(opened.__aenter__())
        app.state.runtime = runtime
        machine.loop, machine.world = loop, loop.run_until_complete(build_world(runtime))
        machine.api = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=int(os.environ.get("SIMULATION_EXAMPLES", "25")), stateful_step_count=30, deadline=None,
                suppress_health_check=list(HealthCheck), derandomize="CI" in os.environ,
            ),
        )  # fmt: skip
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


def test_any_order_of_events_keeps_the_books(database_url: str) -> None:
    simulate(Bookings, database_url)
