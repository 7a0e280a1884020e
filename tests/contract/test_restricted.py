"""What a session that recovery opened may do: every operation that customers have, asked about what it doesn't see.

The scene's things belong to one customer and have one address; the session was opened by the address of another
booking of the same customer. A new operation is walked as soon as the access matrix has its row.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.identity import reach, session_life_queries, tokens
from tests.bookings.journey import confirm, hold, visit
from tests.contract.scene import CALLS, Call, Scene
from tests.contract.test_access import ACCESS, code_of
from tests.world import Headers, bearer

ELSE = {"name": "Ben Nevis", "email": "ben@example.org"}
CUSTOMERS = sorted(name for name, row in ACCESS.items() if "customer" in row.admitted.split())


async def restricted(api: httpx.AsyncClient, scene: Scene, *, booking: bool) -> tuple[Headers, str]:
    """A session of the scene's customer that sees one other booking of theirs, by its address or by itself."""
    world = scene.world
    other = await confirm(
        api, scene.customer, await hold(api, scene.customer, visit(world, "adult", slot=world.tower_slots[3]))
    )
    changed = await api.patch(f"/v1/bookings/{other['id']}", json={"contact": ELSE}, headers=scene.customer)
    assert changed.status_code == 200, changed.text
    token = scene.customer["Authorization"].removeprefix("Bearer ")
    owner = tokens.read(world.runtime.vault, token, "access", utc_now()).subject_id
    digest = None if booking else reach.digests(world.runtime.vault, world.org, "email", ELSE["email"])[0]
    session_id, now = new_id(), utc_now()
    async with world.runtime.pool.acquire() as db:
        await session_life_queries.insert_session(
            db, world.org.org_id, session_id, owner, "customer", "ios", None, "help" if booking else "recover", digest,
            UUID(other["id"]) if booking else None, now - timedelta(minutes=1),
        )  # fmt: skip
    minted = tokens.mint(
        world.runtime.vault, world.runtime.settings, world.org, "customer", owner, now, channel="ios",
        session_id=session_id, restricted=True,
    )  # fmt: skip
    return bearer(minted.access_token), other["id"]


def unseen(scene: Scene) -> set[str]:
    """What belongs to bookings that the session doesn't see, ids and words."""
    bookings = (scene.held, scene.confirmed, scene.unused, scene.cancelled, scene.moved)
    found = {scene.feedback["id"], scene.refunding, scene.by_hand, "ada@example.org", "Ada Lovelace", "+49301234567"}
    for booking in bookings:
        found |= {booking["id"], booking["order_id"], booking["reference"]}
        for item in booking["items"]:
            found.add(item["id"])
            found |= {item["pass"]["id"]} if "pass" in item else set()
    return found


def words_of(body: Any) -> set[str]:
    """The words that a body says, which an answer may repeat."""
    if isinstance(body, dict):
        return {word for value in body.values() for word in words_of(value)}
    return {body} if isinstance(body, str) else set()


@pytest.mark.parametrize("booking", [False, True], ids=["by its address", "one booking"])
@pytest.mark.parametrize("name", CUSTOMERS)
async def test_a_restricted_session_neither_learns_of_nor_acts_on_what_it_does_not_see(
    name: str, booking: bool, api: httpx.AsyncClient, scene: Scene
):
    headers, own = await restricted(api, scene, booking=booking)
    call: Call = CALLS[name](scene)
    asked = {*call.parameters.values(), *call.query.values(), *words_of(call.body)}
    answer = await call.send(api, headers)
    told = f"{name}: {answer.status_code} {answer.text[:400]}"
    if ACCESS[name].stranger is not None:
        assert (answer.status_code, code_of(answer)) == (404, "not_found"), told
    else:
        assert answer.status_code < 500, told
        assert not [one for one in unseen(scene) - asked if one in answer.text], told
    # What it does see is the same as before, so that it was the restriction that refused.
    seen = await api.get(f"/v1/bookings/{own}", headers=headers)
    assert seen.status_code == (401 if name == "revokeTokens" else 200), seen.text
