"""Every write that staff or keys may make says what it leaves in the audit, so that none is forgotten."""

import httpx
import pytest

from booking_api.capabilities import all_routes
from booking_api.site.openapi import endpoints_of
from tests.contract.scene import CALLS, Scene
from tests.contract.test_access import ACCESS, ROLES, SCOPES

AUDITED: dict[str, str] = {
    "updateSlot": "slot.changed",
    "offerSlots": "slots.offered",
    "putPlace": "place.written",
    "putProduct": "product.written",
    "putSeatLayout": "seat_layout.written",
    "cancelOrder": "booking.cancelled",
    "cancelBooking": "booking.cancelled",
    "settleBooking": "booking.settled",
    "createResumeCode": "code.issued",
    "settleRefund": "refund.settled",
    "undoScan": "scan.undone",
    "revokeStaff": "staff.revoked",
    "createWebhook": "webhook.created",
    "editWebhook": "webhook.changed",
    "deleteWebhook": "webhook.deleted",
    "changeWebhookSecret": "webhook.secret_changed",
    "testWebhook": "webhook.tested",
    "replayWebhookDelivery": "webhook.replayed",
    "replayWebhook": "webhook.replayed",
    "createStaff": "staff.created",
    "updateStaff": "staff.role_changed",
    "createKey": "key.created",
    "updateKey": "key.changed",
    "revokeKey": "key.revoked",
    "updateOrganisation": "organisation.changed",
    "exportPerson": "person.exported",
    "erasePerson": "person.erased",
}
"""Operation → the action of its entry, where staff or a key do it."""
NOTHING = {
    "createOrder": "the order itself says through which channel it came",
    "createBooking": "as above",
    "editBooking": "the booking's version; an override of somebody admitted is noted, see tests/bookings",
    "labelOrder": "the order's version; it says nothing of anybody's rights",
    "confirmOrder": "the order itself",
    "confirmBooking": "as above",
    "extendOrder": "the order itself",
    "extendBooking": "as above",
    "chooseAboutSlot": "the booking itself; keeping it gives nothing away",
    "scanPass": "the scan itself; an override is noted, see tests/identity",
    "giveFeedback": "the answer itself",
    "addPrompt": "the prompt itself",
    "editPrompt": "as above",
    "deletePrompt": "as above",
    "createTokens": "a refusal, and who signs in as staff, are noted, see tests/identity",
    "recoverTokens": "nobody has proven anything yet",
    "requestSignIn": "as above",
    "retryRefund": "noted once its provider says for sure that it failed, see tests/bookings",
    "revokeTokens": "everybody may leave",
    "endSession": "ending another's is noted, see tests/identity",
}
"""What leaves no entry of its own, and why."""
METHODS = {endpoint.operation_id: endpoint.method for endpoint in endpoints_of(all_routes())}


def by_staff_or_keys(name: str) -> bool:
    words = set(ACCESS[name].admitted.split())
    return METHODS[name] != "GET" and bool(words & {*ROLES, *SCOPES})


def test_every_write_of_staff_and_keys_is_decided_about():
    assert {name for name in ACCESS if by_staff_or_keys(name)} == {*AUDITED, *NOTHING}
    assert not {*AUDITED} & {*NOTHING}


@pytest.mark.parametrize("name", sorted(AUDITED))
async def test_it_leaves_its_entry(name: str, api: httpx.AsyncClient, scene: Scene):
    world = scene.world
    if name == "erasePerson":
        async with world.runtime.pool.acquire() as db:
            await db.execute("update booking set status = 'cancelled', visit_ends_at = created_at")
        call = CALLS["exportPerson"](scene)
        answer = await api.post("/v1/persons/erase", json=call.body, headers=world.owner)
    else:
        answer = await CALLS[name](scene).send(api, world.owner)
    assert answer.is_success, answer.text
    entries = (await api.get("/v1/audit", params={"action": AUDITED[name]}, headers=world.owner)).json()["items"]
    assert entries, "nothing was noted"
    newest = entries[0]
    assert newest["actor"]["kind"] == "staff"
    assert newest["request_id"] == answer.headers["x-request-id"]
    if name not in {"undoScan", "offerSlots"}:
        assert newest["object"]["id"]
    for word in ("Plans changed", "Ill", "Waiting for the connecting train", "ada@example.org"):
        assert word not in str(entries)
