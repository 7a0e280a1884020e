"""SIGKILL of the server, the worker and PostgreSQL under load, at random: nothing acknowledged is lost or doubled.

`BOOKING_TESTS_SEED` chooses other moments; the seed of a failure is in its report.
"""

import asyncio
import os
import random

import asyncpg
import httpx
import msgspec

from booking_api.payments.test_provider.books import describe
from tests.faults.books import all_done, batches, wrong_scans, wrongs, wrongs_under_load
from tests.faults.installation import Installation, Postgres, installed
from tests.faults.phones import ANSWER_SECONDS, Journal, Phone, is_later
from tests.operations.test_worker import until
from tests.processes import PATIENCE_SECONDS, get, is_ready, run

SEED = os.environ.get("BOOKING_TESTS_SEED", "1")
PHONES = 10
CALM_SECONDS = (0.2, 1.5)


async def forgotten(database_url: str, journal: Journal) -> list[str]:
    """What customers were told and what is no longer so."""
    told = {booking_id: (known.status, known.version) for booking_id, known in journal.told.items()}
    db = await asyncpg.connect(database_url)
    rows = await db.fetch("select id::text as id, status, version from booking")
    await db.close()
    there = {row["id"]: row for row in rows}
    return [
        f"{booking_id} was {status} in version {version} and is {dict(there.get(booking_id) or {})}"
        for booking_id, (status, version) in told.items()
        if (now := there.get(booking_id)) is None
        or now["version"] < version
        # Whether it was to be cancelled is looked at last: the customer may have said so a moment ago.
        or not is_later(status, now["status"], wants_to_cancel=journal.told[booking_id].wants_to_cancel)
    ]


async def kill_one_after_another(installation: Installation[Postgres], journal: Journal, dice: random.Random) -> None:
    """After each, customers get on by themselves, and everything is as they were told."""
    kills = [
        installation.kill_server, installation.kill_server_process, installation.kill_worker,
        installation.postgres.kill, installation.postgres.kill, installation.postgres.kill_backend,
    ]  # fmt: skip
    dice.shuffle(kills)

    async def kill_all() -> None:
        """A power cut. What comes up before PostgreSQL does is started again."""
        await asyncio.gather(installation.kill_server(), installation.kill_worker(), installation.postgres.kill())

    for kill in [*kills, kill_all]:
        await asyncio.sleep(dice.uniform(*CALM_SECONDS))
        await kill()
        await installation.until_ready()
        served = len(journal.keys)
        await until(lambda: len(journal.keys) > served + PHONES, PATIENCE_SECONDS)  # noqa: B023 - awaited here
        assert await forgotten(installation.postgres.url, journal) == []
        assert await wrongs_under_load(installation.postgres.url) == []


async def test_nothing_acknowledged_is_lost_or_doubled() -> None:
    dice, journal, stop = random.Random(SEED), Journal(), asyncio.Event()
    async with (
        installed(Postgres) as installation,
        httpx.AsyncClient(base_url=installation.url, timeout=ANSWER_SECONDS) as api,
    ):
        phones = [Phone(api, installation.world, journal, f"{SEED}-{n}", installation.boarding) for n in range(PHONES)]
        try:
            async with asyncio.TaskGroup() as group:
                for phone in phones:
                    group.create_task(phone.run(stop))
                await kill_one_after_another(installation, journal, dice)
                stop.set()

            await all_done(installation.postgres.url, installation.revive_worker, 2 * PATIENCE_SECONDS)
            assert journal.wrong == []
            assert journal.unanswered > 0
            assert await forgotten(installation.postgres.url, journal) == []
            assert await wrong_scans(installation.postgres.url, journal.scans) == []
            assert await batches(installation.postgres.url) > 0
            books = installation.provider.bank.books
            charges = [describe(charge) for charge in books.charges.values()]
            refunds = [msgspec.to_builtins(refund) for refund in books.refunds.values()]
            assert await wrongs(installation.postgres.url, charges, refunds) == []
            done = await asyncio.to_thread(run, "doctor", **installation.values)
            assert done.returncode == 0, done.stdout + done.stderr
        except BaseException as error:
            error.add_note(f"seed {SEED}; {len(journal.told)} bookings\n{installation.logs()}")
            raise


async def test_a_server_outlives_a_long_absence_of_postgresql() -> None:
    """Also where one of its processes has to be started anew meanwhile: it is there, and ready once PostgreSQL is."""
    async with installed(Postgres) as installation:
        server, worker = installation.server.process, installation.worker.process
        assert server is not None
        assert worker is not None
        await installation.postgres.end()
        await installation.kill_server_process()
        await until(lambda: asyncio.to_thread(get, f"{installation.url}/healthz"), PATIENCE_SECONDS)
        unready = await asyncio.to_thread(get, f"{installation.url}/readyz")
        assert unready is not None
        assert unready.status_code == 503
        await installation.postgres.start()
        await until(lambda: asyncio.to_thread(is_ready, installation.url), PATIENCE_SECONDS)
        assert (server.poll(), worker.poll()) == (None, None)
