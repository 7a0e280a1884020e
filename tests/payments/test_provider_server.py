"""The test provider itself: what it promises to the API, also across a SIGKILL."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id
from booking_api.core.process import StartFailed
from booking_api.payments.test_provider.books import Books
from booking_api.payments.test_provider.server import create_test_provider, make_server
from booking_api.payments.webhooks import check_signature
from booking_api.run.starting import free_port
from tests.payments.provider import WAIT_SECONDS

PROGRAM = """
import sys
from pathlib import Path
from booking_api.payments.test_provider.server import run
run("127.0.0.1", int(sys.argv[1]), secret=b"s" * 32, state_file=Path(sys.argv[2]), webhook_url=sys.argv[3], late_seconds=0.1)
"""


class Process:
    def __init__(self, folder: Path, webhook_url: str) -> None:
        self.port = free_port()
        self.arguments = [sys.executable, "-c", PROGRAM, str(self.port), str(folder / "books.jsonl"), webhook_url]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def start(self) -> None:
        self.process = subprocess.Popen(self.arguments, stderr=subprocess.PIPE)
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self.http.get("/healthz")
                return
            except httpx.HTTPError:
                assert time.monotonic() < until
                assert self.process.poll() is None, self.process.communicate()
                time.sleep(0.02)

    def stop(self, number: signal.Signals) -> int:
        os.kill(self.process.pid, number)
        return self.process.wait(WAIT_SECONDS)


@pytest.fixture
def received() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of webhooks that refuses every message the first time it comes."""
    messages: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            check_signature([b"s" * 32], {name.lower(): value for name, value in self.headers.items()}, body, utc_now())
            first = not any(message["id"] == self.headers["webhook-id"] for message in messages)
            messages.append({"id": self.headers["webhook-id"], "body": body.decode(), "refused": first})
            self.send_response(503 if first else 202)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", messages
    server.shutdown()
    server.server_close()


def charge(http: httpx.Client, token: str, key: str | None = None) -> dict[str, Any]:
    body = {"key": key or str(new_id()), "amount": 500, "currency": "EUR", "token": token, "metadata": {"a": "b"}}
    answer = http.post("/charges", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_killed_it_forgets_nothing_and_delivers_later(tmp_path, received):
    url, messages = received
    provider = Process(tmp_path, url.replace(str(httpx.URL(url).port), str(free_port())))
    provider.start()
    charges = [charge(provider.http, token) for token in ("tok_ok", "tok_decline", "tok_redirect", "tok_late")]
    refund = provider.http.post("/refunds", json={"key": "r1", "charge_key": charges[0]["key"], "amount": 200}).json()
    assert refund["status"] == "succeeded"
    provider.stop(signal.SIGKILL)
    # A line that was being written when it was killed.
    with (tmp_path / "books.jsonl").open("ab") as file:
        file.write(b'{"charge":{"id":"ch_')

    provider.arguments[-1] = url
    provider.start()
    again = [provider.http.get(f"/charges/{found['key']}").json() for found in charges]
    assert [found["id"] for found in again] == [found["id"] for found in charges]
    assert [found["refunded"] for found in again] == [200, 0, 0, 0]
    assert again[2]["next_action"] == charges[2]["next_action"]
    repeated = provider.http.post("/refunds", json={"key": "r1", "charge_key": charges[0]["key"], "amount": 200}).json()
    assert repeated == refund
    assert charge(provider.http, "tok_decline", charges[0]["key"])["status"] == "succeeded"
    until = time.monotonic() + WAIT_SECONDS
    while len({message["id"] for message in messages if not message["refused"]}) < 3:
        assert time.monotonic() < until, messages
        time.sleep(0.05)
    assert provider.stop(signal.SIGTERM) == 0


def test_some_webhooks_come_twice(tmp_path, received):
    url, messages = received
    provider = Process(tmp_path, url)
    provider.start()
    for _ in range(3):
        charge(provider.http, "tok_ok")
    until = time.monotonic() + WAIT_SECONDS
    # Each is refused once, then accepted; one of three is sent once more.
    while len(messages) < 7:
        assert time.monotonic() < until, messages
        time.sleep(0.05)
    assert len({message["id"] for message in messages}) == 3
    assert provider.stop(signal.SIGINT) == 0


async def test_a_taken_port_is_said_in_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartFailed, match=f"127.0.0.1:{port}"):
            make_server(create_test_provider(secret=b"s" * 32), "127.0.0.1", port)


async def test_refuses_what_it_does_not_understand(provider):
    key = str(new_id())
    body = {"key": key, "amount": 500, "currency": "EUR", "token": "tok_ok"}
    assert (await provider.http.post("/charges", json=body)).status_code == 200
    assert (await provider.http.post("/charges", json={**body, "amount": 501})).status_code == 409
    assert (await provider.http.post("/charges", content=b"{")).status_code == 400
    assert (await provider.http.get("/charges/unknown")).status_code == 404
    assert (await provider.http.get("/redirect/unknown")).status_code == 404
    for amount in (0, -5, 501):
        refund = await provider.http.post("/refunds", json={"key": str(new_id()), "charge_key": key, "amount": amount})
        assert (refund.status_code, refund.json()["status"]) == (422, "failed")


async def test_a_timeout_answers_a_retry_at_once(provider):
    body = {"key": str(new_id()), "amount": 500, "currency": "EUR", "token": "tok_timeout"}
    first = asyncio.create_task(provider.http.post("/charges", json=body))
    await provider.wait_for_charge()
    assert (await provider.http.post("/charges", json=body)).json()["status"] == "succeeded"
    assert not first.done()
    first.cancel()


async def test_its_page_is_harmless(provider):
    body = {
        "key": str(new_id()), "amount": 500, "currency": "<script>", "token": "tok_redirect",
        "return_url": 'https://a.example/"><script>',
    }  # fmt: skip
    url = (await provider.http.post("/charges", json=body)).json()["next_action"]["url"]
    shown = await provider.http.get(url)
    assert shown.headers["content-type"].startswith("text/html")
    assert "<script>" not in shown.text
    assert "Approve" in (await provider.http.post(url, data={"decision": "maybe"})).text
    await provider.decide(url)
    assert "<script>" not in (await provider.http.get(url)).text


def test_a_second_step_expires():
    books = Books()
    made = books.charge("k", 500, "EUR", "tok_redirect", None, {})
    made.redirect_until = 0.0
    found = books.find("k")
    assert found is not None
    assert (found.status, found.error) == ("failed", "authentication_expired")
    assert books.find_by_id(made.id) is found
    assert books.find_by_id("ch_other") is None
