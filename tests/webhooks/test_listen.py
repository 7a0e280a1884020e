"""`booking-api listen`: what happens, printed as it happens and forwarded to whoever develops a receiver."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from tests.bookings.journey import confirm, hold, owner_of, party
from tests.operations.test_worker import until
from tests.processes import environment, run
from tests.webhooks.hearing import Json, hearing


@contextlib.asynccontextmanager
async def listening(runtime, *options: str) -> AsyncIterator[list[Json]]:
    """The lines that it prints, once it listens."""
    settings = runtime.settings
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "booking_api", "listen", *options, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(DATABASE_URL=settings.database_url, BOOKING_SECRET_KEY=settings.secret_key),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[Json] = []

    async def read() -> None:
        async for line in process.stdout or []:
            said.append(json.loads(line))

    while b"Listening" not in (line := await asyncio.wait_for(process.stderr.readline(), 30)):
        assert line, "it ended"
    reading = asyncio.create_task(read())
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        await reading


async def test_what_happens_is_printed_and_forwarded(api, world, runtime):
    secret = "whsec_" + "QUFB" * 10 + "QUE="
    await hold(api, world.app, party(world, "adult"))
    async with hearing() as heard, listening(runtime, "--forward-to", heard.url, "--secret", secret) as said:
        held = await hold(api, world.app, party(world, "adult"))
        await confirm(api, owner_of(held), held)
        await until(lambda: len(said) >= 2 and len(heard.bodies) >= 2)
        await asyncio.sleep(0.5)
        assert [one["type"] for one in said] == ["booking.held", "booking.confirmed"]
        assert {one["order_key"] for one in said} == {held["id"]}
        assert heard.bodies == said
        assert heard.verify(secret) == said[-1]


async def test_what_is_wanted_can_be_chosen_and_full(api, world, runtime):
    async with listening(runtime, "--event", "booking.confirmed", "--full") as said:
        held = await hold(api, world.app, party(world, "adult"))
        await confirm(api, owner_of(held), held)
        await until(lambda: said)
    assert [one["type"] for one in said] == ["booking.confirmed"]
    assert said[0]["booking"]["contact"]["name"] == "Ada Lovelace"
    entries = (await api.get("/v1/audit", params={"action": "data.exported"}, headers=world.owner)).json()["items"]
    assert [entry["reason_code"] for entry in entries] == ["listen"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--event", "booking.eaten"), "There is no event booking.eaten"),
        (("--forward-to", "localhost:3000"), "--forward-to"),
        (("--secret", "whsec_AAAA"), "A secret is whsec_"),
    ],
)
async def test_what_cannot_be_is_said_in_one_sentence(world, database_url, options, sentence):
    done = await asyncio.to_thread(run, "listen", *options, DATABASE_URL=database_url)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
