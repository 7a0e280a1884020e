"""The same machine with an organiser and a gate: the slot is delayed, moved, closed, cancelled and opened again, what is
held on it is given back, people are admitted and that is undone, and customers who say nothing are served, in any order
with what customers do. Places of people inside are never sold again, nobody's money is lost, and what a phone was told
is what it would be shown."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from booking_api.bookings import check_queries as of_bookings
from booking_api.bookings import jobs
from booking_api.core.clock import utc_now
from booking_api.inventory import check_queries as of_capacity
from tests.bookings.journey import CONTACT
from tests.inventory.helpers import delay, news_of, patch_slot
from tests.simulation.test_bookings import Bookings, simulate
from tests.world import add_slot

CHECKS = (
    of_capacity.suspects_slot_taken, of_capacity.suspects_quota_taken, of_capacity.suspects_seats, of_bookings.suspects_claims,
    of_bookings.suspects_inside, of_bookings.suspects_passes, of_bookings.suspects_order_states,
)  # fmt: skip
FEES = {"light": 10**9, "flex": 1000}
"""What cancelling costs by the conditions of an option, at most what was paid."""
REASON = {"reason": "Taken ill on board"}


class Slots(Bookings):
    """Each booking of the model knows the `agreed` start, its `items` with their places, and the scans of those
    `admitted`; an ended booking's items among them keep their places. `paid` was taken on site, `refunded` goes back;
    `phone` is what its customer's phone was told last, up to `since`."""

    booked = Bookings.booked

    @initialize()
    def open_slot(self) -> None:
        self.model: dict[str, dict[str, Any]] = {}
        self.status = "open"
        self.heard: set[UUID] = set()
        self.noon = (utc_now() + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
        self.starts_at = self.noon
        self.slot: UUID = self.run(self._open())

    async def _open(self) -> UUID:
        world = self.world
        async with world.runtime.pool.acquire() as db:
            return await add_slot(
                db, world.org.org_id, world.flight, self.noon, capacity=10, seat_layout_id=world.layout_id
            )

    def kept(self, booking: dict[str, Any]) -> int:
        """The places that a cancelled booking keeps, for the people of it who were admitted."""
        return sum(booking["items"][item] for item in booking["admitted"]) if booking["status"] == "cancelled" else 0

    def used(self, option: str | None = None) -> int:
        inside = sum(self.kept(b) for b in self.model.values() if option is None or b["option"] == option)
        return super().used(option) + inside

    def is_open(self, booking: dict[str, Any]) -> bool:
        return booking["status"] == "on_hold" and not booking["ended"]

    def is_cancellable(self, booking: dict[str, Any]) -> bool:
        """By its customer."""
        unused = self.status == "cancelled" or not booking["admitted"]
        return self.is_open(booking) or (booking["status"] == "confirmed" and unused)

    # what customers do ------------------------------------------------------------------------------------------------

    @rule(target=booked, adults=st.integers(1, 5), infants=st.integers(0, 2), option=st.sampled_from(["light", "flex"]))
    def hold(self, adults: int, infants: int, option: str) -> str:
        if self.status != "open":
            wish = {
                "slot_id": str(self.slot), "option_id": str(self.world.option(self.world.flight, option)),
                "items": [{"unit": "adult"}] * adults,
            }  # fmt: skip
            answer = self.run(self.api.post("/v1/bookings", json=wish, headers=self.world.app))
            assert (answer.status_code, answer.json()["because"]) == (409, self.status), answer.text
            return ""
        key = Bookings.hold(self, adults, infants, option)
        if key:
            shown = self._shown(key)
            self.model[key].update(
                agreed=self.starts_at, kept=False, admitted={}, paid=0, refunded=0, phone={}, since=None,
                items={item["id"]: int(item["unit"] == "adult") for item in shown["items"]},
            )  # fmt: skip
        return key

    @rule(target=booked, adults=st.integers(1, 3))
    def buy(self, adults: int) -> str:
        key = self.hold(adults, 0, "flex")
        self.confirm(key)
        return key

    @rule(key=booked)
    def confirm(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        wish: dict[str, Any] = {"contact": CONTACT, "payment": {"method": "on_site"}}
        url, owner = f"/v1/bookings/{key}/confirm", booking["owner"]
        answer = self.run(self.api.post(url, json=wish, headers=owner))
        if booking["status"] == "confirmed":
            assert answer.status_code == 200, answer.text
            return
        if self.is_open(booking) and self.status != "cancelled" and booking["agreed"] != self.starts_at:
            assert (answer.status_code, answer.json()["code"]) == (409, "slot_changed"), answer.text
            wish["expected_starts_at"] = answer.json()["slots"][0]["slot"]["starts_at"]
            assert datetime.fromisoformat(wish["expected_starts_at"]) == self.starts_at
            answer = self.run(self.api.post(url, json=wish, headers=owner))
        if self.is_open(booking) and self.status != "cancelled":
            assert answer.status_code == 200, answer.text
            booking.update(status="confirmed", agreed=self.starts_at)
        else:
            assert answer.status_code == 409, answer.text
            if booking["status"] == "on_hold" and self.status == "cancelled":
                assert answer.json()["because"] == "cancelled"

    @rule(key=booked)
    def cancel(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        answer = self.run(self.api.post(f"/v1/bookings/{key}/cancel", headers=booking["owner"]))
        if booking["status"] == "cancelled" or self.is_cancellable(booking):
            assert answer.status_code == 200, answer.text
            self.end(booking, answer.json())
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable"), answer.text
            assert booking["status"] != "confirmed" or answer.json()["because"] == ["already_used"]

    def end(self, booking: dict[str, Any], shown: dict[str, Any]) -> None:
        """It is cancelled, and gives back what it has to: all where the slot isn't what was agreed."""
        assert shown["status"] == "cancelled"
        if booking["status"] == "cancelled":
            return
        whole = self.status == "cancelled" or booking["agreed"] != self.starts_at
        kept = 0 if whole else FEES[booking["option"]]
        booking["refunded"] = max(booking["paid"] - kept, 0)
        booking["status"] = "cancelled"
        self.check_money(booking, shown)

    def check_money(self, booking: dict[str, Any], shown: dict[str, Any]) -> None:
        said = sum(part["amount"]["amount"] for part in shown["payment"].get("refunds", []))
        assert said == booking["refunded"], (booking, shown["payment"])
        if said:
            assert shown["payment"]["status"] == "refund_pending"

    @rule(key=booked)
    def settle(self, key: str) -> None:
        """Staff take what is due on site."""
        if not key:
            return
        booking = self.model[key]
        due = self._shown(key)["price"]["due_on_site"]
        cash = {"method": "cash", "amount": due}
        answer = self.run(self.api.post(f"/v1/bookings/{key}/payments", json=cash, headers=self.world.agent))
        if booking["status"] == "confirmed" and self.status != "cancelled" and not booking["paid"]:
            assert answer.status_code == 200, answer.text
            booking["paid"] = due["amount"]
        else:
            assert answer.status_code == 409, answer.text

    @rule(key=booked)
    def synchronise(self, key: str) -> None:
        """Once the worker has told all, a phone that is told what changed knows what it would be shown."""
        if not key:
            return
        self.hear()
        self.run(jobs.follow_admissions(self.world.runtime))
        booking = self.model[key]
        query = {"since": booking["since"]} if booking["since"] else {}
        answer = self.run(self.api.get("/v1/sync", params=query, headers=booking["owner"])).json()
        booking["since"] = answer["next_since"]
        for item in answer["items"]:
            booking["phone"] = item["data"]
        if booking["status"] == "on_hold":
            return  # It depends on the minute, and a phone counts it down by itself.
        shown = self._shown(key)
        for name in ("version", "status", "available_actions", "items", "slot_change", "payment", "missing"):
            assert booking["phone"].get(name) == shown.get(name), name

    @rule(key=booked)
    def extend(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        answer = self.run(self.api.post(f"/v1/bookings/{key}/extend", headers=booking["owner"]))
        assert answer.status_code == (200 if self.is_open(booking) and self.status == "open" else 409), answer.text

    @rule(key=booked)
    def keep(self, key: str) -> None:
        """The customer agrees to the new time of a confirmed booking."""
        if not key:
            return
        booking, wish = self.model[key], {"choice": "keep"}
        answer = self.run(self.api.post(f"/v1/bookings/{key}/slot-change", json=wish, headers=booking["owner"]))
        stands = booking["status"] == "confirmed" and self.status != "cancelled"
        if stands and booking["agreed"] != self.starts_at:
            assert answer.status_code == 200, answer.text
            booking.update(agreed=self.starts_at, kept=True)
        else:
            assert answer.status_code == (200 if stands and booking["kept"] else 409), answer.text

    # what the organiser does ------------------------------------------------------------------------------------------

    def patch(self, **change: Any) -> None:
        self.run(patch_slot(self.api, self.world.manager, self.slot, **change))

    @precondition(lambda self: getattr(self, "status", "cancelled") != "cancelled")
    @rule(hours=st.sampled_from([-2, 0, 2, 4]))
    def move(self, hours: int) -> None:
        """By more than customers have to put up with, or back to where it was."""
        self.patch(delay=None)
        self.starts_at = self.noon + timedelta(hours=hours)
        self.patch(starts_at=self.starts_at)

    @precondition(lambda self: getattr(self, "status", "cancelled") != "cancelled")
    @rule(minutes=st.sampled_from([0, 20, 200]))
    def delay(self, minutes: int) -> None:
        """Nothing of what was agreed changes by it."""
        self.patch(delay=delay(self.starts_at + timedelta(minutes=minutes)) if minutes else None)

    @rule(status=st.sampled_from(["open", "open", "closed", "cancelled"]))
    def set_status(self, status: str) -> None:
        self.patch(status=status)
        self.status = status

    @rule()
    def release_holds(self) -> None:
        """What is held and not paid is given back, whether its time is over or not."""
        self.patch(release_holds=True)
        for key, booking in self.model.items():
            if booking["status"] == "on_hold":
                booking["status"] = "expired"
                assert self._shown(key)["status_reason"]["code"] == "released"

    @rule()
    def let_choices_run_out(self) -> None:
        """Who hasn't chosen in time is served: cancelled → refunded, moved → kept."""
        self.hear()
        self.run(self._run_out())
        self.run(jobs.decide_for_silent(self.world.runtime))
        for key, booking in self.model.items():
            if booking["status"] != "confirmed":
                continue
            if self.status == "cancelled":
                shown = self._shown(key)
                assert shown["status_reason"]["code"] == "slot_cancelled"
                self.end(booking, shown)
            elif booking["agreed"] != self.starts_at:
                booking.update(agreed=self.starts_at, kept=True)
                assert "slot_change" not in self._shown(key)

    async def _run_out(self) -> None:
        async with self.world.runtime.pool.acquire() as db:
            await db.execute(
                "update booking set decide_by = $3 where org_id = $1 and slot_id = $2 and decide_by is not null",
                self.world.org.org_id, self.slot, utc_now() - timedelta(seconds=1),
            )  # fmt: skip

    @rule()
    def hear(self) -> None:
        """The worker brings the news of the slot to its bookings."""
        news = [
            e for e in self.run(news_of(self.world, self.slot)) if e.type == "slot.changed" and e.id not in self.heard
        ]
        for event in news:
            self.run(jobs.follow_slot(self.world.runtime, event))
            self.heard.add(event.id)
        for booking in self.model.values() if news else ():
            if self.status == "cancelled" or booking["agreed"] != self.starts_at:
                booking["kept"] = False

    # what the gate does -----------------------------------------------------------------------------------------------

    @rule(key=booked, which=st.integers(0, 6))
    def admit(self, key: str, which: int) -> None:
        if not key or self.model[key]["status"] != "confirmed" or self.status == "cancelled":
            return
        booking = self.model[key]
        item = list(booking["items"])[which % len(booking["items"])]
        if item in booking["admitted"]:
            return
        scan = {"item_id": item, "nonce": uuid4().hex, "override": {"reason": "rehearsal"}}
        answer = self.run(self.api.post("/v1/scans", json=scan, headers=self.world.manager))
        assert answer.json()["admit"], answer.text
        booking["admitted"][item] = scan["nonce"]

    @rule(key=booked)
    def undo(self, key: str) -> None:
        """The last scan of a booking, cancelled since or not: it gives back what was only kept for it."""
        if not key or not self.model[key]["admitted"]:
            return
        _, nonce = self.model[key]["admitted"].popitem()
        answer = self.run(self.api.post(f"/v1/scans/{nonce}/undo", headers=self.world.manager))
        assert answer.status_code == 200, answer.text

    @rule(key=booked)
    def overrule(self, key: str) -> None:
        """A manager cancels, whoever was admitted, and says why."""
        if not key:
            return
        booking = self.model[key]
        answer = self.run(self.api.post(f"/v1/bookings/{key}/cancel", json=REASON, headers=self.world.manager))
        if booking["status"] in {"confirmed", "cancelled"} or self.is_open(booking):
            assert answer.status_code == 200, answer.text
            self.end(booking, answer.json())
        else:
            assert answer.status_code == 409, answer.text

    # what is true after each step -------------------------------------------------------------------------------------

    def _shown(self, key: str) -> dict[str, Any]:
        return self.run(self.api.get(f"/v1/bookings/{key}", headers=self.model[key]["owner"])).json()

    @invariant()
    def actions_are_those_that_work(self) -> None:
        for key, booking in list(getattr(self, "model", {}).items())[-3:]:
            actions = self._shown(key)["available_actions"]
            is_open, slot = self.is_open(booking), getattr(self, "status", "open")
            assert ("confirm" in actions) == (is_open and slot != "cancelled"), booking
            assert ("cancel" in actions) == self.is_cancellable(booking), booking
            stands = booking["status"] == "confirmed" and slot != "cancelled"
            assert ("keep" in actions) == (stands and booking["agreed"] != self.starts_at), booking

    @invariant()
    def the_doctor_finds_nothing(self) -> None:
        if hasattr(self, "slot"):
            self.run(self._examine())

    async def _examine(self) -> None:
        async with self.world.runtime.pool.acquire() as db:
            for check in CHECKS:
                assert await check(db, 9) == [], check.__name__


def test_any_order_of_slot_changes_and_scans_keeps_the_books(database_url: str) -> None:
    simulate(Slots, database_url)
