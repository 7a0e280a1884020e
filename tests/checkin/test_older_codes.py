"""A code that somebody saved, after its pass was issued anew: judged by today's facts unless something revoked it."""

from datetime import UTC, datetime, timedelta

from booking_api.core.ids import new_id
from booking_api.passes import operations as passes
from tests.checkin.gate import book, change, fetch, open_slot, reissue, scan
from tests.checkin.test_lookup import look_up


async def move_slot(world, slot_id, *, minutes: int) -> None:
    await change(
        world,
        "update slot set starts_at = starts_at + $3, ends_at = ends_at + $3 where org_id = $1 and id = $2",
        slot_id,
        timedelta(minutes=minutes),
    )


async def test_every_code_of_a_holder_is_good_after_a_move(api, world):
    slot_id = await open_slot(world)
    party = await book(world, slot_id)
    codes = [party.codes[0]]
    for number in range(3):
        codes.append((await reissue(world, party, minutes=(number - 60, number + 60), revoking=False)).code)
    assert len(set(codes)) == 4
    for position, code in enumerate(codes):
        assert (await scan(api, world.agent, code, nonce=f"in-{position}"))["verdict"] == "admitted"
        assert (await scan(api, world.agent, codes[-1 - position]))["verdict"] == "already_used"
        assert (await api.post(f"/v1/scans/in-{position}/undo", headers=world.agent)).status_code == 200


async def test_the_window_in_an_older_code_decides_nothing(api, world):
    """Printed for yesterday; the slot is now. Then the slot moves away, and no code that was printed lets in."""
    slot_id = await open_slot(world)
    party = await book(world, slot_id, passes_too=False)
    old = await reissue(world, party, minutes=(-3000, -2000), revoking=False)
    future = await reissue(world, party, minutes=(2000, 3000), revoking=False)
    for row in (old, future):
        assert (await scan(api, world.agent, row.code, nonce=row.code[-20:]))["verdict"] == "admitted"
        assert (await api.post(f"/v1/scans/{row.code[-20:]}/undo", headers=world.agent)).status_code == 200
    (found,) = (await look_up(api, world.agent, reference=party.reference))["items"]
    assert (found["items"][0]["pass_state"], found["items"][0]["available_actions"]) == ("valid", ["enter"])
    await move_slot(world, slot_id, minutes=-300)
    assert {(await scan(api, world.agent, row.code))["verdict"] for row in (old, future)} == {"expired"}
    (found,) = (await look_up(api, world.agent, reference=party.reference))["items"]
    assert found["items"][0]["pass_state"] == "ended"
    await move_slot(world, slot_id, minutes=600)
    assert {(await scan(api, world.agent, row.code))["verdict"] for row in (old, future)} == {"too_early"}


async def test_another_holder_revokes_what_the_first_one_saved(api, world):
    party = await book(world, await open_slot(world))
    first = party.codes[0]
    theirs = await reissue(world, party, revoking=False, holder=new_id())
    moved = await reissue(world, party, revoking=False, holder=theirs.customer_id)
    assert (await scan(api, world.agent, first))["verdict"] == "revoked"
    assert (await scan(api, world.agent, theirs.code))["verdict"] == "admitted"
    assert (await scan(api, world.agent, moved.code))["verdict"] == "already_used"
    # And back to the first: what they saved in the first place stays worthless.
    back = await reissue(world, party, revoking=False, holder=party.customer_id)
    assert {(await scan(api, world.agent, code))["verdict"] for code in (first, theirs.code, moved.code)} == {"revoked"}
    assert (await scan(api, world.agent, back.code))["verdict"] == "already_used"


async def test_a_wish_revokes_everything_before_it_and_nothing_after(api, world):
    party = await book(world, await open_slot(world), ("adult", "adult"))
    codes = [party.codes[0], (await reissue(world, party, revoking=False)).code]
    wished = (await reissue(world, party)).code
    later = (await reissue(world, party, revoking=False)).code
    assert [(await scan(api, world.agent, code))["verdict"] for code in codes] == ["revoked", "revoked"]
    assert (await scan(api, world.agent, wished))["verdict"] == "admitted"
    assert (await scan(api, world.agent, later))["verdict"] == "already_used"
    # It concerns this item alone.
    assert (await scan(api, world.agent, party.codes[1]))["verdict"] == "admitted"
    (row,) = await fetch(world, "select r.item_id, p.code from pass_revocation r join pass p using (org_id, item_id) "
                                "where r.org_id = $1 and p.issued_at = r.issued_before")  # fmt: skip
    assert (row["item_id"], row["code"]) == (party.items[0], wished)


async def test_several_wishes_in_one_second_revoke_one_after_the_other(world, api):
    party = await book(world, await open_slot(world))
    codes = [party.codes[0], *[(await reissue(world, party)).code for _ in range(3)]]
    assert [(await scan(api, world.agent, code))["verdict"] for code in codes] == ["revoked"] * 3 + ["admitted"]


async def test_where_no_pass_is_left_no_code_is_good(api, world):
    party = await book(world, await open_slot(world))
    newer = (await reissue(world, party, revoking=False)).code
    async with world.runtime.pool.acquire() as db:
        assert await passes.revoke(db, world.org.org_id, party.items, datetime.now(UTC)) == 1
    assert {(await scan(api, world.agent, code))["verdict"] for code in (party.codes[0], newer)} == {"revoked"}
