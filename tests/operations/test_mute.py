"""Clients that say nothing, or not enough, or don't listen, are cut; and everybody else is answered all the while."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from booking_api.run.starting import free_port
from tests.operations.test_serve import says
from tests.processes import family_of, run, served, wait_for

IMPATIENT = {
    "BOOKING_IDLE_SECONDS": "1", "BOOKING_BODY_SECONDS": "1", "BOOKING_UNREAD_SECONDS": "2",
    "BOOKING_TEST_PROVIDER_URL": "http://127.0.0.1:9",  # Its webhooks are read without a credential.
}  # fmt: skip
POST = b"POST /v1/payments/webhooks/test HTTP/1.1\r\nHost: x\r\n"
SILENT = {
    "nothing": b"",
    "a byte": b"G",
    "half a line": b"GET /healthz HT",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "half of HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "all of HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a request, and then nothing": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000200"),
    "line ends": b"\r\n\r\n",
}
DRIPPING = {
    "a head": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b", b"b"),
    "header by header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
    "line ends before a request": (b"", b"\r\n"),
}
BODIES = {
    "that never comes": (POST + b"Content-Length: 100\r\n\r\n", b""),
    "that stops half way": (POST + b"Content-Length: 100\r\n\r\n{", b""),
    "byte by byte": (POST + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunk by chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a chunk that never ends": (POST + b"Transfer-Encoding: chunked\r\n\r\nFFFF\r\n", b" "),
}


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def until_cut(url: str, begin: bytes, then: bytes = b"") -> bytes:
    """What the server says until it closes the connection, while we go on as slowly as can be."""
    reader, writer = await connect(url)
    writer.write(begin)
    said = b""
    with contextlib.suppress(ConnectionError):
        while True:
            try:
                async with asyncio.timeout(0.2):
                    if not (part := await reader.read(65_536)):
                        break
                    said += part
            except TimeoutError:
                writer.write(then)
    writer.close()
    return said


@pytest.fixture
async def impatient(database_url: str) -> AsyncIterator[str]:
    async with served(database_url, **IMPATIENT) as (_, url), asyncio.timeout(60):
        yield url


async def test_silent_and_dripping_connections_are_cut(impatient: str) -> None:
    begun = [*((begin, b"") for begin in SILENT.values()), *DRIPPING.values()]
    said = await asyncio.gather(*(until_cut(impatient, *one) for one in begun))
    answered = dict(zip([*SILENT, *DRIPPING], said, strict=True))
    assert answered.pop("a request, and then nothing").startswith(b"HTTP/1.1 200 OK\r\n")
    assert not [name for name, answer in answered.items() if answer.startswith(b"HTTP/1.1 200")]
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{impatient}/healthz")).status_code == 200


async def test_bodies_that_never_come_are_refused_and_cut(impatient: str) -> None:
    for said in await asyncio.gather(*(until_cut(impatient, *one) for one in BODIES.values())):
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 "), said
        assert b"application/problem+json" in head
        problem = json.loads(body)
        assert (problem["code"], problem["status"], problem["retryable"]) == ("body_timed_out", 408, True)


async def test_a_body_in_time_is_read_however_it_is_cut(impatient: str) -> None:
    reader, writer = await connect(impatient)
    writer.write(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (b"1\r\n{\r\n", b"1\r\n}\r\n", b"0\r\n\r\n"):
        await asyncio.sleep(0.05)
        writer.write(part)
    answer = await reader.read()
    assert not answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer, "it was read, and refused for what it says"
    writer.close()


async def test_readers_that_never_read_are_cut(database_url: str) -> None:
    """The answers are far more than the kernel keeps for a client that doesn't take them."""
    values = {**IMPATIENT, "BOOKING_ANONYMOUS_RATE_LIMIT_PER_MINUTE": "0"}
    # Two thousand answers of a megabyte are made before the last client is given up: a busy machine takes its time.
    async with served(database_url, **values) as (process, url), asyncio.timeout(300):
        (worker,) = family_of(process)
        before = len(worker.net_connections())
        deaf = []
        for _ in range(20):
            host, _, port = url.removeprefix("http://").partition(":")
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, (host, int(port)))
            with contextlib.suppress(BlockingIOError):
                one.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            deaf.append(one)
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            assert (await client.get(f"{url}/healthz")).status_code == 200
        await asyncio.to_thread(wait_for, lambda: len(worker.net_connections()) <= before, 240)
        for one in deaf:
            one.close()


LONG = {
    "65 headers": ("/healthz", b"".join(b"X-%d: y\r\n" % n for n in range(64)), 431, True),
    "a long header": ("/healthz", b"A: " + b"b" * 33_000 + b"\r\n", 431, True),
    "many long headers": ("/healthz", b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(40)), 431, True),
    "a long credential": ("/v1/places", b"Authorization: Bearer " + b"b" * 33_000 + b"\r\n", 431, True),
    "200 headers": ("/healthz", b"".join(b"X-%d: y\r\n" % n for n in range(200)), 431, False),
    "a header of 300 kB": ("/healthz", b"A: " + b"b" * 300_000 + b"\r\n", 431, False),
    "a long path": ("/" + "a" * 9_000, b"", 414, True),
    "a long query": ("/v1/places?q=" + "a" * 9_000, b"", 414, True),
    "a path of 70 kB": ("/" + "a" * 70_000, b"", 414, False),
}


@pytest.mark.parametrize("what", LONG)
async def test_heads_that_are_too_long(impatient: str, what: str) -> None:
    path, headers, status, described = LONG[what]
    said = await until_cut(impatient, b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path.encode(), headers))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), said[:300]
    if described:
        assert b"x-request-id" in head.lower()
        assert json.loads(body)["code"] == {431: "headers_too_large", 414: "uri_too_long"}[status]
    else:
        assert body == b"", "the server itself refuses it, without a word"


async def test_heads_that_are_just_short_enough(api: httpx.AsyncClient) -> None:
    own = len(api.headers) + 1
    for headers in ({f"X-{n}": "y" for n in range(64 - own)}, {"A": "b" * 32_000}):
        assert (await api.get("/healthz", headers=headers)).status_code == 200
    assert (await api.get("/healthz", params={"q": "a" * 8_000})).status_code == 200
    refused = await api.get("/healthz", params={"q": "a" * 8_200})
    assert (refused.status_code, refused.json()["code"]) == (414, "uri_too_long")
    assert refused.headers["content-type"] == "application/problem+json"
    explained = await api.get(refused.json()["type"].removeprefix("http://testserver"))
    assert explained.status_code == 200


async def test_metrics_on_a_port_of_their_own(database_url: str) -> None:
    port = free_port()
    async with served(database_url, "--workers", "2", BOOKING_METRICS_PORT=str(port)) as (_, url):
        async with httpx.AsyncClient(trust_env=False) as client:
            for path in ("/metrics", "/metrics/", "/metrics?x=1"):
                refused = await client.get(f"{url}{path}")
                assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
            for _ in range(5):  # Any of the processes may answer, for all of them.
                async with httpx.AsyncClient(trust_env=False) as fresh:
                    answer = await fresh.get(f"http://127.0.0.1:{port}/metrics")
                assert answer.status_code == 200
                assert answer.headers["content-type"].startswith("text/plain; version=")
                assert "booking_api_requests_total{" in answer.text
                assert "booking_api_database_up 1.0" in answer.text
            own = f"http://127.0.0.1:{port}"
            assert (await client.head(f"{own}/metrics")).status_code == 200
            assert (await client.post(f"{own}/metrics")).status_code == 405
            for path in ("/", "/metrics/", "//metrics", "/metrics/x", "/v1/places", "/%6detrics", "/healthz"):
                assert (await client.get(f"{own}{path}")).status_code == 404, path
        assert await until_cut(own, b"GET /metrics HTTP/1.1\r\n") == b""


def test_a_port_for_metrics_that_cannot_be_had_is_said(database_url: str) -> None:
    port = str(free_port())
    says(run("serve", "--port", port, DATABASE_URL=database_url, BOOKING_METRICS_PORT=port), "are the same")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        done = run("serve", "--port", port, DATABASE_URL=database_url, BOOKING_METRICS_PORT=taken)
        says(done, f"Port {taken} on 127.0.0.1 is taken")


@pytest.mark.parametrize(
    "path", ["/metrics/", "//metrics", "/metrics//", "/%6detrics", "/metric%73", "/metrics/x", "/Metrics"]
)
async def test_metrics_have_one_spelling(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"http://testserver{path}")
    assert answer.status_code == 404, answer.text[:100]
    assert "booking_api_" not in answer.text
    assert (await api.get("/metrics?x=1")).status_code == 200
