"""A trial receiver in Node, with the official library: it verifies, misses, gets what it missed in order, and replay."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.bookings.journey import confirm, hold, owner_of, party
from tests.operations.test_worker import until
from tests.webhooks.hearing import Json, later, relay_and_tell, subscribe, tell

HERE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="Node is not installed"
)


@contextlib.asynccontextmanager
async def node(folder: Path, secret: str, missed: int) -> AsyncIterator[tuple[int, list[Json]]]:
    """The receiver's port, and what it says, as it says it."""
    process = await asyncio.create_subprocess_exec(
        "node", "receiver.mjs", secret, str(missed), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: list[Json] = []

    async def listen() -> None:
        async for line in process.stdout or []:
            said.append(json.loads(line))

    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    listening = asyncio.create_task(listen())
    try:
        yield first["port"], said
    finally:
        process.kill()
        await process.wait()
        await listening


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import subprocess

    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "receiver.mjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=300)
    return folder


async def test_a_receiver_in_node_verifies_misses_and_catches_up(api, world, runtime, installed):
    hook = await subscribe(api, world.owner, "http://127.0.0.1:9/")
    async with node(installed, hook["secret"], missed=2) as (port, said):
        path = f"/v1/webhooks/{hook['id']}"
        await api.patch(path, json={"url": f"http://127.0.0.1:{port}/hook"}, headers=world.owner)
        held = await hold(api, world.app, party(world, "adult"))
        await confirm(api, owner_of(held), held)
        await api.post(f"/v1/bookings/{held['id']}/cancel", json={}, headers=owner_of(held))
        await relay_and_tell(runtime)
        for _ in range(2):
            await later(runtime, timedelta(minutes=1))
            await tell(runtime)
        assert await until(lambda: len(said) >= 5)
        assert [(one["type"], one["taken"]) for one in said] == [
            ("booking.held", False), ("booking.held", False), ("booking.held", True), ("booking.confirmed", True),
            ("booking.cancelled", True),
        ]  # fmt: skip
        assert len({one["id"] for one in said}) == 3
        await api.post(f"{path}/deliveries/{said[-1]['id']}/replay", headers=world.owner)
        await tell(runtime)
        assert await until(lambda: len(said) >= 6)
        assert said[-1] == said[-2]
        await api.post(f"{path}/secret", json={"previous_valid_seconds": 0}, headers=world.owner)
        await api.post(f"{path}/test", headers=world.owner)
        await tell(runtime)
        assert await until(lambda: len(said) >= 7)
        assert "refused" in said[-1]
