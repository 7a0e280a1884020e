"""The demo from its first step to its last."""

import asyncio
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from booking_api.core.clock import utc_now
from booking_api.core.log import configure_logging, log
from booking_api.core.process import StartFailed, check_secret, connect
from booking_api.core.settings import Settings, load_settings
from booking_api.importing.schemas import Progress, no_progress
from booking_api.run.demo.content import prepare_content
from booking_api.run.demo.embedded import EmbeddedPostgres
from booking_api.run.demo.state import StateFile, open_folder
from booking_api.run.demo.supervisor import Child, our_command
from booking_api.run.migrate import migrate
from booking_api.run.starting import check_address, free_port

PORT_SECONDS = 3.0
"""How long a port may take to be free again after the last demo was killed."""
READY_SECONDS = 90.0
STAFF_TOKEN_SECONDS = 7 * 86_400


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    overrides: dict[str, Any]
    data_dir: Path | None
    ephemeral: bool
    as_json: bool


class Announcement(msgspec.Struct, frozen=True):
    """What the demo prints once it is ready."""

    url: str
    publishable_key: str
    secret_key: str
    staff_token: str
    docs: str


class HeldLines:
    """What the children write on its way to the terminal: held back while the bar is drawn there, which it would tear."""

    def __init__(self) -> None:
        reader, self.writer = os.pipe()
        self._may_pass = threading.Event()
        threading.Thread(target=self._pass_on, args=(reader,), daemon=True).start()

    def let_through(self) -> None:
        self._may_pass.set()

    def _pass_on(self, reader: int) -> None:
        while chunk := os.read(reader, 65_536):
            self._may_pass.wait()
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()


def run_demo(options: DemoOptions) -> None:
    """Runs until SIGINT or SIGTERM. Raises `StartFailed`."""
    settings = load_settings(**options.overrides)
    configure_logging(settings)
    with open_folder(options.data_dir, ephemeral=options.ephemeral) as folder:
        asyncio.run(_until_stopped(settings, folder, options))


async def _until_stopped(settings: Settings, folder: Path, options: DemoOptions) -> None:
    """The first signal stops everything in order, a second one at once."""
    hurry = asyncio.Event()
    demo = asyncio.create_task(_demo(settings, folder, options, hurry))
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            hurry.set()
        else:
            stopped = True
            demo.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await demo


async def _demo(settings: Settings, folder: Path, options: DemoOptions, hurry: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        port = await _demo_port(settings.host, settings.port)
        remembered = StateFile(folder, settings.database_url)
        state = remembered.read()
        external = bool(settings.database_url)
        if not external:
            database = EmbeddedPostgres(folder / "postgres", folder / "postgres.log")
            await asyncio.to_thread(database.prepare)
            stack.push_async_callback(database.stop, hurry)
            await database.start()
            database.keep()
            settings = msgspec.structs.replace(settings, database_url=database.url)
        else:
            await (await connect(settings, name="booking-api-demo")).close()
        settings = msgspec.structs.replace(
            settings, port=port, secret_key=settings.secret_key or state.master_secret,
            test_provider_url=settings.test_provider_url or f"http://127.0.0.1:{free_port()}",
            staff_token_seconds=max(settings.staff_token_seconds, STAFF_TOKEN_SECONDS),
        )  # fmt: skip
        check_secret(settings)
        await asyncio.to_thread(migrate, settings.database_url)
        lines = HeldLines() if sys.stderr.isatty() else None
        children = make_children(settings, folder, lines)
        for child in children:
            stack.push_async_callback(child.stop, hurry)
        # The children load their code while the content is made.
        await asyncio.gather(*(child.begin() for child in children))
        try:
            with show_progress() as progress:
                staff_token = await prepare_content(settings, remembered, state, progress)
        finally:
            if lines is not None:
                lines.let_through()
        await wait_until_ready(settings, children)
        for child in children:
            child.keep()
        announce(settings, Announcement(
            url=public_url(settings), publishable_key=state.publishable_key, secret_key=state.secret_key,
            staff_token=staff_token, docs=f"{public_url(settings)}/docs",
        ), folder, options)  # fmt: skip
        try:
            await asyncio.Event().wait()
        finally:
            log.info("demo.stopping")


def make_children(settings: Settings, folder: Path, lines: HeldLines | None) -> list[Child]:
    """Those that are stopped last come first."""
    provider_port = settings.test_provider_url.rpartition(":")[2]
    webhook_url = f"{local_url(settings)}/v1/payments/webhooks/test"
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "BOOKING_SECRET_KEY": settings.secret_key,
        "BOOKING_HOST": settings.host,
        "BOOKING_PORT": str(settings.port),
        "BOOKING_TEST_PROVIDER_URL": settings.test_provider_url,
        "BOOKING_STAFF_TOKEN_SECONDS": str(settings.staff_token_seconds),
        "BOOKING_LOG_MESSAGES": "true",
    }
    provider = our_command(
        "test-provider",
        "--port",
        provider_port,
        "--webhook-url",
        webhook_url,
        "--books",
        str(folder / "test-provider.jsonl"),
    )
    if lines is not None and settings.log_format == "auto":
        environment["BOOKING_LOG_FORMAT"] = "console"  # What they write to isn't the terminal itself.
    streams: dict[str, Any] = {} if lines is None else {"stdout": lines.writer, "stderr": lines.writer}
    patience = settings.shutdown_seconds + 5.0
    return [
        Child("test provider", provider, environment, stop_seconds=patience, **streams),
        Child("worker", our_command("worker"), environment, stop_seconds=patience, **streams),
        Child("server", our_command("serve"), environment, stop_seconds=patience, **streams),
    ]


def local_url(settings: Settings) -> str:
    """How this machine reaches the server, which may listen on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - not listening
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.port}"


def public_url(settings: Settings) -> str:
    return settings.base_url.rstrip("/") or local_url(settings)


async def wait_until_ready(settings: Settings, children: list[Child]) -> None:
    """Waits for the server and a worker. Raises `StartFailed` when one of the processes ends instead."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while asyncio.get_running_loop().time() < deadline:
            for child in children:
                if child.ended:
                    raise StartFailed(f"The {child.name} ended while it was starting; its last lines say why.")
            with suppress(httpx.HTTPError):
                answer = await client.get(f"{local_url(settings)}/readyz")
                if answer.status_code == 200 and answer.json()["workers"] > 0:
                    return
            await asyncio.sleep(0.05)
    raise StartFailed(f"The server and the worker were not ready within {READY_SECONDS:.0f} seconds.")


def announce(settings: Settings, what: Announcement, folder: Path, options: DemoOptions) -> None:
    """Prints what is needed to try it: one line of JSON on standard output, or a page for people."""
    if options.as_json:
        print(msgspec.json.encode(what).decode(), flush=True)  # noqa: T201 - this is the command's answer
        return
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False)
    kept = "nowhere: it goes when the demo stops" if options.ephemeral else str(folder)
    console.print()
    console.print("[bold green]The booking API is running.[/] Stop it with Ctrl-C.")
    console.print()
    for name, value in (
        ("API", what.url), ("Documentation", what.docs), ("Metrics", f"{what.url}/metrics"),
        ("Publishable key", what.publishable_key), ("Secret key", what.secret_key), ("Manager's token", what.staff_token),
        ("Test payments", settings.test_provider_url), ("Data", kept), ("Since", f"{utc_now():%Y-%m-%d %H:%M:%S} UTC"),
    ):  # fmt: skip
        console.print(f"  [bold]{name:16}[/] {value}", markup=True)
    console.print()
    console.print(
        "  To follow the README's tour, or the samples of the documentation, paste this into another terminal:"
    )
    console.print()
    console.print(f"export URL={what.url} PK={what.publishable_key} SK={what.secret_key} STAFF={what.staff_token}")
    console.print()
    sys.stdout.flush()


@contextmanager
def show_progress() -> Iterator[Progress]:
    """A bar on standard error while the first start loads its timetable; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("Loading what there is to try"), BarColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda done, total, words: bar.update(
            task, completed=done, total=total or None, description=words, visible=True
        )  # fmt: skip


async def _demo_port(host: str, port: int) -> int:
    """The port, once it is free; any free one for 0. Raises `StartFailed`."""
    if port == 0:
        return free_port(host)
    deadline = asyncio.get_running_loop().time() + PORT_SECONDS
    while True:
        try:
            check_address(host, port)
        except StartFailed:
            if not await _may_be_ours(host, port):
                raise
            # The processes of a demo that was just killed may need a moment to end.
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return port


async def _may_be_ours(host: str, port: int) -> bool:
    """Whether what listens there may be the server of a demo that is ending: it answers as ours do, or it is going."""
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz"
    try:
        async with httpx.AsyncClient(timeout=0.5, trust_env=False) as client:
            return (await client.get(address)).headers.get("x-request-id") is not None
    except httpx.ConnectError:
        return True
    except httpx.HTTPError:
        return False
