"""The same machine with cards: payments under way are approved, declined, superseded and cancelled in any order, banks
decide late, news are lost and doubled, refunds fail and are tried again. In the end every charge has its ticket, or is
back."""

from typing import Any
from uuid import UUID

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from booking_api.bookings import jobs
from booking_api.core.clock import utc_now
from booking_api.payments.webhooks import sign_headers
from tests.bookings.journey import CONTACT, end_hold
from tests.faults.books import wrongs
from tests.payments.money import work
from tests.payments.provider import WEBHOOK_PATH, WEBHOOK_SECRET, RunningProvider
from tests.simulation.test_bookings import Bookings, simulate

PAYS, ASKS = {"tok_ok", "tok_refund_fails"}, {"tok_redirect", "tok_stuck"}
TOKENS = st.sampled_from([*PAYS, *ASKS, "tok_decline"])


class Payments(Bookings):
    """Each booking of the model knows the `token` of its open payment, and what its bank has `decided` of it."""

    provider: RunningProvider
    booked = Bookings.booked

    def post(self, path: str, booking: dict[str, Any], body: Any = None) -> httpx.Response:
        return self.run(self.api.post(path, json=body, headers=booking["owner"]))

    def is_open(self, booking: dict[str, Any]) -> bool:
        return booking["status"] == "on_hold" and not booking["ended"]

    @rule(target=booked, token=TOKENS, then=st.sampled_from(["", "cancel", "tok_ok", "tok_stuck", "on_site"]))
    def buy(self, token: str, then: str) -> str:
        """A customer who books, pays, and often has second thoughts at once."""
        key = self.hold(1, 0, "flex")
        self.pay(key, token)
        match then:
            case "cancel":
                self.cancel(key)
            case "on_site":
                self.confirm(key)
            case "tok_ok" | "tok_stuck":
                self.pay(key, then)
            case _:
                pass
        return key

    @rule(key=booked, token=TOKENS)
    def pay(self, key: str, token: str) -> None:
        if not key:
            return
        booking = self.model[key]
        wish = {"contact": CONTACT, "payment": {"method": "test", "token": token}}
        answer = self.post(f"/v1/bookings/{key}/confirm", booking, wish)
        expected = self._becomes(booking, token)
        assert answer.status_code == {"confirmed": 200, "pending": 202, "on_hold": 402}.get(expected, 409), answer.text
        if expected:
            self._enter(booking, expected, token)

    def _becomes(self, booking: dict[str, Any], token: str) -> str:
        """What a confirmation with this token makes of a booking; nothing where it is refused."""
        fresh = "confirmed" if token in PAYS else "pending" if token in ASKS else "on_hold"
        match booking["status"], booking.get("decided"):
            case "confirmed", _:
                return "confirmed"
            case "pending", "approved":
                return "confirmed"
            case "pending", "declined" if token == booking["token"]:
                return "on_hold"
            case "pending", _:
                return "pending" if token == booking["token"] else fresh
            case _:
                return fresh if self.is_open(booking) else ""

    def _enter(self, booking: dict[str, Any], status: str, token: str) -> None:
        if (booking["status"], status) == ("pending", "pending") and booking["token"] == token:
            return
        booking.update(status=status, token=token, decided=None, ended=False)

    @rule(key=booked)
    def confirm(self, key: str) -> None:
        """On site, also instead of a card."""
        if not key:
            return
        booking = self.model[key]
        wish = {"contact": CONTACT, "payment": {"method": "on_site"}}
        answer = self.post(f"/v1/bookings/{key}/confirm", booking, wish)
        if booking["status"] in {"confirmed", "pending"} or self.is_open(booking):
            assert answer.status_code == 200, answer.text
            booking["status"] = "confirmed"
        else:
            assert answer.status_code == 409, answer.text

    @rule(key=booked)
    def cancel(self, key: str) -> None:
        if not key:
            return
        booking = self.model[key]
        answer = self.post(f"/v1/bookings/{key}/cancel", booking)
        if booking["status"] in {"confirmed", "pending", "cancelled"} or self.is_open(booking):
            assert answer.status_code == 200, answer.text
            booking["status"] = "cancelled"
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable"), answer.text

    @rule(key=booked, approved=st.booleans(), which=st.integers(0, 5))
    def decide(self, key: str, approved: bool, which: int) -> None:
        """A bank decides an open charge, of whatever payment of the order: also of one that was given up long ago."""
        if not key:
            return
        booking, books = self.model[key], self.provider.bank.books
        charges = sorted(
            (charge for charge in books.charges.values() if charge.metadata.get("order_id") == booking["order"]),
            key=lambda charge: charge.created_at,
        )
        undecided = [charge for charge in charges if charge.status in {"processing", "requires_action"}]
        if not undecided:
            return
        charge = undecided[which % len(undecided)]
        books.settle(charge, None if approved else "authentication_failed")
        if charge is charges[-1] and booking["status"] in {"pending", "rejected"}:
            booking["decided"] = "approved" if approved else "declined"

    @rule(key=booked)
    def give_up(self, key: str) -> None:
        """The time for paying is over, and nobody here knows of what the bank has decided."""
        if key and self.model[key]["status"] == "pending":
            self.run(self._let_pending_end(self.model[key]["order"]))
            self.model[key]["status"] = "rejected"

    async def _let_pending_end(self, order_id: str) -> None:
        await self.world.runtime.pool.execute(
            "update booking_order set pending_until = pending_until - interval '1 day' where org_id = $1 and id = $2",
            self.world.org.org_id, UUID(order_id),
        )  # fmt: skip
        assert await jobs.sweep_undecided_payments(self.world.runtime) == 1

    @rule(copies=st.integers(0, 2))
    def news(self, copies: int) -> None:
        """Webhooks come, or are lost, or come twice; then the worker does what there is to do."""
        self.run(self._deliver(copies))
        self.run(work(self.world))
        for key, booking in self.model.items():
            if booking["status"] == "pending" and booking["decided"]:
                booking["status"] = "confirmed" if booking["decided"] == "approved" else "on_hold"
                booking["decided"] = None
            elif booking["status"] == "rejected" and booking["decided"] == "approved":
                # Taken again where there was room for it, which depends on who came first.
                booking["status"] = self._shown(key)["status"]
                assert booking["status"] in {"confirmed", "rejected"}

    async def _deliver(self, copies: int) -> None:
        books = self.provider.bank.books
        for message in list(books.messages.values()):
            for _ in range(copies):
                await deliver(self.api, message.id, message.body.encode())
            books.messages.pop(message.id, None)

    @precondition(lambda self: getattr(self, "model", None))
    @rule()
    def try_refunds_again(self) -> None:
        failed = {"status": "failed", "limit": 200}
        found = self.run(self.api.get("/v1/refunds", params=failed, headers=self.world.manager)).json()["items"]
        for refund in found:
            answer = self.run(self.api.post(f"/v1/refunds/{refund['id']}/retry", headers=self.world.manager))
            assert answer.status_code == 202, answer.text

    def _shown(self, key: str) -> dict[str, Any]:
        return self.run(self.api.get(f"/v1/bookings/{key}", headers=self.model[key]["owner"])).json()

    def teardown(self) -> None:
        """Everything comes to its end: then no charge is without a ticket or a refund, and nobody paid twice."""
        if not hasattr(self, "model"):
            return
        self.news(1)
        for booking in self.model.values():
            if booking["status"] == "on_hold":
                self.run(end_hold(self.world, booking["order"]))
                booking["ended"] = True
            elif booking["status"] == "pending":
                self.run(self._let_pending_end(booking["order"]))
                booking["status"] = "rejected"
        self.sweep()
        for charge in self.provider.bank.books.charges.values():
            if charge.status == "processing":  # Those that can't be cancelled come in the end.
                self.provider.bank.books.settle(charge, None)
        self.news(2)
        self.try_refunds_again()
        self.news(1)
        for booking in self.model.values():
            if (booking["status"], booking.get("token"), booking.get("decided")) == ("rejected", "tok_stuck", None):
                booking["status"] = "retaken or refunded"
        for key, booking in self.model.items():
            shown = self._shown(key)
            assert shown["payment"]["status"] not in {"refund_pending", "refund_failed"}, shown["payment"]
            if booking["status"] == "retaken or refunded":
                assert (shown["status"], shown["payment"]["status"]) in {
                    ("confirmed", "succeeded"), ("rejected", "refunded"),
                }  # fmt: skip
        books = self.provider.bank.books
        charges = [
            {"key": c.key, "status": c.status, "amount": c.amount, "refunded": c.refunded}
            for c in books.charges.values()
        ]
        refunds = [{"id": refund.id, "status": refund.status} for refund in books.refunds.values()]
        assert self.run(wrongs(self.world.runtime.settings.database_url, charges, refunds)) == []


async def deliver(api: httpx.AsyncClient, message_id: str, body: bytes) -> None:
    headers = sign_headers(WEBHOOK_SECRET.encode(), message_id, body, utc_now())
    answer = await api.post(WEBHOOK_PATH, content=body, headers={"content-type": "application/json", **headers})
    assert answer.status_code == 202, answer.text


def test_any_order_of_payments_keeps_the_books(database_url: str, provider_server: RunningProvider) -> None:
    bank = provider_server.bank
    bank.webhook_url = None
    bank.books = type(bank.books)(late_seconds=3600)
    Payments.provider = provider_server
    simulate(Payments, database_url, test_provider_url=provider_server.url, webhook_secret=WEBHOOK_SECRET)
