"""Pages that never change in the life of a process are compressed once."""

import gzip
import re

import brotli
import httpx
import pytest

from booking_api.core.web.headers import choose_encoding
from booking_api.payments.test_provider import books
from booking_api.site import routes
from booking_api.site.prose import prose

PATHS = ["/docs", "/openapi.json", "/problems", "/problems/sold_out"]


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("br, gzip", "br"), ("gzip, br", "br"), ("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("GZIP", "gzip"),
        ("br;q=0, gzip", "gzip"), ("br;q=0.5, gzip;q=0.8", "gzip"), ("gzip;q=0.5, br;q=0.5", "br"), ("*", "br"),
        ("*;q=0", None), ("br;q=0, *", "gzip"), ("identity", None), ("", None), ("deflate", None), ("zebra", None),
        ("x-br", None), ("br;q=nonsense, gzip", "gzip"), ("gzip;q=0", None), (" br ; q=1.0 ", "br"), (",,", None),
        ("gzip;q=nan", None),
    ],
)  # fmt: skip
def test_the_encoding_that_is_liked_best(accepted: str, chosen: str | None) -> None:
    assert choose_encoding(accepted) == chosen


async def raw(api: httpx.AsyncClient, path: str, accepted: str) -> tuple[httpx.Response, bytes]:
    async with api.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_in_all_its_forms(api: httpx.AsyncClient, path: str) -> None:
    plain, content = await raw(api, path, "identity")
    assert (plain.status_code, plain.headers.get("content-encoding")) == (200, None)
    etags = {plain.headers["etag"]}
    for accepted, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        answer, packed = await raw(api, path, accepted)
        assert answer.headers["content-encoding"] == accepted
        assert answer.headers["content-length"] == str(len(packed))
        assert answer.headers["vary"] == "Accept-Encoding, Origin"
        assert answer.headers["content-type"] == plain.headers["content-type"]
        assert unpack(packed) == content
        etags.add(answer.headers["etag"])
    assert len(etags) == 3, "a strong ETag names one form"
    for etag in etags:
        for accepted in ("br", "gzip", "identity"):
            known = await api.get(path, headers={"If-None-Match": etag, "Accept-Encoding": accepted})
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["vary"] == "Accept-Encoding, Origin"


async def test_nothing_is_compressed_twice(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    compress = brotli.compress

    def counted(content: bytes, **options: int) -> bytes:
        made.append(len(content))
        return compress(content, **options)

    monkeypatch.setattr(routes.brotli, "compress", counted)
    first = [await raw(api, path, "br") for path in PATHS]
    once = len(made)
    assert once >= len(PATHS)
    for _ in range(3):
        assert [body for _, body in [await raw(api, path, "br") for path in PATHS]] == [body for _, body in first]
    assert len(made) == once


async def test_other_answers_are_compressed_as_they_are_made(api: httpx.AsyncClient, world) -> None:
    answer = await api.get("/v1/products", headers={**world.app, "Accept-Encoding": "br;q=0, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    answer = await api.get("/v1/products", headers={**world.app, "Accept-Encoding": "br;q=0, gzip;q=0"})
    assert "content-encoding" not in answer.headers


async def test_the_servers_own_address_leads_people_and_machines_on(api):
    browser = await api.get("/", headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/docs")
    for accept in ("*/*", "application/json", ""):
        index = await api.get("/", headers={"Accept": accept})
        assert index.status_code == 200
        assert "Accept" in index.headers["vary"]
        urls = [url for name, url in index.json().items() if name.endswith("_url")]
        assert len(urls) == 4
        for url in urls:
            assert (await api.get(url)).status_code == 200


def test_the_reference_names_every_token_that_payments_can_be_tried_with():
    named = set(re.findall(r"`(tok_[a-z_]+)`", prose().description))
    assert named == {*books.PAYS, *books.DECLINES, *books.LATE, books.STUCK, "tok_redirect"}
