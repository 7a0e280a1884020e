"""The test provider's HTTP: its API, the page of its second step, the delivery of its webhooks."""

import asyncio
import contextlib
import html
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs

import httpx
import msgspec
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from booking_api.core.clock import utc_now
from booking_api.core.log import log
from booking_api.core.process import StartFailed
from booking_api.payments.test_provider.books import Books, ChargeRecord, Line, WebhookDelivery, describe
from booking_api.payments.webhooks import sign_headers

DELIVERY_SECONDS = 5.0
DELIVERY_TRIES = 60
LONGEST_DELIVERY_PAUSE_SECONDS = 30.0
SECOND_COPY_SECONDS = 0.5
TICK_SECONDS = 0.05
MAX_LISTED = 1000


class Bank:
    """What the server's handlers share."""

    def __init__(self, books: Books, secret: bytes, webhook_url: str | None, timeout_seconds: float) -> None:
        self.books = books
        self.secret = secret
        self.webhook_url = webhook_url
        self.timeout_seconds = timeout_seconds
        self.errors_given: set[str] = set()
        self.closing = asyncio.Event()
        self.client = httpx.AsyncClient(timeout=DELIVERY_SECONDS)

    async def deliver(self) -> None:
        """Settles late charges and delivers webhooks until the server closes: each at least once, some twice."""
        while not self.closing.is_set():
            self.books.settle_due()
            now = utc_now().timestamp()
            if self.webhook_url:
                due = [message for message in list(self.books.messages.values()) if message.deliver_at <= now]
                await asyncio.gather(*(self._deliver_one(self.webhook_url, message) for message in due[:20]))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), TICK_SECONDS)

    async def _deliver_one(self, url: str, message: WebhookDelivery) -> None:
        body = message.body.encode()
        headers = {"content-type": "application/json", **sign_headers(self.secret, message.id, body, utc_now())}
        try:
            answer = await self.client.post(url, content=body, headers=headers)
            accepted = answer.is_success
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            accepted = False
        message.attempts += 1
        if accepted or message.attempts >= DELIVERY_TRIES:
            message.copies -= 1 if accepted else message.copies
            message.deliver_at = utc_now().timestamp() + SECOND_COPY_SECONDS
        else:
            pause = min(LONGEST_DELIVERY_PAUSE_SECONDS, 0.25 * 2 ** min(message.attempts, 10))
            message.deliver_at = utc_now().timestamp() + pause
        self.books.write(Line(message=message))


def bank_of(request: Request[Any, Any, Any]) -> Bank:
    return request.app.state.bank


def base_url_of(request: Request[Any, Any, Any]) -> str:
    return f"{request.scope['scheme']}://{request.headers.get('host', '127.0.0.1')}"


def answer(value: Any, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


class ChargeRequest(msgspec.Struct):
    key: str
    amount: int
    currency: str
    token: str
    metadata: dict[str, str] = {}
    return_url: str | None = None


class RefundRequest(msgspec.Struct):
    key: str
    charge_key: str
    amount: int
    metadata: dict[str, str] = {}


@get("/healthz")
async def check_health() -> Response[bytes]:
    return answer({"status": "ok"})


@post("/charges", status_code=200)
async def create_charge(request: Request[Any, Any, Any]) -> Response[bytes]:
    bank = bank_of(request)
    wanted = msgspec.json.decode(await request.body(), type=ChargeRequest)
    if wanted.token == "tok_error" and wanted.key not in bank.errors_given:  # noqa: S105 - a name, no secret
        bank.errors_given.add(wanted.key)
        return answer({"error": "The test provider fails once for this token."}, 500)
    is_new = wanted.key not in bank.books.charges
    try:
        charge = bank.books.charge(
            wanted.key, wanted.amount, wanted.currency, wanted.token, wanted.return_url, wanted.metadata
        )
    except ValueError as error:
        return answer({"error": str(error)}, 409)
    if is_new and wanted.token == "tok_timeout":  # noqa: S105 - a name, no secret
        # The money has moved; the answer comes after the client gave up.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bank.closing.wait(), bank.timeout_seconds)
    return answer(describe(charge, base_url_of(request)))


@get("/charges")
async def list_charges(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The newest charges first, for looking at."""
    charges = list(bank_of(request).books.charges.values())[::-1][:MAX_LISTED]
    return answer({"items": [describe(charge, base_url_of(request)) for charge in charges]})


@get("/charges/{key:str}")
async def get_charge(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
    charge = bank_of(request).books.find(key)
    if charge is None:
        return answer({"error": "There is no charge with this key."}, 404)
    return answer(describe(charge, base_url_of(request)))


@post("/charges/{key:str}/cancel", status_code=200)
async def cancel_charge(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
    return answer(describe(bank_of(request).books.cancel(key), base_url_of(request)))


@post("/refunds", status_code=200)
async def create_refund(request: Request[Any, Any, Any]) -> Response[bytes]:
    wanted = msgspec.json.decode(await request.body(), type=RefundRequest)
    refund = bank_of(request).books.refund(wanted.key, wanted.charge_key, wanted.amount, wanted.metadata)
    return answer(refund, 422 if refund.status == "failed" else 200)


@get("/refunds")
async def list_refunds(request: Request[Any, Any, Any]) -> Response[bytes]:
    return answer({"items": list(bank_of(request).books.refunds.values())[::-1][:MAX_LISTED]})


@get("/refunds/{key:str}")
async def get_refund(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
    refund = bank_of(request).books.find_refund(key)
    if refund is None:
        return answer({"error": "There is no refund with this key."}, 404)
    return answer(refund)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Test bank</title><style>body{{font:18px/1.5 system-ui,sans-serif;max-width:24rem;margin:2rem auto;padding:0 1rem}}
button{{font:inherit;width:100%;padding:.8rem;margin:.3rem 0;border:0;border-radius:.6rem;background:#0a6;color:#fff}}
button.no{{background:#888}}</style></head><body><h1>Test bank</h1>{content}</body></html>"""
CHOICE = """<p>Pay <strong>{amount}</strong>?</p>
<form method="post"><button name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="decline">Decline</button></form>"""


def page(content: str, status: int = 200) -> Response[str]:
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(PAGE.format(content=content), status_code=status, media_type="text/html", headers=headers)


def page_about(charge: ChargeRecord) -> Response[str]:
    if charge.status == "requires_action":
        amount = f"{charge.amount} {html.escape(charge.currency)} (minor units)"
        return page(CHOICE.format(amount=amount))
    shown = html.escape(charge.status)
    back = f'<p><a href="{html.escape(charge.return_url, quote=True)}">Back</a></p>' if charge.return_url else ""
    return page(f"<p>This payment has {shown}. You can close this page.</p>{back}")


@get("/redirect/{charge_id:str}")
async def show_second_step(request: Request[Any, Any, Any], charge_id: FromPath[str]) -> Response[str]:
    charge = bank_of(request).books.find_by_id(charge_id)
    return page("<p>There is no such payment.</p>", 404) if charge is None else page_about(charge)


@post("/redirect/{charge_id:str}", status_code=200)
async def decide_second_step(request: Request[Any, Any, Any], charge_id: FromPath[str]) -> Response[Any]:
    books = bank_of(request).books
    charge = books.find_by_id(charge_id)
    if charge is None:
        return page("<p>There is no such payment.</p>", 404)
    decision = parse_qs((await request.body()).decode(errors="replace")).get("decision", [""])[0]
    if decision not in {"approve", "decline"}:
        return page_about(charge)
    if charge.status == "requires_action":
        books.settle(charge, None if decision == "approve" else "authentication_failed")
    if charge.return_url:
        return Response(b"", status_code=303, headers={"Location": charge.return_url})
    return page_about(charge)


def create_test_provider(
    *, secret: bytes, webhook_url: str | None = None, state_file: Path | None = None, late_seconds: float = 3.0,
    timeout_seconds: float = 30.0,
) -> Litestar:  # fmt: skip
    """The provider as an application.

    `secret` signs its webhooks, which go to `webhook_url`; without one they wait. Without a `state_file` it forgets
    everything when it ends. `late_seconds` is how long a late token takes, `timeout_seconds` how long `tok_timeout`
    keeps silent.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        bank = Bank(Books(state_file, late_seconds=late_seconds), secret, webhook_url, timeout_seconds)
        app.state.bank = bank
        delivery = asyncio.create_task(bank.deliver())
        try:
            yield
        finally:
            bank.closing.set()
            await asyncio.wait([delivery], timeout=DELIVERY_SECONDS)
            delivery.cancel()
            await bank.client.aclose()
            bank.books.close()

    def refuse(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        log.info("test_provider.refused", error=type(error).__name__)
        return answer({"error": "The request can't be understood."}, 400)

    return Litestar(
        route_handlers=[
            check_health, create_charge, list_charges, get_charge, cancel_charge, create_refund, get_refund,
            list_refunds,
            show_second_step, decide_second_step,
        ],
        lifespan=[lifespan],
        state=State(),
        exception_handlers={msgspec.MsgspecError: refuse},
        openapi_config=None,
        logging_config=None,
    )  # fmt: skip


def make_server(app: Litestar, host: str, port: int) -> Server:
    """The server of one process: no worker processes that could outlive it."""
    # The server shares a taken port in silence, and so the port is tried first.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartFailed(f"The test provider can't listen on {host}:{port}: {error.strerror}.") from error
    return Server(app, host, port, interface=Interfaces.ASGI, websockets=False, log_enabled=False)


def run(
    host: str, port: int, *, secret: bytes, webhook_url: str | None = None, state_file: Path | None = None,
    late_seconds: float = 3.0,
) -> NoReturn:  # fmt: skip
    """Runs the provider until SIGTERM or SIGINT, and ends the process. Raises `StartFailed` when the port is taken."""

    async def serve() -> None:
        app = create_test_provider(
            secret=secret, webhook_url=webhook_url, state_file=state_file, late_seconds=late_seconds
        )
        server = make_server(app, host, port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.serve()

    asyncio.run(serve())
    # All is closed. The server's native threads may still be ending, and would abort a process whose interpreter
    # ends before them; so the interpreter isn't asked to.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
