"""A page of another origin completes a booking in a real browser, which holds it to all that CORS demands; and the search
of the reference."""

import datetime as dt
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, sync_playwright

from booking_api.run.starting import free_port
from tests.processes import running, wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on this machine; on Debian: apt-get install chromium"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        """Says nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """The address of a page on another origin."""
    handler = functools.partial(Quiet, directory=str(Path(__file__).parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/shop.html"
        server.shutdown()


@pytest.fixture(scope="module")
def demo() -> Iterator[dict[str, Any]]:
    """What a running demo says of itself."""
    with running("demo", "--ephemeral", "--json", "--port", str(free_port())) as process:
        assert process.stdout is not None
        yield json.loads(wait_for(process.stdout.readline))


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM)
        yield browser.new_page()
        browser.close()


def test_a_page_of_another_origin_completes_a_booking(shop: str, demo: dict[str, Any], page: Page):
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{shop}?{urlencode({'url': demo['url'], 'key': demo['publishable_key'], 'day': day})}")
    assert page.evaluate("window.done") == {
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


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("sold_out", "Hold one booking, the short way"),
        ("refund", "CancellationTerms"),
        ("Expected_Slots", "Confirm an order"),
        ("hold one", "Hold one booking, the short way"),
    ],
)
def test_the_reference_is_searched_for_members_and_codes(demo: dict[str, Any], page: Page, sought: str, found: str):
    page.goto(f"{demo['url']}/docs")
    items = page.locator("nav [data-group] li")
    shown = page.locator("nav [data-group] li:visible")
    everything = shown.count()
    page.locator("nav input").fill(sought)
    assert any(text.endswith(found) for text in shown.all_inner_texts())
    assert 0 < shown.count() < items.count()
    page.locator("nav input").fill("no such word anywhere")
    assert shown.count() == 0
    page.locator("nav input").fill("")
    assert shown.count() == everything
