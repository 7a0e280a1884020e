"""A scan that is alone in its transaction, and whose nonce another process used a moment before."""

from typing import Any

from booking_api.checkin import queries
from tests.checkin.gate import fetch, post_scan
from tests.world import World


async def test_a_lone_scan_whose_nonce_was_used_meanwhile_is_told_the_verdict(api, world: World, monkeypatch):
    first = await post_scan(api, world.agent, "no-pass-at-all", nonce="used-meanwhile")
    assert first.status_code == 200
    find, looks = queries.find_scans, []

    async def see_nothing_at_first(db: Any, org_id: Any, nonces: Any) -> Any:
        looks.append(nonces)
        return [] if len(looks) == 1 else await find(db, org_id, nonces)

    monkeypatch.setattr(queries, "find_scans", see_nothing_at_first)
    again = await post_scan(api, world.agent, "no-pass-at-all", nonce="used-meanwhile")
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await fetch(world, "select * from scan where org_id = $1")) == 1
