"""The real test provider on a real port, for tests.

`tests/conftest.py` offers the fixture `provider` to every test: the server runs once in each test process, and each
test finds its books empty and `runtime.settings` naming its URL.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from granian.server.embed import Server
from litestar import Litestar

from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.payments.test_provider.books import Books, WebhookDelivery
from booking_api.payments.test_provider.server import Bank, create_test_provider, make_server
from booking_api.payments.webhooks import sign_headers
from booking_api.run.starting import free_port

WEBHOOK_SECRET = "what the provider and the tests share"
WAIT_SECONDS = 20
WEBHOOK_PATH = "/v1/payments/webhooks/test"


class RunningProvider:
    """The provider in a thread with a loop of its own."""

    def __init__(self, **options: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.app: Litestar = create_test_provider(secret=WEBHOOK_SECRET.encode(), **options)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server: Server = make_server(self.app, "127.0.0.1", self.port)
        await self._server.serve()

    def start(self) -> None:
        self._thread.start()
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                httpx.get(f"{self.url}/healthz", timeout=1)
                return
            except httpx.HTTPError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(WAIT_SECONDS)
        # The server's native threads end a moment later, and must do so before the interpreter.
        time.sleep(0.3)

    @property
    def bank(self) -> Bank:
        return self.app.state.bank


class Provider:
    """What a test does with the provider."""

    def __init__(self, running: RunningProvider, runtime: Runtime, http: httpx.AsyncClient) -> None:
        self.running = running
        self.runtime = runtime
        self.url = running.url
        self.http = http
        """A client of the provider's API, the way a customer's browser would reach it."""

    async def charges(self, order_id: UUID | None = None) -> list[dict[str, Any]]:
        """The provider's charges, newest first: proof that nobody is charged twice."""
        found = (await self.http.get("/charges")).json()["items"]
        return [charge for charge in found if order_id is None or charge["metadata"].get("order_id") == str(order_id)]

    async def wait_for_charge(self) -> dict[str, Any]:
        """The newest charge, once there is one."""
        until = time.monotonic() + WAIT_SECONDS
        while not (found := await self.charges()):
            assert time.monotonic() < until, "nothing was charged"
            await asyncio.sleep(0.02)
        return found[0]

    async def refunds(self) -> list[dict[str, Any]]:
        return (await self.http.get("/refunds")).json()["items"]

    async def decide(self, next_action_url: str, decision: str = "approve") -> httpx.Response:
        """What the customer presses on the page of the second step; answers the redirect to `return_url`."""
        return await self.http.post(next_action_url, data={"decision": decision})

    def send_webhooks_to(self, url: str | None) -> None:
        """Lets the provider itself deliver, to a server that listens. By default webhooks wait for `deliver`."""
        self.running.bank.webhook_url = url

    def configure(self, **changes: Any) -> None:
        """Changes settings of the running API, such as `provider_timeout_seconds`."""
        self.runtime.settings = msgspec.structs.replace(self.runtime.settings, **changes)

    def go_down(self) -> None:
        """The API can't reach the provider any more; `come_up` ends it."""
        self.configure(test_provider_url=f"http://127.0.0.1:{free_port()}")

    def come_up(self) -> None:
        self.configure(test_provider_url=self.url)

    async def pending(self, at_least: int = 1) -> list[WebhookDelivery]:
        """The webhooks that wait to be delivered, once there are so many."""
        until = time.monotonic() + WAIT_SECONDS
        while len(found := list(self.running.bank.books.messages.values())) < at_least:
            assert time.monotonic() < until, f"{len(found)} webhooks instead of {at_least}"
            await asyncio.sleep(0.02)
        return found

    async def deliver(self, api: httpx.AsyncClient, *, at_least: int = 1, times: int = 1) -> list[httpx.Response]:
        """Delivers what waits through `api`, each `times` over, as the provider would over the network."""
        answers: list[httpx.Response] = []
        for message in await self.pending(at_least):
            for _ in range(times):
                answers.append(await self.post(api, message.body.encode(), message_id=message.id))
            self.running.bank.books.messages.pop(message.id, None)
        return answers

    async def post(self, api: httpx.AsyncClient, body: bytes, *, message_id: str | None = None) -> httpx.Response:
        """Posts a body of the test's own, rightly signed."""
        headers = sign_headers(WEBHOOK_SECRET.encode(), message_id or new_id().hex, body, utc_now())
        return await api.post(WEBHOOK_PATH, content=body, headers={"content-type": "application/json", **headers})


@pytest.fixture(scope="session")
def provider_server() -> Iterator[RunningProvider]:
    running = RunningProvider(late_seconds=0.2)
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def provider(provider_server: RunningProvider, runtime: Runtime) -> AsyncIterator[Provider]:
    """The provider with empty books; see `Provider`."""
    bank = provider_server.bank
    bank.webhook_url = None
    bank.errors_given.clear()
    bank.books = Books(late_seconds=0.2)
    async with httpx.AsyncClient(base_url=provider_server.url, timeout=10) as http:
        found = Provider(provider_server, runtime, http)
        found.configure(
            test_provider_url=provider_server.url, webhook_secret=WEBHOOK_SECRET, provider_timeout_seconds=10.0
        )
        yield found
        bank.webhook_url = None
