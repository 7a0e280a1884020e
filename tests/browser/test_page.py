"""A page of another origin completes a booking in a real browser, which holds it to all that CORS demands."""

import datetime as dt
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import sync_playwright

from booking_api.run.starting import free_port
from tests.processes import running, wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on this machine; on Debian: apt-get install chromium"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """The address of a page on another origin."""
    handler = functools.partial(Quiet, directory=str(Path(__file__).parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/shop.html"
        server.shutdown()


def test_a_page_of_another_origin_completes_a_booking(shop: str):
    with running("demo", "--ephemeral", "--json", "--port", str(free_port())) as demo, sync_playwright() as browsers:
        assert demo.stdout is not None
        started = json.loads(wait_for(demo.stdout.readline))
        day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
        browser = browsers.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{shop}?{urlencode({'url': started['url'], 'key': started['publishable_key'], 'day': day})}")
        seen = page.evaluate("window.done")
        browser.close()
    assert seen == {
        "limits": True,
        "held": [201, "on_hold"],
        "replayed": "true",
        "declined": "payment_declined",
        "confirmed": [200, "confirmed", True],
        "edited": "Ada King",
        "event": True,
        "pass": True,
        "keys": 1,
        "refused": ["not_found", "not_found", "unauthenticated"],
        "cancelled": "cancelled",
        "staff": "TypeError",
    }, complaints
    assert sum("CORS" in complaint for complaint in complaints) == 1
