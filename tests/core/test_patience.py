"""One time-out for many tasks."""

import asyncio

import pytest

from booking_api.core.web.patience import Patience


async def wait(patience: Patience, event: asyncio.Event) -> str:
    """As a request waits for its body."""
    task = asyncio.current_task()
    assert task is not None
    patience.begin(task, asyncio.get_running_loop())
    try:
        await event.wait()
    except asyncio.CancelledError:
        if patience.end(task):
            return f"late, {task.cancelling()}"
        raise
    return "late" if patience.end(task) else "in time"


async def test_each_has_its_own_time() -> None:
    patience, never, soon = Patience(0.2), asyncio.Event(), asyncio.Event()
    waiting = [asyncio.create_task(wait(patience, event)) for event in (never, soon, never, soon)]
    await asyncio.sleep(0)
    soon.set()
    assert await asyncio.gather(*waiting) == ["late, 0", "in time", "late, 0", "in time"]
    # The next ones after a pause, in which nobody waited.
    again = [asyncio.create_task(wait(patience, event)) for event in (never, soon)]
    assert await asyncio.gather(*again) == ["late, 0", "in time"]


async def test_a_cancellation_by_somebody_else_goes_through() -> None:
    patience, never = Patience(30), asyncio.Event()
    task = asyncio.create_task(wait(patience, never))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not patience._until
    assert not patience._late


async def test_a_task_that_went_on_is_left_alone() -> None:
    patience, never, soon = Patience(0.05), asyncio.Event(), asyncio.Event()

    async def go_on() -> str:
        answer = await wait(patience, soon)
        await asyncio.sleep(0.3)
        return answer

    soon.set()
    late, fine = await asyncio.gather(wait(patience, never), go_on())
    assert (late, fine) == ("late, 0", "in time")
