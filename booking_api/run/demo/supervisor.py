"""Child processes: started, watched, started again when they die, stopped in order."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from booking_api.core.log import log
from booking_api.core.process import PARENT_VARIABLE, StartFailed

STABLE_SECONDS = 30.0
"""A process that ran for this long is started again at once when it dies."""
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.2, 10.0


def our_command(*arguments: str) -> list[str]:
    """`booking-api …` with this very interpreter, whatever is on the path or in the current folder."""
    return [sys.executable, "-P", "-m", "booking_api", *arguments]


class Child:
    """One process. `begin` starts it once; `keep` starts it again whenever it dies, until `stop`.

    Children run in sessions of their own, so that Ctrl-C reaches the supervisor alone, which stops them in order.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *,
        stop_signal: signal.Signals = signal.SIGTERM, stop_seconds: float = 25.0, **spawn: Any,
    ) -> None:  # fmt: skip
        self.name = name
        self.command = command
        self.environment = environment
        self.stop_signal = stop_signal
        self.stop_seconds = stop_seconds
        self.spawn = spawn
        self.process: asyncio.subprocess.Process | None = None
        self.stopping = False
        self._keeper: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Starts the process. Raises `StartFailed` where the program can't be run at all."""
        environment = {**self.environment, PARENT_VARIABLE: str(os.getpid())}
        streams = {"stdin": asyncio.subprocess.DEVNULL, "stdout": sys.stderr, **self.spawn}
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, env=environment, start_new_session=True, **streams
            )
        except OSError as error:
            raise StartFailed(f"The {self.name} can't be started: {error.strerror}.") from None

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def keep(self, begin: Callable[[], Awaitable[None]] | None = None) -> None:
        """From now on starts the process again when it dies; `begin` replaces the way that is done."""
        self._keeper = asyncio.create_task(self._keep(begin or self.begin))

    async def _keep(self, begin: Callable[[], Awaitable[None]]) -> None:
        delay = FIRST_DELAY_SECONDS
        clock = asyncio.get_running_loop().time
        began = clock()
        while not self.stopping:
            if self.process is not None:
                status = await self.process.wait()
                if self.stopping:
                    return
                log.warning("demo.process_died", process=self.name, exit_status=status)
            if clock() - began > STABLE_SECONDS:
                delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            began = clock()
            try:
                await begin()
                log.info("demo.process_started_again", process=self.name)
            except StartFailed as error:
                self.process = None
                log.warning("demo.process_not_started", process=self.name, error=str(error))

    async def stop(self, hurry: asyncio.Event) -> None:
        """Asks the process to stop and waits; kills it if it takes too long or `hurry` is set."""
        self.stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self.process is None or self.process.returncode is not None:
            return
        self._signal(self.stop_signal)
        waits = {asyncio.create_task(self.process.wait()), asyncio.create_task(hurry.wait())}
        _, pending = await asyncio.wait(waits, timeout=self.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if self.process.returncode is None:
            log.warning("demo.process_killed", process=self.name)
            self._signal(signal.SIGKILL)
            await self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
