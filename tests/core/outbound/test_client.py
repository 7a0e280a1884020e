"""Calls to servers that hang, drip, never end, send elsewhere, or aren't who they should be."""

import asyncio
import socket

import pytest

from booking_api.core.outbound.client import Outbound
from booking_api.core.outbound.failures import Answer, CallFailed
from booking_api.core.settings import Settings
from tests.core.outbound.receiver import OK, receiver
from tests.identity.mail_server import make_certificate

LOCAL = Settings(outbound_loopback=True)


@pytest.fixture
def client():
    made = Outbound(LOCAL)
    yield made
    made.close()


async def call(client: Outbound, url: str, seconds: float = 2.0, most_bytes: int = 1000, **more) -> Answer:
    return await client.call(
        "POST", url, headers={"x-a": "b"}, content=b"{}", seconds=seconds, most_bytes=most_bytes, **more
    )


async def reason(client: Outbound, url: str, **more) -> str:
    with pytest.raises(CallFailed) as failed:
        await call(client, url, **more)
    return failed.value.reason


def names(monkeypatch, *answers: list[str]) -> list[str]:
    """Lets every name lead to the first of these, the next time to the second, and so on; the names that were asked."""
    asked, left = list[str](), list(answers)

    def look_up(host, port, *args, **more):
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr("booking_api.core.outbound.client.socket.getaddrinfo", look_up)
    return asked


async def test_a_request_arrives_as_it_was_meant(client):
    async with receiver() as server:
        answer = await call(client, server.url)
    assert (answer.status, answer.body, answer.headers) == (200, b"ok", {"content-length": "2"})
    lines = server.heads[0].lower().splitlines()
    assert lines[0] == "post /hook?a=1 http/1.1"
    assert {f"host: 127.0.0.1:{server.port}", "x-a: b", "content-length: 2", "accept-encoding: identity"} <= set(lines)
    assert server.bodies == [b"{}"]


async def test_no_redirect_is_followed(client):
    async with receiver(OK) as other:
        redirect = f"HTTP/1.1 302 Found\r\nlocation: {other.url}\r\ncontent-length: 0\r\n\r\n".encode()
        async with receiver(redirect) as server:
            assert (await call(client, server.url)).status == 302
    assert other.heads == []


async def test_no_proxy_of_the_environment_is_used(client, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with receiver() as server:
        assert (await call(client, server.url)).status == 200


async def test_a_name_is_resolved_once_and_the_connection_goes_there(client, monkeypatch):
    async with receiver() as server:
        asked = names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        assert (await call(client, f"http://receiver.example:{server.port}/")).status == 200
    assert asked == ["receiver.example"]
    assert f"host: receiver.example:{server.port}" in server.heads[0].lower()


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::1%lo"])
async def test_a_name_that_leads_inside_is_not_called(client, monkeypatch, address):
    names(monkeypatch, ["127.0.0.1", address] if address != "::1%lo" else ["192.168.0.1"])
    assert await reason(client, "http://inside.example/") == "forbidden_address"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "127.0.0.1", "[::1]"])
async def test_no_spelling_of_this_machine_is_called_unless_a_setting_says_so(host):
    made = Outbound(Settings())
    try:
        assert await reason(made, f"https://{host}:9/") in {"forbidden_address", "bad_url", "unresolved"}
    finally:
        made.close()


async def test_a_server_that_the_operator_named_may_be_anywhere():
    made = Outbound(Settings())
    try:
        async with receiver() as server:
            assert (await call(made, server.url, trusted=True)).status == 200
    finally:
        made.close()


async def test_a_resolver_that_hangs_is_not_waited_for(client, monkeypatch):
    import time

    monkeypatch.setattr("booking_api.core.outbound.client.socket.getaddrinfo", lambda *_, **__: time.sleep(0.5))
    assert await reason(client, "http://slow.example/", seconds=0.05) == "timed_out"


async def hang(reader, writer):
    await asyncio.sleep(60)


async def drip_head(reader, writer):
    for byte in OK:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.1)


async def drip_body(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
    for _ in range(100):
        writer.write(b".")
        await asyncio.sleep(0.1)


async def endless_head(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        writer.write(f"x-{number}: {'y' * 100}\r\n".encode())
        await writer.drain()


async def much(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"." * 100_000)
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hang, "timed_out"), (drip_head, "timed_out"), (drip_body, "timed_out"), (endless_head, "broken"),
        (much, "too_large"), (b"", "broken"), (b"hello\r\n\r\n", "broken"), (b"HTTP/1.1 200 OK\r\ncontent-le", "broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "broken"),
    ],
)  # fmt: skip
async def test_a_bad_server_costs_a_bounded_time_and_room(client, answer, why):
    async with receiver(answer) as server:
        assert await reason(client, server.url, seconds=0.5) == why


@pytest.mark.parametrize("answer", [drip_body, much])
async def test_a_body_that_nobody_wants_is_not_read(client, answer):
    async with receiver(answer) as server:
        assert (await call(client, server.url, most_bytes=0)).status == 200


async def test_nothing_that_listens_is_unconnected(client):
    async with receiver() as server:
        port = server.port
    assert await reason(client, f"http://127.0.0.1:{port}/") == "unconnected"


async def test_the_certificate_must_be_that_of_the_name(tmp_path, monkeypatch):
    tls, trusted = make_certificate(tmp_path)
    knows, knows_not = Outbound(Settings(outbound_loopback=True, outbound_ca_file=str(trusted))), Outbound(LOCAL)
    try:
        async with receiver(tls=tls) as server:
            assert (await call(knows, f"https://127.0.0.1:{server.port}/")).body == b"ok"
            assert await reason(knows_not, f"https://127.0.0.1:{server.port}/") == "untrusted"
            names(monkeypatch, ["127.0.0.1"])
            assert await reason(knows, f"https://receiver.example:{server.port}/") == "untrusted"
    finally:
        knows.close()
        knows_not.close()
