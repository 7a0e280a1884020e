"""Scans over HTTP: each verdict, twice, at once, by the wrong caller, with rubbish."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from booking_api.passes import rules as pass_rules
from booking_api.passes.schemas import PassClaims
from tests.checkin.gate import book, change, fetch, open_slot, post_scan, reissue, scan, settle
from tests.passes.test_rules import GARBAGE
from tests.world import build_world


async def test_admitted_tells_the_agent_what_they_need(api, world):
    party = await book(world, await open_slot(world), ("adult", "child"), names=("Ada", None))
    answer = await scan(api, world.agent, party.codes[0], gate="north", slot_id=str(party.slot_id), nonce="first-one")
    assert (answer["admit"], answer["verdict"], answer["reason"]) == (True, "admitted", "Admitted.")
    assert answer["nonce"] == "first-one"
    assert answer["item"] == {"id": str(party.items[0]), "unit": "adult", "title": "Adult", "name": "Ada"}
    booking = answer["booking"]
    assert (booking["id"], booking["reference"], booking["status"]) == (
        str(party.booking_id),
        party.reference,
        "confirmed",
    )
    assert (booking["product"], booking["party_size"], booking["checked_in"]) == ("Tower visit", 2, 1)
    assert booking["starts_at"].endswith(("+01:00", "+02:00"))
    assert answer["admitted"] == 1
    assert answer["attention"] == []
    assert "items" not in answer
    assert "previous_scan" not in answer
    (recorded,) = await fetch(world, "select * from scan where org_id = $1")
    assert (recorded["nonce"], recorded["item_id"], recorded["verdict"], recorded["admit"]) == (
        "first-one",
        party.items[0],
        "admitted",
        True,
    )


async def test_reason_in_german(api, world):
    party = await book(world, await open_slot(world, starts=120))
    answer = await scan(api, {**world.agent, "Accept-Language": "de"}, party.codes[0])
    assert answer["verdict"] == "too_early"
    assert answer["reason"].startswith("Zu früh. Einlass ist ab 20")
    assert answer["booking"]["product"] == "Turmbesuch"


async def test_verdicts_in_the_contracts_order(api, world):
    """One item with everything wrong with it, put in order from the top of the list downwards."""
    slot_id = await open_slot(world, starts=120)
    party = await book(world, slot_id, due_on_site=1990)
    await change(world, "update booking set status = 'cancelled' where org_id = $1 and id = $2", party.booking_id)
    old = party.codes[0]
    new = (await reissue(world, party)).code
    other = str(uuid4())
    at = {"gate": "South", "slot_id": other}

    async def verdict(code: str = new) -> dict:
        return await scan(api, world.agent, code, **at)

    assert (await verdict(old[:-6] + "AAAAAA"))["verdict"] == "forged"
    neighbour = await build_world(world.runtime, "Neighbour")
    theirs = await book(neighbour, await open_slot(neighbour))
    assert (await verdict(theirs.codes[0]))["verdict"] == "unknown"
    assert (await verdict(old))["verdict"] == "cancelled"
    await change(world, "update booking set status = 'confirmed' where org_id = $1 and id = $2", party.booking_id)
    await change(world, "update item set status = 'cancelled' where org_id = $1 and id = $2", party.items[0])
    assert (await verdict(old))["verdict"] == "cancelled"
    await change(world, "update item set status = 'active' where org_id = $1 and id = $2", party.items[0])
    await change(world, "update slot set status = 'cancelled' where org_id = $1 and id = $2", slot_id)
    assert (await verdict(old))["verdict"] == "cancelled"
    await change(world, "update slot set status = 'open' where org_id = $1 and id = $2", slot_id)
    assert (await verdict(old))["verdict"] == "revoked"
    unpaid = await verdict()
    assert unpaid["verdict"] == "unpaid"
    assert unpaid["attention"][0] == {
        "code": "amount_due",
        "text": "An amount is due on site.",
        "amount": {"amount": 1990, "currency": "EUR"},
    }
    await settle(world, party, 1989)
    assert (await verdict())["attention"][0]["amount"]["amount"] == 1
    await settle(world, party, 1)
    wrong_gate = await verdict()
    assert (wrong_gate["verdict"], wrong_gate["expected"]["gate"]) == ("wrong_gate", "North")
    assert "North" in wrong_gate["reason"]
    at["gate"] = "North"
    wrong_slot = await verdict()
    assert (wrong_slot["verdict"], wrong_slot["expected"]["slot_id"]) == ("wrong_slot", str(slot_id))
    at["slot_id"] = str(slot_id)
    early = await verdict()
    assert early["verdict"] == "too_early"
    assert early["expected"]["admit_from"] < early["expected"]["starts_at"] < early["expected"]["admit_until"]
    # The slot was moved: the live window counts, not the one inside the pass.
    await change(
        world,
        "update slot set starts_at = $3, ends_at = $3 where org_id = $1 and id = $2",
        slot_id,
        datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert (await verdict())["verdict"] == "expired"
    await change(
        world, "update slot set ends_at = $3 where org_id = $1 and id = $2", slot_id, datetime(2090, 1, 1, tzinfo=UTC)
    )
    assert (await verdict())["verdict"] == "admitted"
    used = await verdict()
    assert (used["verdict"], used["admit"]) == ("already_used", False)
    assert used["previous_scan"]["direction"] == "entry"
    assert used["previous_scan"]["gate"] == "North"
    assert {"item", "booking"} <= set(used)
    count = await fetch(world, "select count(*) from scan where org_id = $1")
    assert count[0][0] == 14


async def test_nothing_is_told_of_what_is_forged_or_unknown(api, world):
    neighbour = await build_world(world.runtime, "Neighbour")
    theirs = await book(neighbour, await open_slot(neighbour))
    for code in ("nonsense", theirs.codes[0]):
        answer = await scan(api, world.agent, code)
        assert set(answer) == {"nonce", "admit", "verdict", "reason", "attention"}
        assert answer["admit"] is False
    held = await book(world, await open_slot(world), status="on_hold")
    answer = await scan(api, world.agent, held.codes[0])
    assert answer["verdict"] == "unknown"
    assert "booking" not in answer
    assert [row["verdict"] for row in await fetch(world, "select verdict from scan where org_id = $1 order by received_at, id")] == [
        "forged", "unknown", "unknown",
    ]  # fmt: skip


async def test_pass_that_was_never_recorded_is_unknown(api, world):
    party = await book(world, await open_slot(world))
    await change(world, "delete from pass where org_id = $1 and item_id = $2", party.items[0])
    assert (await scan(api, world.agent, party.codes[0]))["verdict"] == "unknown"


async def test_revoked_without_a_successor(api, world):
    party = await book(world, await open_slot(world))
    await change(world, "update pass set revoked_at = issued_at where org_id = $1 and item_id = $2", party.items[0])
    assert (await scan(api, world.agent, party.codes[0]))["verdict"] == "revoked"


@pytest.mark.parametrize("position", range(len(GARBAGE)))
async def test_garbage_is_forged_and_recorded(api, world, position):
    assert (await scan(api, world.agent, GARBAGE[position]))["verdict"] == "forged"
    assert (
        len(await fetch(world, "select 1 from scan where org_id = $1 and verdict = 'forged' and item_id is null")) == 1
    )


async def test_forgeries_of_a_real_pass(api, world):
    party = await book(world, await open_slot(world))
    code = party.codes[0]
    head, body, signature = code.split(".")
    kid = jwt.get_unverified_header(code)["kid"]
    mine = Ed25519PrivateKey.generate()
    now = int(datetime.now(UTC).timestamp())
    claims = PassClaims(party.items[0], party.slot_id, now, now - 60, now + 600)
    (key,) = await fetch(world, "select public_key from signing_key where org_id = $1")
    payload = jwt.decode(code, options={"verify_signature": False})
    forgeries = [
        pass_rules.write_code(claims, kid, mine), pass_rules.write_code(claims, "unheard", mine),
        jwt.encode(payload, None, algorithm="none", headers={"kid": kid}),
        jwt.encode(payload, key["public_key"], algorithm="HS256", headers={"kid": kid}),
        jwt.encode(payload, mine, algorithm="EdDSA", headers={"kid": kid, "jwk": {"kty": "OKP"}}),
        f"{head}.{body}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'Q'}", f"{code[:40]} {code[40:]}", code.upper(),
    ]  # fmt: skip
    for forgery in forgeries:
        assert (await scan(api, world.agent, forgery))["verdict"] == "forged", forgery
    assert (await scan(api, world.agent, code))["verdict"] == "admitted"


async def test_twenty_at_once_admit_exactly_one(api, world):
    party = await book(world, await open_slot(world), ("adult", "adult"))
    answers = await asyncio.gather(*(scan(api, world.agent, party.codes[0], gate="North") for _ in range(20)))
    assert sorted(answer["verdict"] for answer in answers) == ["admitted", *["already_used"] * 19]
    assert sum(answer["admit"] for answer in answers) == 1
    (row,) = await fetch(world, "select * from attendance where org_id = $1")
    assert (row["inside"], row["entries"]) == (True, 1)
    assert len(await fetch(world, "select 1 from scan where org_id = $1")) == 20


async def test_overlapping_parties_at_once_never_deadlock(api, world):
    party = await book(world, await open_slot(world), ("adult",) * 6)
    together = [str(item_id) for item_id in party.items]

    def go(number: int):
        order = together[number % 6 :] + together[: number % 6]
        return scan(api, world.agent, party.codes[number % 6], party_item_ids=order if number % 2 else order[::-1])

    answers = await asyncio.gather(*(go(number) for number in range(18)))
    admitted = [item["item_id"] for answer in answers for item in answer["items"] if item["admit"]]
    assert sorted(admitted) == sorted(together)
    assert [row["entries"] for row in await fetch(world, "select entries from attendance where org_id = $1")] == [1] * 6


async def test_same_scan_twice_is_one_scan(api, world):
    party = await book(world, await open_slot(world))
    body = {"gate": "North", "nonce": "twice", "scanned_at": "2026-05-01T12:00:00Z"}
    first = await post_scan(api, world.agent, party.codes[0], **body)
    again = await post_scan(api, world.agent, party.codes[0], **body)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for other in (
        {"code": "x"},
        {"code": party.codes[0], "gate": "South"},
        {"code": party.codes[0], "gate": "North", "direction": "exit"},
    ):
        refused = await post_scan(api, world.key, nonce="twice", **other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")
    assert len(await fetch(world, "select 1 from scan where org_id = $1")) == 1
    neighbour = await build_world(world.runtime, "Neighbour")
    theirs = await book(neighbour, await open_slot(neighbour))
    assert (await scan(api, neighbour.agent, theirs.codes[0], nonce="twice"))["verdict"] == "admitted"


async def test_same_scan_many_times_at_once_is_one_scan(api, world):
    party = await book(world, await open_slot(world))
    answers = await asyncio.gather(*(post_scan(api, world.agent, party.codes[0], nonce="at-once") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["verdict"] == "admitted"
    assert len(await fetch(world, "select 1 from scan_outcome where org_id = $1")) == 1


async def test_one_nonce_for_two_bookings_at_once_admits_one(api, world):
    slot_id = await open_slot(world)
    parties = [await book(world, slot_id) for _ in range(2)]
    answers = await asyncio.gather(*(post_scan(api, world.agent, party.codes[0], nonce="shared") for party in parties))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    assert len(await fetch(world, "select 1 from attendance where org_id = $1")) == 1


async def test_entry_exit_and_reentry(api, world):
    party = await book(world, await open_slot(world))
    code = party.codes[0]
    early = await scan(api, world.agent, code, direction="exit")
    assert (early["verdict"], early["admit"]) == ("exited", True)
    assert [notice["code"] for notice in early["attention"]] == ["entry_unknown"]
    assert (await scan(api, world.agent, code))["verdict"] == "admitted"
    out = await scan(api, world.agent, code, direction="exit", gate="South")
    assert (out["verdict"], out["admit"], out["attention"]) == ("exited", True, [])
    again = await scan(api, world.agent, code, direction="exit", gate="South")
    assert (again["verdict"], [notice["code"] for notice in again["attention"]]) == ("exited", ["entry_unknown"])
    back = await scan(api, world.agent, code)
    assert back["verdict"] == "admitted"
    assert [notice["code"] for notice in back["attention"]] == ["reentry"]
    assert (back["previous_scan"]["direction"], back["previous_scan"]["gate"]) == ("exit", "South")
    assert (back["admitted"], back["booking"]["checked_in"]) == (1, 1)


async def test_no_reentry_where_the_option_forbids_it(api, world):
    slot_id = await open_slot(world, world.flight, starts=30, gate="B7")
    party = await book(world, slot_id, product=world.flight, names=("Ada",))
    for direction, verdict in (("entry", "admitted"), ("exit", "exited"), ("entry", "already_used")):
        assert (await scan(api, world.agent, party.codes[0], direction=direction))["verdict"] == verdict


async def test_whoever_is_late_may_still_leave(api, world):
    slot_id = await open_slot(world)
    party = await book(world, slot_id)
    assert (await scan(api, world.agent, party.codes[0]))["admit"]
    await change(
        world,
        "update slot set starts_at = $3, ends_at = $3 where org_id = $1 and id = $2",
        slot_id,
        datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert (await scan(api, world.agent, party.codes[0]))["verdict"] == "expired"
    assert (await scan(api, world.agent, party.codes[0], direction="exit", gate="Elsewhere"))["verdict"] == "exited"


async def test_party_goes_through_with_one_pass(api, world):
    slot_id = await open_slot(world, world.flight, starts=30, gate="B7")
    party = await book(world, slot_id, ("adult", "child", "infant", "adult"), product=world.flight, names=("Ada", "Bo"))
    other = await book(world, slot_id, product=world.flight)
    await change(world, "update item set status = 'cancelled' where org_id = $1 and id = $2", party.items[3])
    ids = [str(item_id) for item_id in (*party.items[1:], party.items[0], party.items[1], other.items[0], uuid4())]
    answer = await scan(api, world.agent, party.codes[0], party_item_ids=ids)
    verdicts = [(item["item_id"], item["verdict"]) for item in answer["items"]]
    assert verdicts == [
        (str(party.items[0]), "admitted"), (str(party.items[1]), "admitted"), (str(party.items[2]), "admitted"),
        (str(party.items[3]), "cancelled"), (str(other.items[0]), "unknown"), (ids[-1], "unknown"),
    ]  # fmt: skip
    notices = [[notice["code"] for notice in item["attention"]] for item in answer["items"]]
    assert notices[:3] == [[], ["minor", "companion"], ["minor", "companion", "name_missing"]]
    assert (answer["booking"]["party_size"], answer["booking"]["checked_in"], answer["admitted"]) == (3, 3, 3)
    assert "item" not in answer["items"][4]
    recorded = await fetch(world, "select item_id, verdict from scan_outcome where org_id = $1")
    assert {(row["item_id"], row["verdict"]) for row in recorded} == {
        (party.items[0], "admitted"), (party.items[1], "admitted"), (party.items[2], "admitted"), (party.items[3], "cancelled"),
    }  # fmt: skip
    # The presented one is in already; the others of the family still come in with this pass.
    late = await book(world, slot_id, ("adult", "adult"), product=world.flight)
    assert (await scan(api, world.agent, late.codes[0]))["admit"]
    answer = await scan(api, world.agent, late.codes[0], party_item_ids=[str(late.items[1])])
    assert (answer["admit"], [item["admit"] for item in answer["items"]]) == (False, [False, True])


async def test_worthless_pass_admits_nobody_of_the_party(api, world):
    party = await book(world, await open_slot(world), ("adult", "adult"))
    await reissue(world, party)
    answer = await scan(
        api, world.manager, party.codes[0], party_item_ids=[str(party.items[1])], override={"reason": "please"}
    )
    assert [item["verdict"] for item in answer["items"]] == ["revoked", "revoked"]
    answer = await scan(
        api, world.manager, "forged", party_item_ids=[str(party.items[1])], override={"reason": "please"}
    )
    assert [(item["item_id"], item["verdict"]) for item in answer["items"]] == [(str(party.items[1]), "forged")]
    assert await fetch(world, "select 1 from attendance where org_id = $1") == []


async def test_who_may_scan(api, world):
    party = await book(world, await open_slot(world))
    for headers, status in (
        ({}, 401),
        (world.app, 403),
        (world.customer(party.customer_id), 403),
        (world.owner, 200),
        (world.key, 200),
    ):
        assert (await post_scan(api, headers, party.codes[0])).status_code == status


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/nonce"), ({"nonce": "n"}, "/code"), ({"nonce": "n", "code": "x", "item_id": str(uuid4())}, "/code"),
        ({"nonce": "", "code": "x"}, "/nonce"), ({"nonce": "a b", "code": "x"}, "/nonce"), ({"nonce": "n" * 129, "code": "x"}, "/nonce"),
        ({"nonce": "n", "code": 7}, "/code"), ({"nonce": "n", "code": "x", "direction": "up"}, "/direction"),
        ({"nonce": "n", "code": "x", "slot_id": "x"}, "/slot_id"), ({"nonce": "n", "code": "x", "gate": ""}, "/gate"),
        ({"nonce": "n", "code": "x", "scanned_at": "2026-05-01T12:00:00"}, "/scanned_at"),
        ({"nonce": "n", "code": "x", "scanned_at": "0001-01-01T00:00:00+14:00"}, "/scanned_at"),
        ({"nonce": "n", "code": "x", "scanned_at": "9999-12-31T23:59:59-14:00"}, "/scanned_at"),
        ({"nonce": "n", "code": "x", "party_item_ids": ["x"]}, "/party_item_ids/0"),
        ({"nonce": "n", "code": "x", "party_item_ids": [str(uuid4())] * 21}, "/party_item_ids"),
        ({"nonce": "n", "code": "x", "override": {}}, "/override/reason"), ({"nonce": "n", "code": "x", "override": {"reason": ""}}, "/override/reason"),
        ({"nonce": "n", "code": "x", "extra": 1}, "/extra"), ({"nonce": "n", "code": "x\x00"}, ""),
    ],
)  # fmt: skip
async def test_bad_requests_name_the_field(api, world, body, pointer):
    answer = await api.post("/v1/scans", json=body, headers=world.owner)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid")
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert await fetch(world, "select 1 from scan where org_id = $1") == []


async def test_idempotency_key_replays_too(api, world):
    party = await book(world, await open_slot(world))
    headers = {**world.agent, "Idempotency-Key": uuid4().hex}
    body = {"code": party.codes[0], "nonce": "keyed"}
    first, again = [await api.post("/v1/scans", json=body, headers=headers) for _ in range(2)]
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "\r\n"), ("\ufeff", ""), ("]Q3", "\r"), ("]Q1", ""), (" \t", "\t "), ("\x02", "\x03\x04"), ("ï»¿]Q3", "\n\n"), ("", "\u00a0"), ("\ufeff]d2", "\x1d")],
)  # fmt: skip
async def test_what_a_scanner_adds_is_no_forgery(api, world, before, after):
    party = await book(world, await open_slot(world))
    nonce = uuid4().hex
    first = await scan(api, world.agent, before + party.codes[0] + after, nonce=nonce)
    assert first["verdict"] == "admitted"
    # The same code without it is the same scan.
    assert await scan(api, world.agent, party.codes[0], nonce=nonce) == first


async def test_what_stands_within_a_code_is_one(api, world):
    party = await book(world, await open_slot(world))
    code = party.codes[0]
    head, body, signature = code.split(".")
    for forged in (
        f"{head}.{body}\r\n.{signature}",
        f"]Q9x{code}",
        f"{code}]Q3",
        f"{head}.\ufeff{body}.{signature}",
        f"{code}=",
        f"{code[:-1]}",
        "",
    ):
        assert (await scan(api, world.agent, forged))["verdict"] == "forged", forged


async def test_base64_that_is_not_canonical_is_forged(api, world):
    party = await book(world, await open_slot(world))
    code = party.codes[0]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for spare in (1, 2, 3):  # The last letter of 64 bytes has four bits that mean nothing.
        other = code[:-1] + alphabet[alphabet.index(code[-1]) ^ spare]
        assert (await scan(api, world.agent, other))["verdict"] == "forged"
