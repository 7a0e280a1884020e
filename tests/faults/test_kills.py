"""SIGKILL of the server, the worker and PostgreSQL under load, at random: nothing acknowledged is lost or doubled.

`BOOKING_TESTS_SEED` chooses other moments; the seed of a failure is in its report.
"""

import asyncio
import copy
import os
import random

import asyncpg
import httpx
import msgspec

from booking_api.payments.test_provider.books import describe
from tests.faults.books import left_over, wrongs, wrongs_under_load
from tests.faults.installation import Installation, installed
from tests.faults.phones import ANSWER_SECONDS, Journal, Phone, is_later
from tests.operations.test_worker import until
from tests.processes import PATIENCE_SECONDS, run

SEED = os.environ.get("BOOKING_TESTS_SEED", "1")
PHONES = 6
CALM_SECONDS = (0.2, 1.5)


async def forgotten(database_url: str, journal: Journal) -> list[str]:
    """What customers were told and what is no longer so."""
    told = copy.deepcopy(journal.told)
    db = await asyncpg.connect(database_url)
    rows = await db.fetch("select id::text as id, status, version from booking")
    await db.close()
    there = {row["id"]: row for row in rows}
    return [
        f"{booking_id} was {known.status} in version {known.version} and is {dict(there.get(booking_id) or {})}"
        for booking_id, known in told.items()
        if (now := there.get(booking_id)) is None
        or not is_later(known, now["status"])
        or now["version"] < known.version
    ]


async def kill_one_after_another(installation: Installation, journal: Journal, dice: random.Random) -> None:
    """After each, customers get on by themselves, and everything is as they were told."""
    kills = [
        installation.kill_server, installation.kill_server_process, installation.kill_worker,
        installation.kill_postgres, installation.kill_postgres, installation.kill_backend,
    ]  # fmt: skip
    dice.shuffle(kills)
    for kill in [*kills, installation.kill_all]:
        await asyncio.sleep(dice.uniform(*CALM_SECONDS))
        await kill()
        await installation.until_ready()
        served = len(journal.keys)
        await until(lambda: len(journal.keys) > served + PHONES, PATIENCE_SECONDS)  # noqa: B023 - awaited here
        assert await forgotten(installation.postgres.url, journal) == []
        assert await wrongs_under_load(installation.postgres.url) == []


async def test_nothing_acknowledged_is_lost_or_doubled() -> None:
    dice, journal, stop = random.Random(SEED), Journal(), asyncio.Event()
    async with installed() as installation, httpx.AsyncClient(base_url=installation.url, timeout=ANSWER_SECONDS) as api:
        phones = [Phone(api, installation.world, journal, f"{SEED}-{number}") for number in range(PHONES)]
        try:
            async with asyncio.TaskGroup() as group:
                for phone in phones:
                    group.create_task(phone.run(stop))
                await kill_one_after_another(installation, journal, dice)
                stop.set()

            async def nothing_is_left() -> bool:
                return not await left_over(installation.postgres.url)

            await until(nothing_is_left, 2 * PATIENCE_SECONDS)
            assert journal.wrong == []
            assert journal.unanswered > 0
            assert await forgotten(installation.postgres.url, journal) == []
            books = installation.provider.bank.books
            charges = [describe(charge) for charge in books.charges.values()]
            refunds = [msgspec.to_builtins(refund) for refund in books.refunds.values()]
            assert await wrongs(installation.postgres.url, charges, refunds) == []
            done = await asyncio.to_thread(run, "doctor", **installation.values)
            assert done.returncode == 0, done.stdout + done.stderr
        except BaseException as error:
            error.add_note(f"seed {SEED}; {len(journal.told)} bookings\n{installation.logs()}")
            raise
