"""Who may do what: every operation against every kind of caller, and against another organisation's."""

from typing import NamedTuple

import httpx
import pytest

from booking_api.capabilities import all_routes
from booking_api.core.web.http import Access
from booking_api.identity.rules import OWNERS_ALONE, PUBLISHABLE_MAY, ROLE_MAY
from booking_api.identity.schemas import SCOPES
from booking_api.site.openapi import endpoints_of
from tests.contract.scene import CALLS, Scene


class Row(NamedTuple):
    """Who is admitted: `anybody`, `app`, `customer`, a least role of the staff, a scope of secret keys."""

    admitted: str
    stranger: int | None = None
    """What another customer of the same organisation gets; None: it's theirs to ask."""
    foreign: int | None = None
    """What the other organisation's callers get who are admitted by kind; None: an answer about their own."""


READ_CATALOGUE = "app customer agent catalog:read"
KEEP_CATALOGUE = "manager catalogue:read"
WRITE_CATALOGUE = "manager catalogue:write"
BUY = "app customer agent bookings:write"
SEE = "customer agent bookings:read"
CHANGE = "customer agent bookings:write"

ACCESS: dict[str, Row] = {
    "listPlaces": Row(READ_CATALOGUE),
    "listProducts": Row(READ_CATALOGUE),
    "getPlace": Row(READ_CATALOGUE),
    "getProduct": Row(READ_CATALOGUE, foreign=404),
    "putPlace": Row(WRITE_CATALOGUE),
    "putProduct": Row(WRITE_CATALOGUE, foreign=404),
    "putSeatLayout": Row(WRITE_CATALOGUE),
    "offerSlots": Row(WRITE_CATALOGUE),
    "downloadCatalogue": Row(KEEP_CATALOGUE),
    "downloadSlots": Row(KEEP_CATALOGUE),
    "listPlaceDocuments": Row(KEEP_CATALOGUE),
    "getPlaceDocument": Row(KEEP_CATALOGUE, foreign=404),
    "listProductDocuments": Row(KEEP_CATALOGUE),
    "getProductDocument": Row(KEEP_CATALOGUE, foreign=404),
    "listSeatLayoutDocuments": Row(KEEP_CATALOGUE),
    "getSeatLayoutDocument": Row(KEEP_CATALOGUE, foreign=404),
    "discover": Row(READ_CATALOGUE),
    "searchAvailability": Row(READ_CATALOGUE),
    "getCalendar": Row(READ_CATALOGUE, foreign=422),
    "getSlot": Row(READ_CATALOGUE, foreign=404),
    "chooseAboutSlot": Row(CHANGE, stranger=404, foreign=404),
    "updateSlot": Row("agent catalogue:write", foreign=404),
    "getSlotSeats": Row(READ_CATALOGUE, foreign=404),
    "getSeatLayout": Row(READ_CATALOGUE, foreign=404),
    "createOrder": Row(BUY, foreign=422),
    "createBooking": Row(BUY, foreign=422),
    "listBookings": Row("agent bookings:read"),
    "exportBookings": Row("manager bookings:read"),
    "labelOrder": Row("agent bookings:write", foreign=404),
    "getOrder": Row(SEE, stranger=404, foreign=404),
    "getBooking": Row(SEE, stranger=404, foreign=404),
    "editBooking": Row(CHANGE, stranger=404, foreign=404),
    "confirmOrder": Row(CHANGE, stranger=404, foreign=404),
    "confirmBooking": Row(CHANGE, stranger=404, foreign=404),
    "extendOrder": Row(CHANGE, stranger=404, foreign=404),
    "extendBooking": Row(CHANGE, stranger=404, foreign=404),
    "cancelOrder": Row(CHANGE, stranger=404, foreign=404),
    "cancelBooking": Row(CHANGE, stranger=404, foreign=404),
    "settleBooking": Row("agent bookings:write", foreign=404),
    "listMyBookings": Row("customer"),
    "syncChanges": Row("customer agent bookings:read"),
    "createResumeCode": Row("customer agent", stranger=404, foreign=404),
    "getResumeCodeSvg": Row("anybody"),
    "getResumeCodePng": Row("anybody"),
    "listMyOrders": Row("customer"),
    "claimBookings": Row("customer", foreign=422),
    "listMyClaims": Row("customer"),
    "undoClaim": Row("customer", stranger=404, foreign=404),
    "getMe": Row("customer"),
    "editMe": Row("customer"),
    "streamBooking": Row(SEE, stranger=404, foreign=404),
    "receivePaymentWebhook": Row("anybody"),
    "listRefunds": Row("manager bookings:read"),
    "getRefund": Row("manager bookings:read", foreign=404),
    "retryRefund": Row("manager bookings:write", foreign=404),
    "settleRefund": Row("manager bookings:write", foreign=404),
    "getPassSvg": Row(SEE, stranger=404, foreign=404),
    "getPassPng": Row(SEE, stranger=404, foreign=404),
    "listPublicKeys": Row("anybody"),
    "scanPass": Row("agent scan"),
    "undoScan": Row("agent scan", foreign=404),
    "lookUpBookings": Row("agent gate:read"),
    "listGateSlots": Row("agent gate:read"),
    "giveFeedback": Row("app customer feedback:write"),
    "editFeedback": Row("customer", stranger=404, foreign=404),
    "getDuePrompt": Row("customer"),
    "listFeedback": Row("manager feedback:read"),
    "summariseFeedback": Row("manager feedback:read"),
    "listPrompts": Row("manager feedback:write"),
    "addPrompt": Row("manager feedback:write"),
    "editPrompt": Row("manager feedback:write", foreign=404),
    "deletePrompt": Row("manager feedback:write", foreign=404),
    "createWebhook": Row("owner webhooks:write"),
    "listWebhooks": Row("owner webhooks:write"),
    "getWebhook": Row("owner webhooks:write", foreign=404),
    "editWebhook": Row("owner webhooks:write", foreign=404),
    "deleteWebhook": Row("owner webhooks:write", foreign=404),
    "changeWebhookSecret": Row("owner webhooks:write", foreign=404),
    "testWebhook": Row("owner webhooks:write", foreign=404),
    "listWebhookDeliveries": Row("owner webhooks:write", foreign=404),
    "replayWebhookDelivery": Row("owner webhooks:write", foreign=404),
    "replayWebhook": Row("owner webhooks:write", foreign=404),
    "createTokens": Row("app bookings:write", foreign=401),
    "recoverTokens": Row("app bookings:write"),
    "requestSignIn": Row("app bookings:write"),
    "revokeTokens": Row("customer agent"),
    "requestContactCode": Row("customer"),
    "listSessions": Row("customer agent"),
    "endSession": Row("customer agent", stranger=404, foreign=404),
    "createStaff": Row("owner staff:write"),
    "listStaff": Row("owner staff:write"),
    "updateStaff": Row("owner staff:write", foreign=404),
    "revokeStaff": Row("owner staff:write", foreign=404),
    "createKey": Row("owner keys:write"),
    "listKeys": Row("owner keys:write"),
    "updateKey": Row("owner keys:write", foreign=404),
    "revokeKey": Row("owner keys:write", foreign=404),
    "getOrganisation": Row("owner"),
    "updateOrganisation": Row("owner"),
    "exportPerson": Row("owner", foreign=404),
    "erasePerson": Row("owner"),
    "listAudit": Row("owner audit:read"),
    "getHealth": Row("anybody"),
    "getReadiness": Row("anybody"),
    "getMetrics": Row("anybody"),
    "getIndex": Row("anybody"),
    "getOpenapi": Row("anybody"),
    "getDocs": Row("anybody"),
    "listProblems": Row("anybody"),
    "getProblem": Row("anybody"),
}

ROLES = ("agent", "manager", "owner")
OPERATIONS = {endpoint.operation_id: endpoint for endpoint in endpoints_of(all_routes())}
GRANTS = {"createStaff", "updateStaff", "revokeStaff", "createKey", "updateKey", "revokeKey"}
"""Nobody grants, or takes away, what they don't have: here the scope alone isn't enough, which tests/identity looks at."""
SIGNED = {"getPassSvg", "getPassPng"}
"""Their signed URLs need no credential, which tests/passes looks at."""


def test_every_operation_has_a_row_and_a_request():
    assert set(ACCESS) == set(OPERATIONS)
    assert set(CALLS) == set(OPERATIONS)


def test_the_document_says_the_same():
    """The rows are written by hand; what an operation declares, and thereby the document, must agree with them."""
    for name, row in ACCESS.items():
        words = row.admitted.split()
        if words == ["anybody"]:
            assert OPERATIONS[name].access.anonymous, name
            continue
        scopes = [word for word in words if word in SCOPES]
        roles = [word for word in words if word in ROLES]
        expected = Access(
            anonymous=name in SIGNED, app="app" in words, customer="customer" in words,
            staff=roles[0] if roles else None, scope=scopes[0] if scopes else None,
        )  # fmt: skip
        assert OPERATIONS[name].access == expected, name


PART_OF_IT = {("updateSlot", "agent")}
"""Where a role may do only a part of what the scope allows: agents say how late a slot is, and nothing else."""


def test_roles_may_what_their_operations_ask_for():
    """What somebody grants with a role is compared with a key's scopes by the words of `ROLE_MAY`."""
    for name, operation in OPERATIONS.items():
        access = operation.access
        if access.staff is not None and access.scope is not None:
            for role in ROLES[ROLES.index(access.staff) :]:
                assert (access.scope in ROLE_MAY[role]) != ((name, role) in PART_OF_IT), f"{name} as {role}"
        if access.app and access.scope is not None:
            assert access.scope in PUBLISHABLE_MAY, name
        # What staff may and no key does can't be granted by a key: that is so for owners alone.
        if access.staff is not None and access.scope is None and not access.customer:
            assert access.staff == "owner", name
            assert OWNERS_ALONE in ROLE_MAY["owner"]


def admits_role(words: list[str], role: str) -> bool:
    return any(word in ROLES and ROLES.index(word) <= ROLES.index(role) for word in words)


def code_of(answer: httpx.Response) -> str:
    return answer.json().get("code", "") if answer.headers.get("content-type") == "application/problem+json" else ""


@pytest.mark.parametrize("name", sorted(ACCESS))
async def test_access(name: str, api: httpx.AsyncClient, scene: Scene):
    row, make = ACCESS[name], CALLS[name]
    words = row.admitted.split()
    public = words == ["anybody"]
    scopes = [word for word in words if word in SCOPES]
    ours, others = scene.world, scene.other

    async def ask(who: str, headers: dict[str, str]) -> tuple[httpx.Response, str]:
        answer = await make(scene).send(api, headers)
        told = f"{name} as {who}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, told
        return answer, told

    async def scan_for(headers: dict[str, str]) -> None:
        """Everybody may undo their own scans, a manager also those of others."""
        scan = CALLS["scanPass"](scene)
        scene.nonce = scan.body["nonce"]
        await scan.send(api, headers)

    def refused(answer: httpx.Response) -> bool:
        return answer.status_code == 403 and code_of(answer) == "forbidden"

    # Nobody, and nobody known.
    for who, headers in {"nobody": {}, "somebody unknown": {"Authorization": "Bearer sk_test_unknown"}}.items():
        answer, told = await ask(who, headers)
        assert (answer.status_code == 401) != public, told

    # The other organisation first, so that what it asks for is still there.
    foreign = {
        "app": ("app" in words, others.app),
        "customer": ("customer" in words, scene.other_customer),
        "manager": (admits_role(words, "manager"), others.manager),
        "owner": (admits_role(words, "owner"), others.owner),
        "key": (bool(scopes), await scene.key(*SCOPES, world=others)),
    }
    for who, (admitted, headers) in foreign.items():
        answer, told = await ask(f"another organisation's {who}", headers)
        if public or admitted:
            assert not refused(answer), told
            assert answer.status_code == row.foreign if row.foreign else answer.status_code not in {401, 403}, told
        else:
            assert refused(answer), told
        if answer.is_success:
            assert not [id_ for id_ in scene.our_ids if id_ in answer.text], told

    # Our own, the ones who are refused and the other customer first.
    answer, told = await ask("another customer", scene.stranger)
    if public or "customer" in words:
        assert not refused(answer), told
        assert answer.status_code == row.stranger if row.stranger else answer.status_code not in {401, 403}, told
        if row.stranger is None and "agent" not in words and answer.is_success:
            assert not [id_ for id_ in scene.our_ids if id_ in answer.text], told
    else:
        assert refused(answer), told
    own = {
        "a key without the scope": (False, await scene.key(*(scope for scope in SCOPES if scope not in scopes))),
        "app": ("app" in words, ours.app),
        "customer": ("customer" in words, scene.customer),
        "agent": (admits_role(words, "agent"), ours.agent),
        "manager": (admits_role(words, "manager"), ours.manager),
        "owner": (admits_role(words, "owner"), ours.owner),
        "a key with the scope": (bool(scopes), await scene.key(*(SCOPES if name in GRANTS else scopes))),
    }
    succeeded = False
    for who, (admitted, headers) in sorted(own.items(), key=lambda found: found[1][0]):
        if name == "undoScan" and admitted:
            await scan_for(headers)
        answer, told = await ask(who, headers)
        if not (public or admitted):
            assert refused(answer), told
            continue
        assert answer.status_code not in {401, 403}, told
        assert succeeded or answer.is_success, f"the request itself is wrong: {told}"
        succeeded = True
