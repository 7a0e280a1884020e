"""The document and the pages are made once, however many ask at once in a fresh process."""

import asyncio
from typing import Any

import httpx
import pytest

from booking_api.site import routes

PATHS = ("/openapi.json", "/docs", "/problems", "/problems/sold_out")


async def test_the_first_to_ask_all_get_their_page(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making them in two threads at once fails now and then: CPython 3.11's parser counts its depth for both."""
    made: list[int] = []

    def build(handlers: list[Any]) -> routes.Site:
        made.append(len(handlers))
        return build_site(handlers)

    build_site = routes.build_site
    monkeypatch.setattr(routes, "build_site", build)
    answers = await asyncio.gather(*(api.get(path) for path in PATHS * 5))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert len(made) == 1


async def test_pages_that_could_not_be_made_are_made_again(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_site, failures = routes.build_site, [MemoryError()]

    def build(handlers: list[Any]) -> routes.Site:
        if failures:
            raise failures.pop()
        return build_site(handlers)

    monkeypatch.setattr(routes, "build_site", build)
    assert (await api.get("/docs")).status_code == 500
    assert (await api.get("/docs")).status_code == 200
