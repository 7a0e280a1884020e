"""The primary fails under load and its synchronous replica takes over: nothing acknowledged is lost or doubled.

Customers and gates reach both through one server and one worker, whose DSN names both and wants the one that writes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import httpx
import msgspec
import pytest

from booking_api.core.clock import utc_now
from booking_api.payments.test_provider.books import describe
from tests.faults.books import all_done, wrong_scans, wrongs, wrongs_under_load
from tests.faults.installation import installed
from tests.faults.phones import ANSWER_SECONDS, Journal, Phone
from tests.faults.replicas import Pair
from tests.faults.test_kills import SEED, forgotten
from tests.operations.test_worker import until
from tests.processes import PATIENCE_SECONDS, run

PHONES = 8
GIVEN_UP_SECONDS = 4.5
"""Longer than anybody waits for a statement."""
Noticed = Callable[[], Awaitable[object]]
"""Waits until customers are told that something is wrong."""


async def killed(pair: Pair, noticed: Noticed) -> None:
    pair.primary.kill()
    await noticed()


async def killed_while_the_replica_was_away(pair: Pair, noticed: Noticed) -> None:
    """What the primary alone had on its disk was never acknowledged, not even to those who asked again."""
    pair.standby.kill()
    await noticed()
    await asyncio.sleep(GIVEN_UP_SECONDS)
    pair.primary.kill()
    await pair.standby.start()


async def frozen(pair: Pair, noticed: Noticed) -> None:
    """It keeps its connections and even accepts new ones, but never answers."""
    pair.primary.freeze()
    await noticed()


async def demoted(pair: Pair, noticed: Noticed) -> None:
    """It goes on to answer, but accepts no writes; connections that were made to it before are of no use."""
    await pair.demote()
    await noticed()


async def has_beaten(database_url: str, since: datetime) -> bool:
    """Whether a worker has given a sign of life in this database."""
    db = await asyncpg.connect(database_url)
    try:
        return bool(await db.fetchval("select exists (select from worker_heartbeat where seen_at > $1)", since))
    finally:
        await db.close()


@pytest.mark.parametrize("fail", [killed, killed_while_the_replica_was_away, frozen, demoted])
async def test_nothing_acknowledged_is_lost_or_doubled(fail: Callable[[Pair, Noticed], Awaitable[None]]) -> None:
    dice, journal, stop = random.Random(SEED), Journal(), asyncio.Event()
    async with (
        installed(Pair) as installation,
        httpx.AsyncClient(base_url=installation.url, timeout=ANSWER_SECONDS) as api,
    ):
        pair, replica = installation.postgres, installation.postgres.standby.url
        phones = [Phone(api, installation.world, journal, f"{SEED}-{n}", installation.boarding) for n in range(PHONES)]

        async def served(more: int) -> None:
            keys, scans = len(journal.keys) + more, len(journal.scans)
            await until(lambda: len(journal.keys) > keys and len(journal.scans) > scans, PATIENCE_SECONDS)

        async def noticed() -> None:
            before = journal.overloaded
            await until(lambda: journal.overloaded > before, PATIENCE_SECONDS)

        try:
            async with asyncio.TaskGroup() as group:
                for phone in phones:
                    group.create_task(phone.run(stop))
                await served(2 * PHONES)
                await asyncio.sleep(dice.uniform(0, 0.5))
                await fail(pair, noticed)
                await pair.promote()
                promoted_at = utc_now()
                assert await forgotten(replica, journal) == []
                assert await wrongs_under_load(replica) == []
                await served(2 * PHONES)
                # One that was frozen may come to life again, and whoever has found its successor doesn't listen to it.
                await until(lambda: has_beaten(replica, promoted_at), PATIENCE_SECONDS)
                pair.primary.thaw()
                await served(PHONES)
                # Whoever takes over for good sees to it that the other one never comes back by itself.
                pair.primary.kill()
                stop.set()

            await all_done(replica, installation.revive_worker, 2 * PATIENCE_SECONDS)
            assert journal.wrong == []
            assert await forgotten(replica, journal) == []
            assert await wrong_scans(replica, journal.scans) == []
            books = installation.provider.bank.books
            charges = [describe(charge) for charge in books.charges.values()]
            refunds = [msgspec.to_builtins(refund) for refund in books.refunds.values()]
            assert await wrongs(replica, charges, refunds) == []
            done = await asyncio.to_thread(run, "doctor", **installation.values)
            assert done.returncode == 0, done.stdout + done.stderr
        except BaseException as error:
            error.add_note(f"seed {SEED}; {len(journal.told)} bookings\n{installation.logs()}")
            raise
