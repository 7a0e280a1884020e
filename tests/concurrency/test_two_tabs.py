"""Two tabs, a doubled packet, a thief and an owner: refreshing at the same moment."""

import asyncio
from datetime import UTC, datetime

from booking_api.core.ids import new_id
from booking_api.identity import tokens
from tests.world import World, bearer


async def refresh(api, world: World, token: str):
    body = {"grant": "refresh", "refresh_token": token}
    return await api.post("/v1/tokens", json=body, headers=world.app)


def mint(world: World) -> tokens.Tokens:
    runtime = world.runtime
    return tokens.mint(runtime.vault, runtime.settings, world.org, "customer", new_id(), datetime.now(UTC))


async def test_two_tabs_that_refresh_at_once_sign_nobody_out(api, world: World):
    """Each goes on with what it got, and whoever is behind is only refused."""
    first = mint(world)
    tabs = [first.refresh_token, first.refresh_token]
    for _ in range(6):
        answers = await asyncio.gather(*(refresh(api, world, token) for token in tabs for _ in range(2)))
        for tab in range(2):
            good = [answer for answer in answers[2 * tab : 2 * tab + 2] if answer.status_code == 200]
            refused = [answer for answer in answers[2 * tab : 2 * tab + 2] if answer.status_code != 200]
            assert all(answer.json()["come_back"] == "use_newer" for answer in refused)
            tabs[tab] = good[0].json()["refresh_token"] if good else tabs[1 - tab]
        newest = max(
            tabs, key=lambda token: tokens.read(world.runtime.vault, token, "refresh", datetime.now(UTC)).generation
        )
        tabs = [newest, tabs[0]]
    assert (await api.get("/v1/sessions", headers=bearer(first.access_token))).status_code == 200
    assert (await refresh(api, world, tabs[0])).status_code == 200


async def test_a_late_reuse_meets_a_renewal_and_the_session_ends_once(api, world: World):
    made = [mint(world).refresh_token]
    for _ in range(2):
        made.append((await refresh(api, world, made[-1])).json()["refresh_token"])
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update session set advances = array(select at - interval '1 hour' from unnest(advances) as at)"
        )
    await asyncio.gather(*(refresh(api, world, token) for token in [made[0]] * 4 + [made[2]] * 4))
    for token in made:
        assert (await refresh(api, world, token)).json()["code"] == "token_revoked"
    async with world.runtime.pool.acquire() as db:
        assert await db.fetchval("select count(*) from session where revoked_at is not null") == 1
        assert await db.fetchval("select count(*) from event where type = 'session.reused'") >= 1
