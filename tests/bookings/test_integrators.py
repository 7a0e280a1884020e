"""What integrators read of everybody's bookings, and note of them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from booking_api.bookings import integrator_routes
from booking_api.bookings.operations.listing import harmless
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, visit
from tests.world import build_world

LABELS = {"external_reference": "PNR-1", "metadata": {"agency": "4711", "note": "=1+1"}}


async def listed(api, headers, **query):
    answer = await api.get("/v1/bookings", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(found):
    return [booking["id"] for booking in found["items"]]


@pytest.fixture
async def three(api, world):
    """Two held under one key's labels or none, one confirmed."""
    labelled = await hold(api, world.key, {**visit(world, "adult"), **LABELS})
    plain = await hold(api, world.app, visit(world, "adult"))
    other = await hold(api, world.app, party(world, "adult", option="flex"))
    await confirm(api, owner_of(plain), plain)
    return labelled, plain, other


async def test_labels_are_for_keys_and_staff(api, world, three):
    labelled, plain, _ = three
    assert {name: labelled[name] for name in LABELS} == LABELS
    path = f"/v1/bookings/{labelled['id']}"
    for headers in (world.key, world.agent):
        assert {name: (await api.get(path, headers=headers)).json().get(name) for name in LABELS} == LABELS
    for given in ({"external_reference": "x"}, {"metadata": {"a": "b"}}):
        refused = await api.post("/v1/bookings", json={**visit(world, "adult"), **given}, headers=world.app)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(given))}")
        refused = await api.patch(f"/v1/bookings/{plain['id']}", json=given, headers=owner_of(plain))
        assert refused.status_code == 422
    wish = {"bookings": [visit(world, "adult"), {**visit(world, "adult"), "metadata": {"a": "b"}}]}
    refused = await api.post("/v1/orders", json=wish, headers=world.app)
    assert refused.json()["errors"][0]["pointer"] == "/bookings/1/metadata"
    wish["external_reference"] = "ORDER-1"
    order = (await api.post("/v1/orders", json=wish, headers=world.key)).json()
    assert order["external_reference"] == "ORDER-1"
    assert [booking.get("metadata") for booking in order["bookings"]] == [None, {"a": "b"}]


async def test_a_customer_sees_no_labels(api, world, three):
    _, plain, _ = three
    await api.patch(f"/v1/bookings/{plain['id']}", json=LABELS, headers=world.key)
    await api.patch(f"/v1/orders/{plain['order_id']}", json=LABELS, headers=world.key)
    for path in (f"/v1/bookings/{plain['id']}", f"/v1/orders/{plain['order_id']}", "/v1/me/bookings", "/v1/sync"):
        answer = await api.get(path, headers=owner_of(plain))
        assert answer.status_code == 200
        assert "PNR-1" not in answer.text
        assert "4711" not in answer.text


async def test_labels_are_changed_whatever_the_state(api, world, three):
    labelled, _, _ = three
    path = f"/v1/bookings/{labelled['id']}"
    before = (await api.post(f"{path}/cancel", headers=world.key)).json()
    changed = await api.patch(path, json={"external_reference": None, "metadata": {"b": "c"}}, headers=world.key)
    assert changed.status_code == 200, changed.text
    assert changed.json()["version"] == before["version"] + 1
    assert changed.json()["metadata"] == {"b": "c"}
    assert "external_reference" not in changed.json()
    again = await api.patch(path, json={"metadata": {"b": "c"}}, headers={**world.key, "If-Match": '"1"'})
    assert again.json()["version"] == changed.json()["version"]
    stale = await api.patch(path, json={"metadata": None}, headers={**world.key, "If-Match": '"1"'})
    assert stale.status_code == 412
    order = f"/v1/orders/{labelled['order_id']}"
    answer = await api.patch(order, json={"external_reference": "O-1"}, headers=world.key)
    assert answer.json()["external_reference"] == "O-1"
    assert (await api.get(order, headers=world.key)).headers["etag"] == answer.headers["etag"]
    stale = await api.patch(order, json={"external_reference": "O-2"}, headers={**world.key, "If-Match": '"1"'})
    assert stale.status_code == 412


@pytest.mark.parametrize(
    "labels",
    [
        {"external_reference": ""},
        {"external_reference": "x" * 101},
        {"metadata": {f"k{n}": "v" for n in range(21)}},
        {"metadata": {"a b": "v"}},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {"k": "v" * 201}},
        {"metadata": {"k": 1}},
        {"metadata": {"k": "\x00"}},
    ],
)
async def test_what_is_no_label(api, world, labels):
    refused = await api.post("/v1/bookings", json={**visit(world, "adult"), **labels}, headers=world.key)
    assert refused.status_code == 400, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{next(iter(labels))}") or "NUL" in refused.text


async def test_the_list_is_filtered(api, world, three):
    labelled, plain, other = three
    key = world.key
    everything = ids(await listed(api, key))
    assert everything == [labelled["id"], plain["id"], other["id"]]
    assert ids(await listed(api, key, status="confirmed")) == [plain["id"]]
    assert ids(await listed(api, key, reference=other["reference"])) == [other["id"]]
    assert ids(await listed(api, key, reference=f" {other['reference'].lower()} ")) == [other["id"]]
    assert ids(await listed(api, key, external_reference="PNR-1")) == [labelled["id"]]
    assert ids(await listed(api, key, metadata="agency:4711")) == [labelled["id"]]
    assert ids(await listed(api, key, metadata="agency:47")) == []
    assert ids(await listed(api, key, slot_id=labelled["slot"]["id"])) == [labelled["id"], plain["id"]]
    assert ids(await listed(api, key, product_id=other["product"]["id"])) == [other["id"]]
    assert ids(await listed(api, key, changed_since=plain["updated_at"], status="on_hold")) == [other["id"]]
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert ids(await listed(api, key, changed_since=later)) == []
    assert ids(await listed(api, key, reference=other["reference"], status="cancelled")) == []
    assert ids(await listed(api, world.agent)) == everything
    for query in (
        {"metadata": "agency"},
        {"changed_since": "yesterday"},
        {"limit": 201},
        {"cursor": "x"},
        {"colour": "red"},
    ):
        assert (await api.get("/v1/bookings", params=query, headers=key)).status_code == 400


async def test_what_is_made_while_paging_comes_at_the_end(api, world, three):
    first = await listed(api, world.key, limit=2)
    newest = await hold(api, world.app, visit(world, "adult"))
    second = await listed(api, world.key, limit=2, cursor=first["next_cursor"])
    assert ids(first) + ids(second) == [*(booking["id"] for booking in three), newest["id"]]
    assert "next_cursor" not in second


async def test_another_organisation_reads_nothing_of_it(api, world, three, runtime):
    other = await build_world(runtime)
    assert (await listed(api, other.key))["items"] == []
    assert (await api.get("/v1/bookings/export", headers=other.key)).content == b""
    path = f"/v1/orders/{three[0]['order_id']}"
    assert (await api.patch(path, json={"external_reference": "x"}, headers=other.key)).status_code == 404


async def test_an_export_goes_on_where_it_broke_off(api, world, three, monkeypatch):
    monkeypatch.setattr(integrator_routes, "PAGE", 2)
    lines = (await api.get("/v1/bookings/export", headers=world.key)).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [booking["id"] for booking in three]
    rest = await api.get("/v1/bookings/export", params={"after": three[0]["id"]}, headers=world.manager)
    assert [json.loads(line)["id"] for line in rest.text.splitlines()] == [booking["id"] for booking in three[1:]]
    assert rest.headers["content-type"].startswith("application/jsonl")
    noted = (await api.get("/v1/audit", params={"action": "data.exported"}, headers=world.owner)).json()["items"]
    assert [entry["reason_code"] for entry in noted] == ["bookings", "bookings"]
    nobody = await api.get(
        "/v1/bookings/export", params={"after": str(uuid4()), "status": "rejected"}, headers=world.key
    )
    assert (nobody.status_code, nobody.content) == (200, b"")
    assert (await api.get("/v1/bookings/export", headers=world.agent)).status_code == 403


async def test_an_export_for_spreadsheets_carries_nothing_out(api, world, three):
    named = {**CONTACT, "name": '=HYPERLINK("https://evil.example","click")', "phone": "+49 30 901820"}
    path = f"/v1/bookings/{three[0]['id']}"
    edited = await api.patch(path, json={"contact": named, "external_reference": "@SUM(1)"}, headers=world.key)
    assert edited.status_code == 200, edited.text
    answer = await api.get("/v1/bookings/export", params={"format": "csv"}, headers=world.key)
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="bookings.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [booking["id"] for booking in three]
    assert rows[0]["contact_name"] == f"'{named['name']}"
    assert rows[0]["contact_phone"].startswith("'+49")
    assert rows[0]["external_reference"] == "'@SUM(1)"
    assert json.loads(rows[0]["metadata"]) == LABELS["metadata"]
    assert rows[1]["status"] == "confirmed"
    assert int(rows[1]["total"]) == three[1]["price"]["total"]["amount"]


def test_what_a_spreadsheet_would_carry_out_begins_with_an_apostrophe():
    for cell in ("=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1"):
        assert harmless(cell) == f"'{cell}"
    assert [harmless(cell) for cell in (None, "", "a=1", 5, "'x")] == ["", "", "a=1", "5", "'x"]


async def synced(api, headers, since=None, limit=2):
    """All that there is from a position on, and the position after it."""
    found = []
    while True:
        query = {"limit": limit} | ({"since": since} if since else {})
        answer = await api.get("/v1/sync", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        since = page["next_since"]
        if not page["has_more"]:
            return found, since


async def test_keys_sync_everybodys_bookings(api, world, three):
    first, since = await synced(api, world.key)
    assert [item["id"] for item in first[:3]] == [booking["id"] for booking in three]
    state = {item["id"]: item["data"] for item in first}
    assert state[three[0]["id"]]["external_reference"] == "PNR-1"
    newest = await hold(api, world.app, visit(world, "adult"))
    await api.post(f"/v1/bookings/{three[1]['id']}/cancel", headers=world.key)
    changes, since = await synced(api, world.key, since)
    state |= {item["id"]: item["data"] for item in changes}
    assert state[three[1]["id"]]["status"] == "cancelled"
    assert state[newest["id"]]["status"] == "on_hold"
    await api.patch(f"/v1/bookings/{newest['id']}", json={"metadata": {"a": "b"}}, headers=world.agent)
    changes, since = await synced(api, world.agent, since)
    assert {item["id"]: item["data"] for item in changes}[newest["id"]]["metadata"] == {"a": "b"}


async def test_what_changes_behind_the_first_pass_comes_after_it(api, world, three):
    page = (await api.get("/v1/sync", params={"limit": 1}, headers=world.key)).json()
    assert page["has_more"]
    assert page["items"][0]["data"]["status"] == "on_hold"
    await api.post(f"/v1/bookings/{three[0]['id']}/cancel", headers=world.key)
    rest, since = await synced(api, world.key, page["next_since"], limit=1)
    later, _ = await synced(api, world.key, since)
    told = {item["id"]: item["data"]["status"] for item in [*rest, *later]}
    assert told[three[0]["id"]] == "cancelled"
    assert {*told} == {booking["id"] for booking in three}


async def test_what_was_deleted_is_told_to_keys(api, world, three):
    _, since = await synced(api, world.key)
    gone = three[2]["id"]
    async with world.runtime.pool.acquire() as db:
        now = datetime.now(UTC)
        await db.execute("delete from item where booking_id = $1", gone)
        customer_id = await db.fetchval("delete from booking where id = $1 returning customer_id", gone)
        sql = "insert into tombstone (org_id, customer_id, type, id, deleted_at) values ($1, $2, 'booking', $3, $4)"
        await db.execute(sql, world.org.org_id, customer_id, gone, now)
        # Another one only left its customer.
        await db.execute(sql, world.org.org_id, customer_id, three[0]["id"], now)
    changes, _ = await synced(api, world.key, since)
    assert {item["id"] for item in changes if item.get("deleted")} == {gone}


async def test_a_customers_position_is_nothing_to_a_key(api, world, three):
    _, theirs = await synced(api, owner_of(three[1]))
    assert (await api.get("/v1/sync", params={"since": theirs}, headers=world.key)).status_code == 410
    _, ours = await synced(api, world.key)
    assert (await api.get("/v1/sync", params={"since": ours}, headers=owner_of(three[1]))).status_code == 410
    page = (await api.get("/v1/sync", params={"limit": 1}, headers=world.key)).json()
    for since in (page["next_since"], "x", "WzFd"):
        assert (await api.get("/v1/sync", params={"since": since}, headers=owner_of(three[1]))).status_code in {
            400,
            410,
        }
