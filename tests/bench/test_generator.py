"""The bench's own load generator, against a server that answers as it is told."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from booking_api.bench.generator import Load, read_requests, run, write_requests

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REFUSED = b"HTTP/1.1 409 Conflict\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nsold out"
NOTHING = b"HTTP/1.1 304 Not Modified\r\nserver: test\r\n\r\n"


@asynccontextmanager
async def serving(answer):
    """A server that calls `answer(number, writer)` for each request; yields its port and what it got."""
    got: list[bytes] = []

    async def serve(reader, writer):
        try:
            while line := await reader.readline():
                got.append(line.strip())
                while (await reader.readline()).strip():
                    pass
                await answer(len(got), writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], got
    finally:
        server.close()


def writes(*pieces: bytes):
    async def answer(number, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.001)

    return answer


def requests(count: int) -> list[bytes]:
    return [f"GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n".encode() for number in range(count)]


async def send(tmp_path, port: int, count: int, **load):
    file = tmp_path / "requests.bin"
    write_requests(file, requests(count))
    return await run(Load(file=str(file), host="127.0.0.1", port=port, **load))


def test_requests_come_back_as_they_were_written(tmp_path):
    many = [b"", b"one", b"\r\n" * 70_000, bytes(range(256))]
    write_requests(tmp_path / "file", many)
    assert read_requests(tmp_path / "file") == many


async def test_each_request_is_sent_once(tmp_path):
    async with serving(writes(OK)) as (port, got):
        done = await send(tmp_path, port, 50, connections=7)
    assert done.statuses == {"200": 50}
    assert done.sent == done.answered == 50
    assert sorted(got) == sorted(request.split(b"\r\n")[0] for request in requests(50))
    assert 0 < done.p50_ms <= done.p99_ms <= done.max_ms


async def test_fewer_requests_than_connections(tmp_path):
    async with serving(writes(OK)) as (port, _):
        assert (await send(tmp_path, port, 3, connections=10)).statuses == {"200": 3}


async def test_an_answer_in_pieces_is_one_answer(tmp_path):
    async with serving(writes(OK[:7], OK[7:30], OK[30:-2], OK[-2:])) as (port, _):
        assert (await send(tmp_path, port, 10, connections=2)).statuses == {"200": 10}


async def test_refusals_are_counted_and_one_is_shown(tmp_path):
    async def answer(number, writer):
        writer.write(REFUSED if number % 2 else OK)

    async with serving(answer) as (port, _):
        done = await send(tmp_path, port, 20, connections=1)
    assert done.statuses == {"200": 10, "409": 10}
    assert done.refusals == {"409": "sold out"}


async def test_an_answer_without_a_body(tmp_path):
    async with serving(writes(NOTHING)) as (port, _):
        assert (await send(tmp_path, port, 4, connections=2)).statuses == {"304": 4}


async def test_a_connection_that_ends_loses_its_request(tmp_path):
    async def answer(number, writer):
        if number == 3:
            writer.close()
        else:
            writer.write(OK)

    async with serving(answer) as (port, _):
        done = await send(tmp_path, port, 10, connections=2)
    assert done.lost == 1
    assert done.statuses == {"200": 9}
    assert done.sent == 10


async def test_requests_repeat_until_the_time_is_over(tmp_path):
    async with serving(writes(OK)) as (port, got):
        done = await send(tmp_path, port, 2, connections=2, seconds=0.2, repeat=True)
    assert done.answered == len(got) > 2
    assert done.seconds >= 0.2


async def test_an_even_rate(tmp_path):
    async with serving(writes(OK)) as (port, _):
        done = await send(tmp_path, port, 1_000, connections=4, seconds=0.4, per_s=100)
    assert 30 <= done.answered <= 45


async def test_a_queue_shows_in_the_latencies_of_an_even_rate(tmp_path):
    async def answer(number, writer):
        await asyncio.sleep(0.02)
        writer.write(OK)

    async with serving(answer) as (port, _):
        done = await send(tmp_path, port, 1_000, connections=1, seconds=0.4, per_s=200)
    assert done.answered < 40
    assert done.max_ms > 100


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
async def test_a_body_of_unknown_length_is_a_defect(tmp_path, head):
    from booking_api.bench.generator import _content_length

    with pytest.raises(ValueError, match="chunks"):
        _content_length(head.partition(b"\r\n\r\n")[0])
