"""The load generator, against a server that answers as it is told."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from benchmarks import generator
from benchmarks.generator import Load, LoadRun, Sender, content_length
from benchmarks.programs import send_load
from booking_api.core.process import StartFailed
from booking_api.run.starting import free_port

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


async def send(port: int, count: int, **load) -> LoadRun:
    """As the program does it, in a thread: the server that answers is in this one."""
    return await asyncio.to_thread(lambda: Sender(Load(requests=requests(count), port=port, **load)).run())


async def test_each_request_is_sent_once():
    async with serving(writes(OK)) as (port, got):
        done = await send(port, 50, connections=7)
    assert done.statuses == {"200": 50}
    assert done.sent == done.answered == 50
    assert sorted(got) == sorted(request.split(b"\r\n")[0] for request in requests(50))
    assert 0 < done.p50_ms <= done.p99_ms <= done.max_ms


async def test_fewer_requests_than_connections():
    async with serving(writes(OK)) as (port, _):
        assert (await send(port, 3, connections=10)).statuses == {"200": 3}


async def test_an_answer_in_pieces_is_one_answer():
    async with serving(writes(OK[:7], OK[7:30], OK[30:-2], OK[-2:])) as (port, _):
        assert (await send(port, 10, connections=2)).statuses == {"200": 10}


async def test_refusals_are_counted_and_one_is_shown():
    async def answer(number, writer):
        writer.write(REFUSED if number % 2 else OK)

    async with serving(answer) as (port, _):
        done = await send(port, 20, connections=1)
    assert done.statuses == {"200": 10, "409": 10}
    assert done.refusals == {"409": "sold out"}


async def test_an_answer_without_a_body():
    async with serving(writes(NOTHING)) as (port, _):
        assert (await send(port, 4, connections=2)).statuses == {"304": 4}


async def test_a_connection_that_ends_loses_its_request():
    async def answer(number, writer):
        if number == 3:
            writer.close()
        else:
            writer.write(OK)

    async with serving(answer) as (port, _):
        done = await send(port, 10, connections=2)
    assert done.lost == 1
    assert done.statuses == {"200": 9}
    assert done.sent == 10


async def test_requests_repeat_until_the_time_is_over():
    async with serving(writes(OK)) as (port, got):
        done = await send(port, 2, connections=2, seconds=0.2, repeat=True)
    assert done.answered == len(got) > 2
    assert done.seconds >= 0.2


async def test_an_even_rate():
    async with serving(writes(OK)) as (port, _):
        done = await send(port, 1_000, connections=4, seconds=0.4, per_s=100)
    assert 30 <= done.answered <= 45


async def test_a_queue_shows_in_the_latencies_of_an_even_rate():
    async def answer(number, writer):
        await asyncio.sleep(0.02)
        writer.write(OK)

    async with serving(answer) as (port, _):
        done = await send(port, 1_000, connections=1, seconds=0.4, per_s=200)
    assert done.answered < 40
    assert done.max_ms > 100


async def test_a_connection_that_ends_between_two_requests_loses_nothing():
    async def answer(number, writer):
        writer.write(OK)
        if number <= 3:
            writer.close()

    async with serving(answer) as (port, got):
        done = await send(port, 100, connections=4, seconds=0.4, per_s=50)
    assert done.lost == 0
    assert done.sent == done.answered == len(got) > 4


async def test_all_connections_end_before_the_load_does():
    async def answer(number, writer):
        writer.close()

    async with serving(answer) as (port, _):
        done = await send(port, 100, connections=3, seconds=30.0, per_s=50)
        burst = await send(port, 3, connections=5)
    assert (done.sent, done.lost, done.answered) == (3, 3, 0)
    assert (burst.sent, burst.lost, burst.answered) == (3, 3, 0)
    assert done.seconds < 30


async def test_it_sleeps_until_something_happens(monkeypatch):
    """What it takes of the processor is missing from what it measures: it may wake for a request that is due and for an
    answer, and does not look all the time."""
    looks: list[float] = []
    select = generator.select.select
    monkeypatch.setattr(generator.select, "select", lambda *given: looks.append(given[3]) or select(*given))
    async with serving(writes(OK)) as (port, _):
        done = await send(port, 100, connections=4, seconds=0.5, per_s=40)
    assert done.answered > 10
    assert len(looks) < 4 * done.answered


async def test_the_program_sends_what_it_is_given(tmp_path, monkeypatch):
    """In a folder where another `benchmarks` lies, as whoever runs it may have one."""
    (tmp_path / "benchmarks.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    async with serving(writes(REFUSED)) as (port, got):
        done = await send_load(Load(requests=requests(3), port=port, connections=2))
    assert done.statuses == {"409": 3}
    assert done.refusals == {"409": "sold out"}
    assert sorted(got) == sorted(request.split(b"\r\n")[0] for request in requests(3))


async def test_a_server_that_is_not_there():
    with pytest.raises(StartFailed, match=r"The load generator failed: ConnectionRefusedError"):
        await send_load(Load(requests=requests(3), port=free_port(), connections=2))


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
async def test_a_body_of_unknown_length_is_a_defect(head):
    with pytest.raises(ValueError, match="chunks"):
        content_length(head.partition(b"\r\n\r\n")[0])
