"""The whole law through HTTP: what may be done with a booking, in each state, under whatever became of its slot.

`TABLE` is written by hand. A new state, condition, fact or verb fails `test_the_table_is_whole` until it has its row.
An action is listed in `available_actions` exactly where it works; missing details don't unlist `confirm`.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import httpx
import pytest

from booking_api.bookings import jobs, rules
from booking_api.bookings.operations.cancel import expire
from booking_api.bookings.schemas import Status
from booking_api.core.clock import utc_now
from booking_api.payments import operations as payments
from booking_api.payments.schemas import Outcome
from tests.bookings import conditions
from tests.bookings.journey import CONTACT, end_hold, hold, owner_of
from tests.bookings.test_paying import relay
from tests.payments.provider import Provider
from tests.world import Headers, World, add_slot

Json = dict[str, Any]
ROLES = ("customer", "agent", "manager")
VERBS = ("extend", "confirm", "cancel", "edit", "choose_seat", "keep", "resume", "show_pass", "settle")

# Each cell is `ok`, `agree` (it is refused until the caller names the time, and then works), `repeat` (it is so
# already, and answered as if it had just been done), or the refusal with its `because`. Under `settle`, a payment that succeeds now, it is what the booking is afterwards. Cells that differ by
# who asks say so: `customer=…|agent=…|manager=…`. `no` under `show_pass` is only that it isn't listed.
STAFF_RESUME = "conflict customer=ok|agent=ok|manager=ok"
KEPT_RESUME = "ok customer=ok|agent=ok|manager=ok"
STAFF_NO_RESUME = "conflict customer=conflict|agent=conflict|manager=conflict"
ON_HOLD = f"ok ok ok ok ok {STAFF_RESUME} no confirmed"
PROMISE = f"ok ok ok ok {STAFF_RESUME} no confirmed"
EXPIRED = f"hold_expired hold_expired not_cancellable:expired hold_expired hold_expired {STAFF_NO_RESUME} no"
PENDING = f"conflict ok ok conflict conflict {STAFF_RESUME} no"
REJECTED = f"conflict conflict not_cancellable:rejected conflict conflict {STAFF_NO_RESUME} no"
CANCELLED = f"conflict conflict repeat conflict conflict {STAFF_NO_RESUME} no cancelled"
CONFIRMED = f"conflict repeat ok ok ok {STAFF_RESUME} ok confirmed"


def ended(why: str, reason: str) -> list[str]:
    """Rows of what nobody can be let in to any more. The payment goes back, and who asks for an alternative gets one."""
    closed, fixed = f"sales_closed:{why}", f"not_changeable:{why}"
    return [
        f"on_hold {closed} {closed} ok {fixed} {fixed} {STAFF_RESUME} no rejected:{reason}",
        f"expired {closed} {closed} not_cancellable:expired {fixed} {fixed} {STAFF_NO_RESUME} no rejected:{reason}",
        f"swept {closed} {closed} not_cancellable:expired {fixed} {fixed} {STAFF_NO_RESUME} no rejected:{reason}",
        f"pending conflict {closed} ok conflict conflict {STAFF_RESUME} no rejected:{reason}",
        f"rejected {REJECTED} rejected:{reason}",
        f"cancelled {CANCELLED}",
    ]


def closed_to_others(why: str, retaken: str) -> list[str]:
    """Rows of what nobody else may begin any more: a hold is a promise, but it doesn't grow."""
    return [
        f"on_hold sales_closed:{why} {PROMISE}",
        f"expired {EXPIRED} confirmed",
        f"swept {EXPIRED} {retaken}",
        f"pending {PENDING} confirmed",
        f"confirmed {CONFIRMED}",
        f"rejected {REJECTED} {retaken}",
        f"cancelled {CANCELLED}",
    ]


OPEN = [
    f"on_hold {ON_HOLD}",
    f"expired {EXPIRED} confirmed",
    f"swept {EXPIRED} confirmed",
    f"pending {PENDING} confirmed",
    f"confirmed {CONFIRMED}",
    f"rejected {REJECTED} confirmed",
    f"cancelled {CANCELLED}",
]
TABLE: dict[str, list[str]] = {
    "open": OPEN,
    "moved": [
        f"on_hold ok agree ok ok ok {STAFF_RESUME} no confirmed",
        f"pending conflict agree ok conflict conflict {STAFF_RESUME} no confirmed",
        f"confirmed conflict repeat ok ok ok {KEPT_RESUME} ok confirmed",
        *(row for row in OPEN if row.split()[0] not in {"on_hold", "pending", "confirmed"}),
    ],
    "closed": closed_to_others("closed", "rejected:no_room"),
    "sales_over": closed_to_others("sales_over", "confirmed"),
    "withdrawn": closed_to_others("withdrawn", "confirmed"),
    "cancelled": [
        *ended("cancelled", "slot_cancelled"),
        f"confirmed conflict repeat ok ok not_changeable:cancelled {STAFF_RESUME} ok confirmed",
    ],
    "departed": [
        *ended("departed", "departed"),
        f"confirmed conflict repeat not_cancellable:departed not_changeable:departed not_changeable:departed "
        f"{STAFF_RESUME} ok confirmed",
    ],
    # A departure's gate closes before it leaves: until then the customer may still cancel.
    "gate_closed": [
        *ended("gate_closed", "gate_closed"),
        f"confirmed conflict repeat ok not_changeable:gate_closed not_changeable:gate_closed {STAFF_RESUME} ok confirmed",
    ],
    # An entry that has begun admits until its gate closes: what is held may be confirmed, what is confirmed is used.
    "begun": [
        f"on_hold sales_closed:sales_over ok ok ok no_seats {STAFF_RESUME} no confirmed",
        f"expired {EXPIRED} confirmed",
        f"swept {EXPIRED} confirmed",
        f"pending {PENDING} confirmed",
        f"confirmed conflict repeat not_cancellable:begun ok no_seats {STAFF_RESUME} ok confirmed",
        f"rejected {REJECTED} confirmed",
        f"cancelled {CANCELLED}",
    ],
}

HOLDS = {
    "open": "ok", "moved": "ok", "closed": "sales_closed:closed", "sales_over": "sales_closed:sales_over",
    "withdrawn": "sales_closed:withdrawn", "cancelled": "sales_closed:cancelled", "departed": "sales_closed:departed",
    "gate_closed": "sales_closed:gate_closed", "begun": "sales_closed:sales_over",
}  # fmt: skip
"""What a new hold on the slot comes to."""

APPLY: dict[str, Callable[[World, UUID], Awaitable[None]]] = {
    "moved": lambda world, slot: conditions.move(world, slot, timedelta(hours=2)),
    "closed": lambda world, slot: conditions.set_status(world, slot, "closed"),
    "sales_over": conditions.end_sales,
    "withdrawn": conditions.withdraw,
    "cancelled": lambda world, slot: conditions.set_status(world, slot, "cancelled"),
    "departed": lambda world, slot: conditions.begin_in(world, slot, -1),
    "gate_closed": lambda world, slot: conditions.begin_in(world, slot, 5),
    "begun": lambda world, slot: conditions.begin_in(world, slot, -5),
}

STATES: dict[str, Status] = {
    "on_hold": "on_hold", "expired": "expired", "pending": "pending", "confirmed": "confirmed",
    "rejected": "rejected", "cancelled": "cancelled", "swept": "expired",
}  # fmt: skip
"""Each row's state, and the status that it is shown with."""

FACTS = {
    # The facts of the law, and where the table shows that they count.
    "BookingStanding.status": STATES, "BookingStanding.condition": TABLE, "BookingStanding.begun": TABLE["begun"],
    "BookingStanding.moved": TABLE["moved"], "BookingStanding.undecided": TABLE["moved"],
    "BookingStanding.kept": "test_what_was_kept_may_be_kept_again", "BookingStanding.seated": TABLE["begun"],
    "OrderStanding.status": STATES, "OrderStanding.bookings": "test_orders_of_several", "OrderStanding.asker": ROLES,
    "OrderStanding.at_limit": "test_a_hold_at_its_limit",
}  # fmt: skip

STEPS = {
    # The steps of the state machine, and the columns or rows that take them.
    "extend": "extend", "confirm": "confirm", "cancel": "cancel", "pay": "pending", "settle": "settle",
    "decline": "settle", "supersede": "confirm", "abandon": "rejected", "expire": "expired", "retake": "settle", "refuse": "settle",
}  # fmt: skip


def read_rows(condition: str) -> dict[str, dict[str, str]]:
    rows = [row.split() for row in TABLE[condition]]
    return {row[0]: dict(zip(VERBS, row[1:], strict=True)) for row in rows}


def cell_for(cell: str, role: str) -> str:
    return dict(part.split("=") for part in cell.split("|"))[role] if "=" in cell else cell


def test_the_table_is_whole():
    assert set(get_args(rules.Condition)) | {"moved", "begun"} == set(TABLE) == set(HOLDS) == {"open", *APPLY}
    assert set(get_args(Status)) == set(STATES.values())
    assert set(get_args(rules.BookingVerb)) | {"settle"} == set(VERBS)
    assert set(get_args(rules.OrderVerb)) <= set(VERBS)
    assert set(get_args(rules.Action)) == set(STEPS)
    standings = (rules.BookingStanding, rules.OrderStanding)
    assert {f"{struct.__name__}.{name}" for struct in standings for name in struct.__struct_fields__} == set(FACTS)
    assert set(get_args(rules.Asker)) == {*ROLES, "key", "system"}
    assert all(shown in globals() for shown in FACTS.values() if isinstance(shown, str))
    for condition in TABLE:
        assert set(read_rows(condition)) == set(STATES), condition


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

    def wish(self, slot: UUID) -> Json:
        world, is_entry = self.world, self.condition == "begun"
        product, option = (world.tower, "standard") if is_entry else (world.flight, "flex")
        items = [{"unit": "adult", "name": "Ada Lovelace"}]
        return {"slot_id": str(slot), "option_id": str(world.option(product, option)), "items": items}

    async def post(self, booking: Json, verb: str, headers: Headers, body: Json | None = None) -> httpx.Response:
        return await self.api.post(f"/v1/bookings/{booking['id']}/{verb}", headers=headers, json=body or {})

    async def pay(self, booking: Json, method: str, token: str | None = None) -> httpx.Response:
        payment = {"method": method, **({"token": token} if token else {})}
        return await self.post(booking, "confirm", owner_of(booking), {"contact": CONTACT, "payment": payment})

    async def bring_to(self, state: str, slot: UUID, *, paying: bool) -> Json:
        """A booking in a state; `paying`: with a payment that may still succeed."""
        booking = await hold(self.api, self.world.app, self.wish(slot))
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
            case "confirmed":
                paid = self.pay(booking, "test", "tok_ok") if paying else self.pay(booking, "on_site")
                assert (await paid).status_code == 200
            case "cancelled":
                assert (await self.post(booking, "cancel", owner_of(booking))).status_code == 200
        if state == "rejected":
            await conditions.run(
                self.world, "update booking_order set pending_until = $3 where org_id = $1 and id = $2",
                self.world.org.org_id, UUID(booking["order_id"]), utc_now() - timedelta(minutes=1),
            )  # fmt: skip
            assert await jobs.sweep_undecided_payments(self.world.runtime) == 1
        return booking

    async def ask(self, booking: Json, verb: str, headers: Headers) -> httpx.Response:
        url = f"/v1/bookings/{booking['id']}"
        match verb:
            case "confirm":
                return await self.post(booking, verb, headers, {"contact": CONTACT, "payment": {"method": "on_site"}})
            case "edit":
                return await self.api.patch(url, headers=headers, json={"contact": {**CONTACT, "name": "Augusta Ada"}})
            case "choose_seat":
                item = {"id": booking["items"][0]["id"], "seat": "4B"}
                return await self.api.patch(url, headers=headers, json={"items": [item]})
            case "keep":
                return await self.post(booking, "slot-change", headers, {"choice": "keep"})
            case "resume":
                return await self.post(booking, "resume-code", headers)
            case _:
                return await self.post(booking, verb, headers)

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
        return "no_seats"
    return body["code"] + (f":{because if isinstance(because, str) else because[0]}" if because else "")


@pytest.mark.parametrize("condition", TABLE)
async def test_each_verb_works_where_it_is_listed(
    api: httpx.AsyncClient, world: World, provider: Provider, condition: str
):
    walk = Walk(api, world, provider, condition)
    wrong: list[str] = []
    cells: list[tuple[str, str, str, str, UUID, Json]] = []
    for state, row in read_rows(condition).items():
        for verb, cell in row.items():
            for role in ROLES if verb not in {"settle", "show_pass"} else ROLES[:1]:
                slot = await walk.open_slot()
                booking = await walk.bring_to(state, slot, paying=verb == "settle")
                cells.append((state, verb, role, cell_for(cell, role), slot, booking))
    for *_, slot, _ in cells:
        if condition in APPLY:
            await APPLY[condition](world, slot)
    for state, verb, role, expected, _, booking in cells:
        headers = walk.headers(booking, role)
        shown = await walk.see(booking, headers)
        assert shown["status"] == STATES[state]
        listed = verb in shown["available_actions"]
        if verb == "settle":
            found, listed = await walk.settle(booking), expected == "ok"
        elif verb == "show_pass":
            found = "done" if listed else "no"
        else:
            found = outcome_of(await walk.ask(booking, verb, headers))
        if expected == "agree" and found == "slot_changed":
            found = outcome_of(await walk.confirm_as_it_is(booking, headers))
        as_written = "done" if expected in {"ok", "agree", "repeat"} else expected
        if found != as_written or listed != (expected in {"ok", "agree"}):
            wrong.append(f"{condition}/{state}: {role} {verb} is {expected}, found {found}, listed {listed}")
    assert wrong == []


@pytest.mark.parametrize("condition", TABLE)
async def test_a_new_hold_is_asked_the_same(api: httpx.AsyncClient, world: World, provider: Provider, condition: str):
    walk = Walk(api, world, provider, condition)
    slot = await walk.open_slot()
    if condition in APPLY:
        await APPLY[condition](world, slot)
    for headers in (world.app, world.customer(), world.agent, world.manager):
        answer = await api.post("/v1/bookings", json=walk.wish(slot), headers=headers)
        assert outcome_of(answer) == ("done" if HOLDS[condition] == "ok" else HOLDS[condition]), answer.text
        order = await api.post("/v1/orders", json={"bookings": [walk.wish(slot)]}, headers=headers)
        assert outcome_of(order) == outcome_of(answer), order.text


SEVERAL = {
    # What an order of two comes to when this happened to the slot of its second booking alone.
    "open": ("done", "done"), "moved": ("done", "slot_changed"), "closed": ("sales_closed:closed", "done"),
    "sales_over": ("sales_closed:sales_over", "done"), "withdrawn": ("sales_closed:withdrawn", "done"),
    "cancelled": ("sales_closed:cancelled", "sales_closed:cancelled"),
    "departed": ("sales_closed:departed", "sales_closed:departed"),
    "gate_closed": ("sales_closed:gate_closed", "sales_closed:gate_closed"),
}  # fmt: skip


@pytest.mark.parametrize("condition", SEVERAL)
async def test_orders_of_several(api: httpx.AsyncClient, world: World, provider: Provider, condition: str):
    walk = Walk(api, world, provider, condition)
    slots = [await walk.open_slot(), await walk.open_slot()]
    made = await api.post("/v1/orders", json={"bookings": [walk.wish(slot) for slot in slots]}, headers=world.app)
    order, owner = made.json(), owner_of(made.json())
    if condition in APPLY:
        await APPLY[condition](world, slots[1])
    url = f"/v1/orders/{order['id']}"
    shown = (await api.get(url, headers=owner)).json()
    extend, confirm = SEVERAL[condition]
    works = [verb for verb, found in (("extend", extend), ("confirm", confirm)) if found in {"done", "slot_changed"}]
    assert shown["available_actions"] == [*works, "cancel"]
    for booking in shown["bookings"]:
        assert not {"extend", "confirm", "cancel"} & set(booking["available_actions"])
        for verb in ("extend", "confirm", "cancel"):
            assert outcome_of(await walk.post(booking, verb, owner)) == "use_order"
    answers = {
        "extend": await api.post(f"{url}/extend", headers=owner),
        "confirm": await api.post(
            f"{url}/confirm", headers=owner, json={"contact": CONTACT, "payment": {"method": "on_site"}}
        ),
    }  # fmt: skip
    assert {verb: outcome_of(answer) for verb, answer in answers.items()} == {"extend": extend, "confirm": confirm}
    # Both slots are of the product that is withdrawn; else it is the second booking that stands in the way.
    at = 0 if condition == "withdrawn" else 1
    for body in (answer.json() for answer in answers.values()):
        if body.get("code") == "sales_closed":
            assert [error["pointer"] for error in body["errors"]] == [body["pointer"]] == [f"/bookings/{at}"]
            assert (body["booking_id"], body["slot_id"]) == (order["bookings"][at]["id"], str(slots[at]))
    if confirm == "slot_changed":
        assert [one["booking_id"] for one in answers["confirm"].json()["slots"]] == [order["bookings"][1]["id"]]
    if confirm == "done":
        assert answers["confirm"].json()["available_actions"] == ["cancel"]


async def test_a_hold_at_its_limit(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "open")
    held = await hold(api, world.app, walk.wish(await walk.open_slot()))
    assert "extend" in (await walk.see(held, owner_of(held)))["available_actions"]
    await conditions.run(
        world, "update booking_order set hold_limit_at = expires_at where id = $1", UUID(held["order_id"])
    )
    shown = await walk.see(held, owner_of(held))
    assert "extend" not in shown["available_actions"]
    again = await walk.post(held, "extend", owner_of(held))
    assert (again.status_code, again.json()["version"]) == (200, shown["version"])


async def test_what_was_kept_may_be_kept_again(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "moved")
    slot = await walk.open_slot()
    booking = await walk.bring_to("confirmed", slot, paying=False)
    await APPLY["moved"](world, slot)
    kept = await walk.ask(booking, "keep", owner_of(booking))
    assert "keep" not in kept.json()["available_actions"]
    again = await walk.ask(booking, "keep", owner_of(booking))
    assert (again.status_code, again.json()["version"]) == (200, kept.json()["version"])


async def test_missing_details_do_not_unlist_confirm(api: httpx.AsyncClient, world: World, provider: Provider):
    walk = Walk(api, world, provider, "open")
    wish = walk.wish(await walk.open_slot())
    del wish["items"][0]["name"]
    held = await hold(api, world.app, wish)
    assert {one["code"] for one in held["missing"]} == {"contact_required", "name_required"}
    assert "confirm" in held["available_actions"]
    assert outcome_of(await walk.ask(held, "confirm", owner_of(held))) == "details_missing"
