"""Those who ask the same at once share the next run: never one that began before, and nobody spoils it for others."""

import asyncio
import random
from collections.abc import Hashable, Sequence

import pytest

from booking_api.core.errors import NotFound, Overloaded
from booking_api.core.queue.coalescing import Coalescer


class Source:
    """A value that changes, and runs that read it first and answer when they are let go on."""

    def __init__(self, *, seconds: float = 30.0, bound: int = 100) -> None:
        self.value = 0
        self.runs: list[tuple[Hashable, list[str]]] = []
        self.go_on = asyncio.Event()
        self.error: BaseException | None = None
        self.coalescer: Coalescer[Hashable, str, int] = Coalescer(self.run, seconds=seconds, bound=bound)

    async def run(self, key: Hashable, items: Sequence[str]) -> int:
        self.runs.append((key, list(items)))
        found, error = self.value, self.error
        await self.go_on.wait()
        if error is not None:
            raise error
        return found

    def ask(self, item: str, key: Hashable = "key") -> asyncio.Task[int]:
        return asyncio.create_task(self.coalescer.ask(key, item))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_come_during_a_run_share_the_next_one():
    source = Source()
    first = source.ask("a")
    await settle()
    others = [source.ask(item) for item in "bcd"]
    await settle()
    assert source.runs == [("key", ["a"])]
    source.value = 1
    source.go_on.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [1, 1, 1]
    assert source.runs == [("key", ["a"]), ("key", ["b", "c", "d"])]


async def test_those_who_come_before_a_run_has_begun_share_it():
    source = Source()
    source.go_on.set()
    assert await asyncio.gather(*(source.ask(item) for item in "abc")) == [0, 0, 0]
    assert source.runs == [("key", ["a", "b", "c"])]


async def test_keys_dont_wait_for_each_other():
    source = Source()
    waiting = source.ask("a", "one")
    await settle()
    quick = source.ask("b", "two")
    await settle()
    assert source.runs == [("one", ["a"]), ("two", ["b"])]
    source.go_on.set()
    assert await asyncio.gather(waiting, quick) == [0, 0]


async def test_nothing_is_kept_of_a_run():
    source = Source()
    source.go_on.set()
    for value in range(3):
        source.value = value
        assert await source.ask("a") == value
    await settle()
    assert len(source.runs) == 3
    assert not source.coalescer._waiting
    assert not source.coalescer._runners


async def test_a_caller_who_leaves_is_left_out_and_harms_nobody():
    source = Source()
    first = source.ask("a")
    await settle()
    leaves, stays = source.ask("b"), source.ask("c")
    await settle()
    leaves.cancel()
    first.cancel()
    await settle()
    source.value = 1
    source.go_on.set()
    assert await stays == 1
    assert source.runs == [("key", ["a"]), ("key", ["c"])]
    for gone in (first, leaves):
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_there_is_no_run_for_those_who_left():
    source = Source()
    source.go_on.set()
    alone = source.ask("a")
    await asyncio.sleep(0)
    alone.cancel()
    await settle()
    assert source.runs == []
    assert await source.ask("b") == 0


async def test_a_failure_is_of_its_own_run_alone():
    source = Source()
    source.error = NotFound("There is no such slot.")
    first, second = source.ask("a"), source.ask("b")
    await settle()
    source.error = None
    third = source.ask("c")
    await settle()
    source.go_on.set()
    for failed in (first, second):
        with pytest.raises(NotFound, match="no such slot"):
            await failed
    assert await third == 0


async def test_a_run_that_takes_too_long_is_given_up_and_the_next_one_begins():
    source = Source(seconds=0.05)
    stuck = source.ask("a")
    await settle()
    waiting = source.ask("b")
    with pytest.raises(Overloaded):
        await stuck
    source.go_on.set()
    assert await waiting == 0


async def test_a_time_out_of_the_run_itself_stays_what_it_is():
    source = Source()
    source.error = TimeoutError("the driver's own")
    source.go_on.set()
    with pytest.raises(TimeoutError, match="own"):
        await source.ask("a")


async def test_who_waits_is_bounded_over_all_keys():
    source = Source(bound=3)
    waiting = [source.ask("a", key) for key in ("one", "two", "two")]
    await settle()
    with pytest.raises(Overloaded):
        await source.coalescer.ask("three", "a")
    source.go_on.set()
    await asyncio.gather(*waiting)
    assert await source.ask("a", "three") == 0


async def test_nobody_hangs_when_the_process_ends():
    source = Source()
    running = source.ask("a")
    await settle()
    waiting = source.ask("b")
    await settle()
    for runner in list(source.coalescer._runners):
        runner.cancel()
    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
    assert not source.coalescer._waiting


@pytest.mark.parametrize("seed", range(5))
async def test_no_answer_is_older_than_its_question(seed: int):
    """Many callers, some of whom leave, against a value that grows all the time and runs of any length."""
    chance, value = random.Random(seed), 0

    async def run(_: int, __: Sequence[None]) -> int:
        found = value
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        if chance.random() < 0.1:
            raise ConnectionResetError
        return found

    coalescer: Coalescer[int, None, int] = Coalescer(run, seconds=30)
    answered = 0

    async def ask() -> None:
        nonlocal answered
        for _ in range(40):
            before = value
            try:
                assert await coalescer.ask(chance.randrange(3), None) >= before
                answered += 1
            except ConnectionResetError:
                pass
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)

    callers = [asyncio.create_task(ask()) for _ in range(20)]
    while not all(caller.done() for caller in callers):
        value += 1
        await asyncio.sleep(0)
        if chance.random() < 0.005:
            chance.choice(callers).cancel()
    ended = await asyncio.gather(*callers, return_exceptions=True)
    assert all(error is None or isinstance(error, asyncio.CancelledError) for error in ended), ended
    assert answered > 100
    assert not coalescer._waiting
