"""A person decides instead of the pass: overrides, and scans of somebody who was looked up."""

from uuid import uuid4

from tests.checkin.gate import book, fetch, open_slot, post_scan, reissue, scan
from tests.world import build_world


async def test_override(api, world):
    party = await book(world, await open_slot(world, starts=120), due_on_site=100)
    body = {"override": {"reason": "Delayed by our own shuttle"}}
    refused = await post_scan(api, world.agent, party.codes[0], **body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert await fetch(world, "select 1 from scan where org_id = $1") == []
    answer = await scan(api, world.manager, party.codes[0], **body)
    assert (answer["admit"], answer["verdict"], answer["overridden"]) == (True, "admitted", "unpaid")
    assert [notice["code"] for notice in answer["attention"]] == ["amount_due", "overridden"]
    (recorded,) = await fetch(world, "select override_reason, admit from scan where org_id = $1")
    assert (recorded["override_reason"], recorded["admit"]) == ("Delayed by our own shuttle", True)
    # Once more: a second person with the same pass, let in knowingly.
    answer = await scan(api, world.key, party.codes[0], **body)
    assert (answer["admit"], answer["overridden"]) == (True, "unpaid")
    for verdict, code in (("forged", "nonsense"), ("revoked", party.codes[0])):
        if verdict == "revoked":
            await reissue(world, party)
        answer = await scan(api, world.owner, code, **body)
        assert (answer["admit"], answer["verdict"]) == (False, verdict)
    answer = await scan(api, world.owner, item_id=str(uuid4()), **body)
    assert (answer["admit"], answer["verdict"]) == (False, "unknown")


async def test_exit_of_somebody_never_seen_needs_no_override(api, world):
    party = await book(world, await open_slot(world))
    answer = await scan(
        api, world.manager, party.codes[0], direction="exit", override={"reason": "came in before us"}, nonce="out"
    )
    assert (answer["admit"], answer["verdict"]) == (True, "exited")
    assert "overridden" not in answer
    assert [notice["code"] for notice in answer["attention"]] == ["entry_unknown"]
    assert await fetch(world, "select 1 from attendance where org_id = $1") == []
    undone = await api.post("/v1/scans/out/undo", headers=world.manager)
    assert undone.status_code == 200
    assert undone.json()["items"] == [{"item_id": str(party.items[0]), "inside": False, "entries": 0}]


async def test_look_up_scan_is_for_staff(api, world):
    party = await book(world, await open_slot(world), passes_too=False)
    body = {"item_id": str(party.items[0])}
    assert (await post_scan(api, world.key, **body)).status_code == 403
    assert (await scan(api, world.agent, **body))["verdict"] == "admitted"
    assert (await scan(api, world.agent, **body))["verdict"] == "already_used"
    neighbour = await build_world(world.runtime, "Neighbour")
    assert (await scan(api, neighbour.agent, **body))["verdict"] == "unknown"
    held = await book(world, await open_slot(world), status="pending", passes_too=False)
    assert (await scan(api, world.agent, item_id=str(held.items[0])))["verdict"] == "unknown"
    for status in ("cancelled", "expired", "rejected"):
        gone = await book(world, await open_slot(world), status=status, passes_too=False)
        assert (await scan(api, world.agent, item_id=str(gone.items[0])))["verdict"] == "cancelled"
