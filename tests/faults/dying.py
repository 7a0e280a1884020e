"""A process that dies by SIGKILL at a named step of its work, for the tests beside it.

`python -m tests.faults.dying STEP`: with a request as JSON on standard input it serves that one request, without one
it works as a worker. Settings are read from the environment, as those of any process. It ends by SIGKILL or, where
the step is never reached, with an answer on standard output.
"""

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, NoReturn

import httpx
import msgspec
from pgqueuer.queries import Queries

from booking_api import worker
from booking_api.app import create_app, open_runtime
from booking_api.bookings import routes
from booking_api.bookings.operations import cancel, confirm, together
from booking_api.core import queries as core_queries
from booking_api.core.settings import load_settings
from booking_api.inventory import operations as inventory
from booking_api.passes import operations as passes
from booking_api.payments import jobs as payment_jobs
from booking_api.payments import operations as payments
from booking_api.payments import queries as payment_queries
from booking_api.payments.providers.test import HttpTestProvider

Owner = ModuleType | type
LONGEST_WORK_SECONDS = 30.0


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
    "the intent was opened": lambda: after(confirm, "begin"),
    "the intent was committed": lambda: before(payments, "call_provider"),
    "the provider has charged": lambda: after(HttpTestProvider, "charge"),
    "the outcome was recorded": lambda: (after(payments, "record_outcome"), after(payment_jobs, "record_outcome")),
    "passes were issued": lambda: after(passes, "issue"),
    "the order was settled": lambda: after(confirm, "settle"),
    "all was committed": lambda: before(sys.modules[__name__], "say"),
    "the cancellation was written": lambda: after(cancel, "cancel"),
    # of a worker
    "events were claimed": lambda: after(core_queries, "claim_unrelayed_events"),
    "jobs were enqueued": lambda: after(Queries, "enqueue"),
    "intents were claimed": lambda: after(payment_queries, "claim_due_intents"),
    "refunds were claimed": lambda: after(payment_queries, "claim_due_refunds"),
    "the provider has refunded": lambda: after(HttpTestProvider, "refund"),
    "the refund was recorded": lambda: after(payment_queries, "settle_refund"),
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


async def serve(request: Received) -> str:
    settings = load_settings()
    app = create_app(settings)
    async with open_runtime(settings) as runtime:
        app.state.runtime = runtime

        async def serving(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, lambda message: say(send, message))

        transport = httpx.ASGITransport(serving)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answer = await client.request(request.method, request.path, json=request.body, headers=request.headers)
            return f"{answer.status_code} {answer.text}"


async def work() -> str:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(LONGEST_WORK_SECONDS, stop.set)
    await worker.work(load_settings(), stop)
    return "The worker never came to this step."


if __name__ == "__main__":
    STEPS[sys.argv[1]]()
    given = sys.stdin.buffer.read()
    sys.stdout.write(asyncio.run(serve(msgspec.json.decode(given, type=Received)) if given else work()))
