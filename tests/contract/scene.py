"""One thing of each kind, and a request that makes sense for every operation."""

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec

from booking_api.bookings.handover import seal_code
from booking_api.catalog.description_rules import describe_product
from booking_api.catalog.schemas import Place
from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.core.money import Money
from booking_api.identity import codes, reach, tokens
from booking_api.identity import operations as identity
from booking_api.payments import operations as payments
from booking_api.payments.schemas import Outcome
from booking_api.payments.webhooks import sign_headers, webhook_secrets
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, visit
from tests.world import Headers, World, bearer, build_world

PROVIDER_URL = "http://127.0.0.1:9"
Json = dict[str, Any]


@dataclasses.dataclass
class Scene:
    """What a customer, the staff and an integrator of one organisation have made; and another organisation."""

    world: World
    other: World
    customer: Headers
    refresh_token: str
    stranger: Headers
    """Another customer of the same organisation."""
    other_customer: Headers
    """A customer of the other organisation, as are the next."""
    held: Json
    confirmed: Json
    """Somebody of it was admitted; of `unused` nobody."""
    unused: Json
    cancelled: Json
    moved: Json
    """Confirmed for a slot that has moved since by three hours."""
    prompt: Json
    feedback: Json
    member: Json
    key_id: str
    nonce: str
    refunding: str
    """A refund that its provider is carrying out; `by_hand` one that staff have to give back."""
    by_hand: str
    webhook: Json
    delivery_id: str
    """A test that was sent to it."""

    @property
    def session_id(self) -> str:
        """The customer's session."""
        token = self.customer["Authorization"].removeprefix("Bearer ")
        return str(tokens.read(self.world.runtime.vault, token, "access", utc_now()).session_id)

    @property
    def our_ids(self) -> set[str]:
        """Ids that nobody outside of the organisation may ever be told."""
        things = (
            self.held, self.confirmed, self.unused, self.cancelled, self.moved, self.prompt, self.feedback, self.member,
            self.webhook,
        )  # fmt: skip
        return {thing["id"] for thing in things} | {
            self.held["order_id"], self.confirmed["order_id"], self.key_id, self.refunding, self.by_hand,
        }  # fmt: skip

    async def key(self, *scopes: str, world: World | None = None) -> Headers:
        """A new secret key with these scopes."""
        of = world or self.world
        async with of.runtime.pool.acquire() as db, db.transaction():
            _, key = await identity.add_key(
                db, of.org, "secret", "Contract", utc_now(), channel="partner", scopes=scopes
            )
        return bearer(key)


async def _post(api: httpx.AsyncClient, path: str, headers: Headers, body: Json, status: int = 201) -> Json:
    answer = await api.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def build_scene(api: httpx.AsyncClient, world: World) -> Scene:
    other = await build_world(world.runtime, "Westwind")
    question = {"en": "How satisfied are you with your booking?", "de": "Wie zufrieden sind Sie mit Ihrer Buchung?"}
    prompt = await _post(
        api,
        "/v1/feedback/prompts",
        world.manager,
        {"step": "confirmed", "kind": "csat", "question": question, "pause_days": 0},
    )
    held = await hold(api, world.app, party(world, "adult", "child", slot=world.flight_slots[0]))
    customer = owner_of(held)
    confirmed = await confirm(api, customer, await hold(api, customer, visit(world, "adult", "adult")))
    unused = await confirm(api, customer, await hold(api, customer, visit(world, "adult", slot=world.tower_slots[2])))
    cancelled = await hold(api, customer, visit(world, "child", slot=world.tower_slots[1]))
    cancelled = await _post(api, f"/v1/bookings/{cancelled['id']}/cancel", customer, {}, 200)
    moved = await confirm(api, customer, await hold(api, customer, visit(world, "adult", slot=world.tower_slots[6])))
    later = datetime.fromisoformat(moved["slot"]["starts_at"]) + timedelta(hours=3)
    await api.patch(f"/v1/slots/{moved['slot']['id']}", json={"starts_at": later.isoformat()}, headers=world.manager)
    feedback = await _post(
        api, "/v1/feedback", customer,
        {"step": "confirmed", "kind": "csat", "score": 5, "text": "Two taps and done.", "booking_id": confirmed["id"]},
    )  # fmt: skip
    nonce = str(new_id())
    scan = {
        "code": confirmed["items"][0]["pass"]["code"],
        "gate": "North",
        "nonce": nonce,
        "override": {"reason": "Let in early"},
    }
    await _post(api, "/v1/scans", world.manager, scan, 200)
    member = await _post(
        api, "/v1/staff", world.owner, {"name": "Grace Hopper", "email": "grace@example.org", "role": "agent"}
    )
    key = await _post(api, "/v1/keys", world.owner, {"kind": "secret", "name": "Reports", "scopes": ["feedback:read"]})
    refunding, by_hand = await _refunds(world, cancelled)
    webhook = await _post(api, "/v1/webhooks", world.owner, {"url": "https://hooks.example.org/all"})
    tested = await _post(api, f"/v1/webhooks/{webhook['id']}/test", world.owner, {}, 202)
    return Scene(
        world=world, other=other, customer=customer, refresh_token=held["refresh_token"], stranger=world.customer(),
        other_customer=other.customer(), held=held, confirmed=confirmed, unused=unused, cancelled=cancelled, moved=moved,
        prompt=prompt,
        feedback=feedback, member=member, key_id=key["id"], nonce=nonce,
        refunding=refunding, by_hand=by_hand, webhook=webhook, delivery_id=tested["id"],
    )  # fmt: skip


async def _refunds(world: World, booking: Json) -> tuple[str, str]:
    """Two refunds of an order of long ago."""
    order_id, booking_id, amount = new_id(), UUID(booking["id"]), Money(1990, "EUR")
    paid = Outcome(status="succeeded", charged=amount)
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db)
        intent = await payments.open_intent(ctx, order_id, amount, "test", "tok_ok", None)
        await payments.record_outcome(db, ctx.org_id, intent.id, paid, ctx.now)
        refund = await payments.open_refund(ctx, intent.id, order_id, None, amount, "no_room")
        other = await payments.open_on_site_refund(ctx, order_id, booking_id, amount, "cancelled", refund_id=new_id())
    assert refund is not None
    assert other is not None
    return str(refund.id), str(other.id)


@dataclasses.dataclass(frozen=True)
class Call:
    method: str
    path: str
    """With its parameters still in braces."""
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    query: dict[str, str] = dataclasses.field(default_factory=dict)
    body: Any = None
    headers: Headers = dataclasses.field(default_factory=dict)
    lines: bool = False
    """Whether the body is a list that is sent line by line."""

    async def send(self, api: httpx.AsyncClient, headers: Headers) -> httpx.Response:
        content = None if self.body is None else msgspec.json.encode(self.body)
        with_type = {} if content is None else {"Content-Type": "application/json"}
        if self.lines:
            content = b"\n".join(map(msgspec.json.encode, self.body))
            with_type = {"Content-Type": "application/x-ndjson"}
        return await api.request(
            self.method, self.path.format(**self.parameters), params=self.query, content=content,
            headers={**with_type, **self.headers, **headers},
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Claiming(Call):
    """With a code that was made for it, because each works once: of a guest who has no bookings."""

    world: World | None = None

    async def send(self, api: httpx.AsyncClient, headers: Headers) -> httpx.Response:
        assert self.world is not None
        runtime, org = self.world.runtime, self.world.org
        digest = reach.digests(runtime.vault, org, "email", CONTACT["email"])[0]
        async with runtime.pool.acquire() as db:
            code = await codes.make_code(
                db, org.org_id, "recover", new_id(), None, utc_now(), 600, address_digest=digest
            )
        return await Call(self.method, self.path, body={"code": code}).send(api, headers)


def _webhook(s: Scene) -> Call:
    charge = {
        "id": "ch_7K3QX9ABCD", "key": str(new_id()), "status": "succeeded", "amount": 4970, "currency": "EUR",
        "metadata": {"org_id": str(s.world.org.org_id), "intent_id": str(new_id())},
    }  # fmt: skip
    body = {"type": "charge.updated", "charge": charge}
    runtime = s.world.runtime
    signed = sign_headers(
        webhook_secrets(runtime.settings, runtime.vault)[0], "msg_1", msgspec.json.encode(body), utc_now()
    )
    return Call("POST", "/v1/payments/webhooks/{provider}", {"provider": "test"}, body=body, headers=signed)


def _scan(s: Scene) -> Call:
    code = s.confirmed["items"][1]["pass"]["code"]
    return Call("POST", "/v1/scans", body={"code": code, "gate": "North", "direction": "entry", "nonce": str(new_id())})


def _booking(s: Scene) -> Json:
    return visit(s.world, "adult", "child", slot=s.world.tower_slots[2])


def _held_order(s: Scene) -> dict[str, str]:
    return {"order_id": s.held["order_id"]}


def _held_booking(s: Scene) -> dict[str, str]:
    return {"booking_id": s.held["id"]}


def _confirmed(s: Scene) -> dict[str, str]:
    return {"booking_id": s.confirmed["id"]}


def _pass(s: Scene) -> dict[str, str]:
    return {"pass_id": s.confirmed["items"][0]["pass"]["id"]}


def _visit_start(s: Scene) -> str:
    return s.confirmed["slot"]["starts_at"]


def _later(s: Scene, minutes: int) -> str:
    return (datetime.fromisoformat(_visit_start(s)) + timedelta(minutes=minutes)).isoformat()


def _days(s: Scene) -> dict[str, str]:
    """The day of the visit and the next, when there are slots of everything."""
    first = datetime.fromisoformat(_visit_start(s)).date()
    return {"from": str(first), "to": str(first + timedelta(days=1))}


def _venue(s: Scene) -> Place:
    assert s.world.tower.venue is not None
    return s.world.tower.venue


def _tower(s: Scene) -> Json:
    """The tower as it would have to be written, dearer than it is."""
    written = describe_product(s.world.tower, on_sale=True)
    return {**written, "prices": [{**price, "amount": price["amount"] + 100} for price in written["prices"]]}


def _more_slots(s: Scene) -> list[Json]:
    """One that can be offered, and one that can't."""
    slot = {"product": "tower", "starts_at": "2031-05-01T10:00", "capacity": 20, "gate": "North"}
    return [{**slot, "code": "tower-may-day"}, {**slot, "starts_at": "2031-05-01T25:00"}]


COACH_STATION = {
    "name": "Berlin coach station", "time_zone": "Europe/Berlin", "latitude": 52.5072, "longitude": 13.2795,
    "address": "Messedamm 8, 14057 Berlin",
}  # fmt: skip
MINIBUS = {
    "decks": [{"columns": ["A", "B"], "rows": [{"number": 1, "seats": [{"code": "1A"}, {"code": "1B"}]}]}],
}  # fmt: skip


def _sealed_code(s: Scene) -> str:
    return seal_code(s.world.runtime.vault, "7K4QM-2X9VB", utc_now() + timedelta(minutes=10))


PAID_LATER = {"contact": CONTACT, "payment": {"method": "on_site"}}
CALLS: dict[str, Callable[[Scene], Call]] = {
    # catalogue and availability
    "listPlaces": lambda s: Call("GET", "/v1/places", query={"q": "JFK"}),
    "listProducts": lambda s: Call("GET", "/v1/products", query={"limit": "2"}),
    "getPlace": lambda s: Call("GET", "/v1/places/{place}", {"place": "JFK"}),
    "getProduct": lambda s: Call("GET", "/v1/products/{product}", {"product": str(s.world.tower.id)}),
    "putPlace": lambda s: Call("PUT", "/v1/places/{place}", {"place": "BER-ZOB"}, body=COACH_STATION),
    "putProduct": lambda s: Call("PUT", "/v1/products/{product}", {"product": str(s.world.tower.id)}, body=_tower(s)),
    "putSeatLayout": lambda s: Call("PUT", "/v1/seat-layouts/{layout}", {"layout": "minibus"}, body=MINIBUS),
    "offerSlots": lambda s: Call("POST", "/v1/slots/bulk", body=_more_slots(s), lines=True),
    "downloadCatalogue": lambda s: Call("GET", "/v1/catalogue/export"),
    "downloadSlots": lambda s: Call("GET", "/v1/slots/bulk", query={"after": "tower"}),
    "listPlaceDocuments": lambda s: Call("GET", "/v1/catalogue/places", query={"limit": "2"}),
    "getPlaceDocument": lambda s: Call("GET", "/v1/catalogue/places/{place}", {"place": str(_venue(s).id)}),
    "listProductDocuments": lambda s: Call("GET", "/v1/catalogue/products", query={"limit": "1"}),
    "getProductDocument": lambda s: Call("GET", "/v1/catalogue/products/{product}", {"product": str(s.world.tower.id)}),
    "listSeatLayoutDocuments": lambda s: Call("GET", "/v1/catalogue/seat-layouts", query={"limit": "2"}),
    "getSeatLayoutDocument": lambda s: Call(
        "GET", "/v1/catalogue/seat-layouts/{layout}", {"layout": str(s.world.layout_id)}
    ),
    "discover": lambda s: Call(
        "GET", "/v1/discover", query={"near": "40.64,-73.78", "units": "adult:2,child:1", "limit": "1"}
    ),
    "searchAvailability": lambda s: Call(
        "GET",
        "/v1/availability",
        query={"origin": "JFK", "destination": "LAX", **_days(s), "units": "adult:2,child:1", "limit": "1"},
    ),
    "getCalendar": lambda s: Call(
        "GET", "/v1/availability/calendar", query={"product_id": str(s.world.tower.id), **_days(s)}
    ),
    "getSlot": lambda s: Call("GET", "/v1/slots/{slot_id}", {"slot_id": str(s.world.tower_slots[0])}),
    "chooseAboutSlot": lambda s: Call(
        "POST", "/v1/bookings/{booking_id}/slot-change", {"booking_id": s.moved["id"]}, body={"choice": "keep"}
    ),
    "updateSlot": lambda s: Call(
        "PATCH", "/v1/slots/{slot_id}", {"slot_id": s.confirmed["slot"]["id"]},
        body={"delay": {"estimated_starts_at": _later(s, 25), "note": "Waiting for the connecting train"}},
    ),
    "getSlotSeats": lambda s: Call("GET", "/v1/slots/{slot_id}/seats", {"slot_id": str(s.world.flight_slots[0])}),
    "getSeatLayout": lambda s: Call("GET", "/v1/seat-layouts/{layout}", {"layout": str(s.world.layout_id)}),
    # orders and bookings
    "createOrder": lambda s: Call(
        "POST", "/v1/orders",
        body={"bookings": [party(s.world, "adult", slot=slot, option="flex") for slot in s.world.flight_slots[2:4]]},
    ),
    "createBooking": lambda s: Call("POST", "/v1/bookings", body={**_booking(s), "confirm": True, **PAID_LATER}),
    "listBookings": lambda s: Call("GET", "/v1/bookings", query={"status": "confirmed", "limit": "2"}),
    "exportBookings": lambda s: Call("GET", "/v1/bookings/export", query={"status": "cancelled"}),
    "labelOrder": lambda s: Call(
        "PATCH", "/v1/orders/{order_id}", {"order_id": s.held["order_id"]},
        body={"external_reference": "PNR-4711", "metadata": {"agency": "4711"}},
    ),
    "getOrder": lambda s: Call("GET", "/v1/orders/{order_id}", _held_order(s)),
    "getBooking": lambda s: Call("GET", "/v1/bookings/{booking_id}", _confirmed(s)),
    "editBooking": lambda s: Call(
        "PATCH", "/v1/bookings/{booking_id}", _held_booking(s),
        body={"contact": CONTACT, "items": [{"id": s.held["items"][0]["id"], "name": "Ada Lovelace", "seat": "2A"}]},
    ),
    "confirmOrder": lambda s: Call("POST", "/v1/orders/{order_id}/confirm", _held_order(s), body=PAID_LATER),
    "confirmBooking": lambda s: Call("POST", "/v1/bookings/{booking_id}/confirm", _held_booking(s), body=PAID_LATER),
    "extendOrder": lambda s: Call("POST", "/v1/orders/{order_id}/extend", _held_order(s)),
    "extendBooking": lambda s: Call("POST", "/v1/bookings/{booking_id}/extend", _held_booking(s)),
    "cancelOrder": lambda s: Call("POST", "/v1/orders/{order_id}/cancel", _held_order(s), body={"reason": "Plans changed"}),
    "cancelBooking": lambda s: Call(
        "POST", "/v1/bookings/{booking_id}/cancel", {"booking_id": s.unused["id"]},
        body={"reason": "Ill", "expected_refund": s.unused["cancellation"]["refund"]},
    ),
    "settleBooking": lambda s: Call(
        "POST", "/v1/bookings/{booking_id}/payments", _confirmed(s),
        body={"method": "cash", "amount": s.confirmed["price"]["due_on_site"]},
    ),
    "listMyBookings": lambda s: Call("GET", "/v1/me/bookings", query={"status": "confirmed", "limit": "1"}),
    "syncChanges": lambda s: Call("GET", "/v1/sync", query={"limit": "1"}),
    "createResumeCode": lambda s: Call("POST", "/v1/bookings/{booking_id}/resume-code", _held_booking(s)),
    "getResumeCodeSvg": lambda s: Call("GET", "/v1/resume-codes/qr.svg", query={"s": _sealed_code(s)}),
    "getResumeCodePng": lambda s: Call("GET", "/v1/resume-codes/qr.png", query={"s": _sealed_code(s)}),
    "listMyOrders": lambda s: Call("GET", "/v1/me/orders", query={"limit": "1"}),
    "claimBookings": lambda s: Claiming("POST", "/v1/me/claim", body={"code": "7K4QM-2X9VB"}, world=s.world),
    "listMyClaims": lambda s: Call("GET", "/v1/me/claims"),
    "undoClaim": lambda s: Call("DELETE", "/v1/me/claims/{order_id}", _held_order(s)),
    "getMe": lambda s: Call("GET", "/v1/me"),
    "editMe": lambda s: Call("PATCH", "/v1/me", body={"contact": {"name": "Ada Lovelace"}, "language": "de"}),
    # A stream ends by itself only where nothing can change any more.
    "streamBooking": lambda s: Call("GET", "/v1/bookings/{booking_id}/stream", {"booking_id": s.cancelled["id"]}),
    "receivePaymentWebhook": _webhook,
    "listRefunds": lambda s: Call("GET", "/v1/refunds", query={"limit": "1"}),
    "getRefund": lambda s: Call("GET", "/v1/refunds/{refund_id}", {"refund_id": s.by_hand}),
    "retryRefund": lambda s: Call("POST", "/v1/refunds/{refund_id}/retry", {"refund_id": s.refunding}),
    "settleRefund": lambda s: Call("POST", "/v1/refunds/{refund_id}/settle", {"refund_id": s.by_hand}, body={"method": "cash"}),
    # passes and gate
    "getPassSvg": lambda s: Call("GET", "/v1/passes/{pass_id}/qr.svg", _pass(s)),
    "getPassPng": lambda s: Call("GET", "/v1/passes/{pass_id}/qr.png", _pass(s)),
    "listPublicKeys": lambda s: Call("GET", "/.well-known/jwks.json"),
    "scanPass": _scan,
    "undoScan": lambda s: Call("POST", "/v1/scans/{nonce}/undo", {"nonce": s.nonce}),
    "lookUpBookings": lambda s: Call("GET", "/v1/gate/lookup", query={"reference": s.confirmed["reference"]}),
    "listGateSlots": lambda s: Call("GET", "/v1/gate/slots", query={"gate": "North", "at": _visit_start(s), "limit": "2"}),
    # feedback
    "giveFeedback": lambda s: Call(
        "POST", "/v1/feedback", body={"step": "search", "kind": "csat", "score": 4, "text": "Found it at once."}
    ),
    "editFeedback": lambda s: Call(
        "PATCH", "/v1/feedback/{feedback_id}", {"feedback_id": s.feedback["id"]}, body={"score": 4, "text": "Three taps, in fact."}
    ),
    "getDuePrompt": lambda s: Call("GET", "/v1/feedback/prompt", query={"step": "confirmed"}),
    "listFeedback": lambda s: Call("GET", "/v1/feedback", query={"limit": "2"}),
    "summariseFeedback": lambda s: Call("GET", "/v1/feedback/summary", query={"by": "step"}),
    "listPrompts": lambda s: Call("GET", "/v1/feedback/prompts"),
    "addPrompt": lambda s: Call(
        "POST", "/v1/feedback/prompts",
        body={"step": "visit", "kind": "nps", "question": {"en": "Would you recommend us?"}, "share_percent": 25, "pause_days": 90},
    ),
    "editPrompt": lambda s: Call(
        "PATCH", "/v1/feedback/prompts/{prompt_id}", {"prompt_id": s.prompt["id"]}, body={"share_percent": 50}
    ),
    "deletePrompt": lambda s: Call("DELETE", "/v1/feedback/prompts/{prompt_id}", {"prompt_id": s.prompt["id"]}),
    # webhooks
    "createWebhook": lambda s: Call(
        "POST", "/v1/webhooks",
        body={"url": "https://hooks.example.org/booking", "events": ["booking.confirmed", "booking.cancelled"], "description": "Back office"},
    ),
    "listWebhooks": lambda s: Call("GET", "/v1/webhooks", query={"limit": "2"}),
    "getWebhook": lambda s: Call("GET", "/v1/webhooks/{webhook_id}", {"webhook_id": s.webhook["id"]}),
    "editWebhook": lambda s: Call(
        "PATCH", "/v1/webhooks/{webhook_id}", {"webhook_id": s.webhook["id"]}, body={"events": ["booking.confirmed"]}
    ),
    "deleteWebhook": lambda s: Call("DELETE", "/v1/webhooks/{webhook_id}", {"webhook_id": s.webhook["id"]}),
    "changeWebhookSecret": lambda s: Call(
        "POST", "/v1/webhooks/{webhook_id}/secret", {"webhook_id": s.webhook["id"]}, body={"previous_valid_seconds": 3600}
    ),
    "testWebhook": lambda s: Call("POST", "/v1/webhooks/{webhook_id}/test", {"webhook_id": s.webhook["id"]}),
    "listWebhookDeliveries": lambda s: Call(
        "GET", "/v1/webhooks/{webhook_id}/deliveries", {"webhook_id": s.webhook["id"]}, query={"limit": "2"}
    ),
    "replayWebhookDelivery": lambda s: Call(
        "POST", "/v1/webhooks/{webhook_id}/deliveries/{event_id}/replay",
        {"webhook_id": s.webhook["id"], "event_id": s.delivery_id},
    ),
    "replayWebhook": lambda s: Call(
        "POST", "/v1/webhooks/{webhook_id}/replay", {"webhook_id": s.webhook["id"]},
        body={"from": (utc_now() - timedelta(days=1)).isoformat()},
    ),
    # tokens, staff, keys
    "createTokens": lambda s: Call("POST", "/v1/tokens", body={"grant": "refresh", "refresh_token": s.refresh_token}),
    "recoverTokens": lambda s: Call(
        "POST", "/v1/tokens/recover", body={"reference": s.confirmed["reference"], "email": CONTACT["email"]}
    ),
    "requestSignIn": lambda s: Call("POST", "/v1/tokens/sign-in", body={"email": s.member["email"]}),
    "requestContactCode": lambda s: Call("POST", "/v1/me/contact-code", body={"email": CONTACT["email"]}),
    "listSessions": lambda s: Call("GET", "/v1/sessions", query={"limit": "2"}),
    "endSession": lambda s: Call("DELETE", "/v1/sessions/{session_id}", {"session_id": s.session_id}),
    "revokeTokens": lambda s: Call("DELETE", "/v1/tokens"),
    "createStaff": lambda s: Call(
        "POST", "/v1/staff", body={"name": "Edsger Dijkstra", "email": f"{new_id().hex}@example.org", "role": "agent"}
    ),
    "listStaff": lambda s: Call("GET", "/v1/staff", query={"limit": "2"}),
    "updateStaff": lambda s: Call("PATCH", "/v1/staff/{staff_id}", {"staff_id": s.member["id"]}, body={"role": "manager"}),
    "revokeStaff": lambda s: Call("DELETE", "/v1/staff/{staff_id}", {"staff_id": s.member["id"]}),
    "createKey": lambda s: Call(
        "POST", "/v1/keys", body={"kind": "publishable", "name": "iPhone app", "channel": "ios"}
    ),
    "listKeys": lambda s: Call("GET", "/v1/keys", query={"limit": "2"}),
    "updateKey": lambda s: Call(
        "PATCH", "/v1/keys/{key_id}", {"key_id": s.key_id}, body={"name": "Reports", "rate_limit_per_minute": 600}
    ),
    "revokeKey": lambda s: Call("DELETE", "/v1/keys/{key_id}", {"key_id": s.key_id}),
    "getOrganisation": lambda s: Call("GET", "/v1/organisation"),
    "updateOrganisation": lambda s: Call("PATCH", "/v1/organisation", body={"retention_days": 30}),
    "exportPerson": lambda s: Call("POST", "/v1/persons/export", body={"email": CONTACT["email"]}),
    "erasePerson": lambda s: Call("POST", "/v1/persons/erase", body={"customer_id": "019aa5c8-5d60-7000-8000-000000000001"}),
    "listAudit": lambda s: Call("GET", "/v1/audit", query={"action": "key.created", "limit": "2"}),
    # operations
    "getHealth": lambda s: Call("GET", "/healthz"),
    "getReadiness": lambda s: Call("GET", "/readyz"),
    "getMetrics": lambda s: Call("GET", "/metrics"),
    "getIndex": lambda s: Call("GET", "/"),
    "getOpenapi": lambda s: Call("GET", "/openapi.json"),
    "getDocs": lambda s: Call("GET", "/docs"),
    "listProblems": lambda s: Call("GET", "/problems"),
    "getProblem": lambda s: Call("GET", "/problems/{code}", {"code": "sold_out"}),
}  # fmt: skip
"""Operation → a request for it that succeeds, at least for the first caller who may."""
