"""A process that dies by SIGKILL at a named step of its work, for the tests beside it.

With requests it serves those, all at once, without any it works as a worker; settings are read from the environment,
as those of any process. It ends by SIGKILL or, where the step is never reached, leaves an answer in a file.

All such processes of a test run are forks of one that has imported everything already, which takes longer than what
they live for.
"""

import asyncio
import functools
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import httpx
import msgspec
from asyncpg.transaction import Transaction
from pgqueuer.queries import Queries

from booking_api import worker
from booking_api.app import create_app, open_runtime
from booking_api.bookings import routes
from booking_api.bookings.operations import cancellation, confirmation, settlement, together
from booking_api.core.db import event_queries
from booking_api.core.outbound.client import Outbound
from booking_api.core.queue.batching import Batcher
from booking_api.core.settings import load_settings
from booking_api.inventory import operations as inventory
from booking_api.passes import operations as passes
from booking_api.payments import asking_queries, charging, refund_queries
from booking_api.payments import jobs as payment_jobs
from booking_api.payments import operations as payments
from booking_api.payments.providers.test import HttpTestProvider
from tests.faults.batches import gathered
from tests.processes import PATIENCE_SECONDS

Owner = ModuleType | type | Batcher[Any, Any]
LONGEST_WORK_SECONDS = 30.0
AT_BATCH: list[Callable[[Batcher[Any, Any]], None]] = []
"""What is done when the requests are together in one batch, before it is run."""


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives this")


def before(owner: Owner, name: str) -> None:
    """Dies when the function is called."""

    async def dying(*_: Any, **__: Any) -> NoReturn:
        die()

    original = getattr(owner, name)
    setattr(owner, name, dying if asyncio.iscoroutinefunction(original) else lambda *_, **__: die())


def after(owner: Owner, name: str) -> None:
    """Dies when the function has done its work and is about to return what it found, if it found anything."""
    original = getattr(owner, name)

    @functools.wraps(original)
    async def dying(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        if result != []:
            die()
        return result

    setattr(owner, name, dying)


STEPS: dict[str, Callable[[], Any]] = {
    # of a hold, a confirmation, a cancellation
    "the hold was written": lambda: (after(routes, "place_hold"), after(together, "place_holds")),
    "the intent was opened": lambda: after(confirmation, "begin"),
    "the intent was committed": lambda: before(charging, "call_provider"),
    "the provider has charged": lambda: after(HttpTestProvider, "charge"),
    "the outcome was recorded": lambda: (after(payments, "record_outcome"), after(payment_jobs, "record_outcome")),
    "the payment was called off": lambda: after(HttpTestProvider, "cancel"),
    "the payment was superseded": lambda: after(settlement, "supersede"),
    "passes were issued": lambda: after(passes, "issue"),
    "the order was settled": lambda: after(settlement, "settle"),
    "all was committed": lambda: before(sys.modules[__name__], "say"),
    "the cancellation was written": lambda: after(cancellation, "cancel"),
    # of several requests at once
    "a batch was written": lambda: AT_BATCH.append(lambda _: before(Transaction, "__aexit__")),
    "a batch was committed": lambda: AT_BATCH.append(lambda batcher: after(batcher, "_flush")),
    # of a worker
    "events were claimed": lambda: after(event_queries, "claim_unrelayed_events"),
    "jobs were enqueued": lambda: after(Queries, "enqueue"),
    "intents were claimed": lambda: after(asking_queries, "claim_due_intents"),
    "refunds were claimed": lambda: after(asking_queries, "claim_due_refunds"),
    "the provider has refunded": lambda: after(HttpTestProvider, "refund"),
    "the refund was recorded": lambda: after(refund_queries, "finish_try"),
    "a webhook was sent": lambda: after(Outbound, "call"),
    "places were given back": lambda: after(inventory, "give_back"),
}  # fmt: skip


class Received(msgspec.Struct):
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


async def say(send: Callable[[Any], Awaitable[None]], message: Any) -> None:
    """A part of the answer."""
    await send(message)


async def serve(requests: Sequence[Received]) -> str:
    settings = load_settings()
    app = create_app(settings)
    async with open_runtime(settings) as runtime:
        app.state.runtime = runtime

        async def serving(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, lambda message: say(send, message))

        transport = httpx.ASGITransport(serving)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:

            async def ask(request: Received) -> str:
                answer = await client.request(request.method, request.path, json=request.body, headers=request.headers)
                return f"{answer.status_code} {answer.text}"

            with gathered(len(requests), lambda batcher: [spoil(batcher) for spoil in AT_BATCH]):
                return "\n".join(await asyncio.gather(*(ask(request) for request in requests)))


async def work() -> str:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(LONGEST_WORK_SECONDS, stop.set)
    await worker.work(load_settings(), stop)
    return "The worker never came to this step."


def live(step: str, requests: Sequence[Received], environment: Mapping[str, str], said: str) -> None:
    """The life of such a process."""
    with Path(said).open("w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    STEPS[step]()
    print(asyncio.run(serve(requests) if requests else work()), flush=True)  # noqa: T201 - to the file


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


async def dies(step: str, requests: Sequence[Received], environment: Mapping[str, str]) -> None:
    """Lets a process live until it dies at the step. Raises `AssertionError` where it doesn't."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as said:
        process = FORKS.Process(target=live, args=(step, requests, dict(environment), said.name), daemon=True)
        process.start()
        try:
            await asyncio.to_thread(process.join, PATIENCE_SECONDS)
            assert process.exitcode == -signal.SIGKILL, f"{step}: {process.exitcode} {said.read()}"
        finally:
            process.kill()
