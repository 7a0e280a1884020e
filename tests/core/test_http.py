"""What wraps every request: how it is read, what every answer carries, what is written down of it."""

import datetime as dt
import enum
import json
import os
import threading
from uuid import UUID, uuid4

import asyncpg
import brotli
import msgspec
import pytest
from prometheus_client import REGISTRY

from booking_api.app import MAX_BODY_BYTES
from booking_api.core import log
from booking_api.core.cache import BoundedCache
from booking_api.core.db.rows import read_rows
from booking_api.core.ids import CROCKFORD, id_of_bytes, new_code, new_id, new_reference, read_code
from booking_api.core.text import fields
from booking_api.core.texts import languages_of
from booking_api.core.web import inputs
from booking_api.core.web.buckets import Limiter, Policy
from booking_api.core.web.headers import header, url_of_host
from tests.bookings.journey import party

# bodies -----------------------------------------------------------------------------------------------------------


async def pieces(body: bytes, size: int):
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def test_a_body_may_come_in_pieces(api, world):
    body = json.dumps(party(world, "adult", option="flex")).encode()
    headers = {**world.app, "Content-Type": "application/json"}
    held = await api.post("/v1/bookings", content=pieces(body, 7), headers=headers)
    assert held.status_code == 201, held.text


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_the_limit_is_refused(api, world, announced):
    body = b'{"slot_id": "' + b"a" * MAX_BODY_BYTES + b'"}'
    headers = {**world.app, "Content-Type": "application/json"}
    refused = await api.post("/v1/bookings", content=body if announced else pieces(body, 60_000), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def heaps(what: str, count: int) -> dict[str, str]:
    return {f"q{n}": what * (12_000 // len(what)) for n in range(count)}


@pytest.mark.parametrize(
    "what", ["e" + "\u0301" * 59, "\u200d\u0301\ufe0f\u200c", "\U0001f468\u200d", "\U0001f3f4\U000e0061\U000e007f"]
)
@pytest.mark.parametrize("escaped", [True, False])
async def test_a_body_full_of_marks_keeps_nobody_waiting(api, world, monkeypatch, what, escaped):
    """Cleaning it takes long, and so it isn't done where everybody else is answered."""
    cleaned_in: list[str] = []

    def note(*args):
        cleaned_in.append(threading.current_thread().name)
        return fields.apply_rules(*args)

    monkeypatch.setattr(inputs, "apply_rules", note)
    wish = {**party(world, "adult", option="flex"), "answers": heaps(what, 1)}
    body = json.dumps(wish, ensure_ascii=escaped).encode()
    answer = await api.post("/v1/bookings", content=body, headers={**world.app, "Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith("/answers/q")
    assert [name.startswith("off-loop") for name in cleaned_in[:1]] == [True]
    await hold_plain(api, world)
    assert cleaned_in[-1] == threading.main_thread().name


async def hold_plain(api, world):
    wish = party(world, "adult", option="flex")
    wish["items"][0]["name"] = "José"
    assert (await api.post("/v1/bookings", json=wish, headers=world.app)).status_code == 201


# answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None), (None, None)]
)
async def test_an_answer_is_compressed_for_whoever_accepts_it(api, world, accepted, encoding):
    headers = {**world.app, "Accept-Encoding": accepted or ""}
    if accepted is None:
        del headers["Accept-Encoding"]
        del api.headers["Accept-Encoding"]
    plain = await api.get("/v1/products", headers={**world.app, "Accept-Encoding": "identity"})
    async with api.stream("GET", "/v1/products", headers=headers) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert int(answer.headers["content-length"]) == len(raw)
    if encoding == "br":
        assert brotli.decompress(raw) == plain.content
        assert "Accept-Encoding" in answer.headers["vary"]
        assert len(raw) < len(plain.content) / 2


async def test_an_answer_carries_the_id_that_was_given_or_a_new_one(api):
    answer = await api.get("/healthz", headers={"X-Request-Id": "phone-0001"})
    assert answer.headers["x-request-id"] == "phone-0001"
    for given in (str(uuid4()), uuid4().hex, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "00-4bf92f3577b34da6a3ce929d0e0e4736-01"):
        assert (await api.get("/healthz", headers={"X-Request-Id": given})).headers["x-request-id"] == given
    for given in (
        "short", "not one\\x00", "x1" * 33, "Ada-Lovelace", "ada_lovelace", "493012345678", "0170-5550-123",
        "tel-0170-555-0123", "ada@example.org", "4111111111111111", "\u00e4da-lovelace-1", "a1b2c3d4\t",
    ):  # fmt: skip
        made = (await api.get("/healthz", headers={"X-Request-Id": given.encode()})).headers["x-request-id"]
        assert UUID(made).version == 7
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/json"


async def test_made_up_methods_and_paths_are_counted_together(api):
    def count(method: str) -> float:
        labels = {"method": method, "path": "unknown", "status": "404"}
        return REGISTRY.get_sample_value("booking_api_requests_total", labels) or 0.0

    before = count("other")
    for method in ("MAKEUP", "ANOTHER"):
        assert (await api.request(method, "/nowhere")).status_code == 404
    assert count("other") == before + 2
    assert count("MAKEUP") == 0


# what is written down ---------------------------------------------------------------------------------------------


def test_the_line_of_a_request_is_json(capsys, monkeypatch):
    monkeypatch.setattr(log, "_request_lines", "json")
    log.log_request("POST", "/v1/bookings/{id}", 201, 0.01234, "phone-0001", None)
    line = json.loads(capsys.readouterr().err)
    at = dt.datetime.fromisoformat(line.pop("timestamp"))
    assert at.utcoffset() == dt.timedelta(0)
    assert line == {
        "method": "POST", "path": "/v1/bookings/{id}", "status": 201, "duration_ms": 12.3, "event": "request",
        "request_id": "phone-0001", "level": "info",
    }  # fmt: skip
    monkeypatch.setattr(log, "_request_lines", None)
    log.log_request("POST", "/v1/bookings/{id}", 201, 0.01234, "phone-0001", None)
    assert capsys.readouterr().err == ""


# what a request's head says ---------------------------------------------------------------------------------------


def test_of_headers_with_one_name_the_first_counts():
    scope = {"headers": [(b"host", b"a"), (b"accept", b"caf\xe9"), (b"host", b"b")]}
    assert header(scope, b"host") == "a"
    assert header(scope, b"accept") == "café"
    assert header(scope, b"authorization") is None


@pytest.mark.parametrize(
    ("host", "url"),
    [("a.example:8000", "https://a.example:8000"), ("[::1]:80", "https://[::1]:80"), ("", "https://here:1"),
     ("evil.example/path", "https://here:1"), ("a b", "https://here:1")],
)  # fmt: skip
def test_a_url_is_made_of_a_host_alone(host, url):
    assert url_of_host("https", host, "here:1") == url


@pytest.mark.parametrize(
    ("given", "language", "languages"),
    [
        ("", "en", ("en",)), ("de-AT, en;q=0.5", "de", ("de", "en", "en")), ("fr", "en", ("fr", "en")),
        ("en;q=0.1, de;q=0.9", "de", ("de", "en", "en")), ("*;q=0.3, de;q=0", "en", ("en",)),
    ],
)  # fmt: skip
def test_the_languages_of_a_reader(given, language, languages):
    assert languages_of(given, "en-GB") == (language, languages)


# ids --------------------------------------------------------------------------------------------------------------


def test_ids_are_ordered_in_time_and_codes_can_be_read_aloud():
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {found.version for found in ids} == {7}
    assert id_of_bytes(ids[0].bytes) == ids[0] == UUID(str(ids[0]))
    assert hash(ids[0]) == hash(UUID(str(ids[0])))
    with pytest.raises(ValueError, match="16 bytes"):
        id_of_bytes(b"short")
    codes = "".join(new_code(8) for _ in range(2000))
    assert set(codes) == set(CROCKFORD)


def test_references_are_drawn_from_a_store_that_no_child_shares():
    references = [new_reference(8) for _ in range(5_000)]
    assert len(set(references)) == len(references)
    assert set("".join(references)) == set(CROCKFORD)
    assert {len(new_reference(length)) for length in (1, 7, 5_000)} == {1, 7, 5_000}
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, new_reference(16).encode())
        os._exit(0)
    mine, its = new_reference(16), os.read(reads, 16).decode()
    os.waitpid(child, 0)
    assert len(its) == 16
    assert mine != its


@pytest.mark.parametrize(
    "typed",
    ["A1B0C9D8", "a1b0-c9d8", "AIBO C9D8", "alb0c9d8\r\n", "A1B0\u2011C9D8", "A1B0\u2013C9D8", "A1B0\u00a0C9D8", "\ufeffA1B0C9D8\u200b", "#A1B0C9D8", "Ａ１Ｂ０Ｃ９Ｄ８",
     "A1B0\u00adC9D8", "A1B0.C9D8", "\u202aA1B0C9D8\u202c", "A١B٠C٩D٨", "A1B0_C9D8,"],
)  # fmt: skip
def test_codes_are_read_however_they_were_copied(typed):
    assert read_code(typed) == "A1B0C9D8"


# what is kept -----------------------------------------------------------------------------------------------------


def test_a_cache_forgets_what_has_expired_while_it_is_filled():
    cache: BoundedCache[int, str] = BoundedCache(1000)
    for number in range(300):
        cache.put(number, "x", until_seconds=number + 10.0, now_seconds=float(number))
    assert len(cache) <= 11
    assert cache.get(299, 299.0) == "x"
    cache.put(0, "stays")
    assert cache.get(0, 10_000.0) == "stays"


def test_a_limiter_forgets_buckets_that_are_full_again():
    limiter = Limiter(Policy("subject", 60, 60.0))
    for number in range(300):
        assert limiter.take(number, float(number)).allowed
    assert len(limiter) <= 2
    empty = Limiter(Policy("subject", 2, 60.0))
    assert [empty.take("a", 0.0).allowed for _ in range(3)] == [True, True, False]
    for number in range(10):
        empty.take(number, 1.0)
    assert not empty.take("a", 1.0).allowed, "a bucket that isn't full yet is remembered"


# rows -------------------------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Inner(msgspec.Struct, frozen=True):
    name: str
    day: dt.date


class Plain(msgspec.Struct, frozen=True):
    id: UUID
    count: int
    note: str | None
    tags: list[str]


class Named(msgspec.Struct, kw_only=True):
    colour: Colour
    inner: Inner | None
    several: frozenset[str]
    ids: list[UUID]
    kind: str = msgspec.field(name="type")


class Partly(msgspec.Struct):
    count: int
    note: str = "none"


async def test_rows_become_structs_by_the_names_of_their_columns(runtime):
    async with runtime.pool.acquire() as db:
        one = new_id()
        rows = await db.fetch(
            "select $1::uuid as id, n as count, null::text as note, '{a,b}'::text[] as tags from generate_series(1, 2) n",
            one,
        )
        assert read_rows(rows, Plain) == [Plain(one, 1, None, ["a", "b"]), Plain(one, 2, None, ["a", "b"])]
        turned = await db.fetch("select 'x' as note, $1::uuid as id, '{}'::text[] as tags, 3 as count", one)
        assert read_rows(turned, Plain) == [Plain(one, 3, "x", [])]
        nested = await db.fetch(
            """select 't' as type, 'red' as colour, '{"name": "n", "day": "2026-11-22"}'::jsonb as inner,
               '{a,b,a}'::text[] as several, jsonb_build_array($1::uuid) as ids""",
            one,
        )  # fmt: skip
        assert read_rows(nested, Named) == [
            Named(
                colour=Colour.RED, inner=Inner("n", dt.date(2026, 11, 22)), several=frozenset("ab"), ids=[one], kind="t"
            )
        ]
        assert read_rows(await db.fetch("select 1 as count"), Partly) == [Partly(1)]
        assert read_rows(await db.fetch("select 1 as count where false"), Partly) == []
        with pytest.raises(msgspec.ValidationError):
            read_rows(await db.fetch("""select 't' as type, 'blue' as colour, null::jsonb as inner,
               '{a}'::text[] as several, '[]'::jsonb as ids"""), Named)  # fmt: skip
        with pytest.raises(msgspec.ValidationError):
            read_rows(await db.fetch("select 'x' as note"), Partly)
    assert isinstance(rows[0], asyncpg.Record)
