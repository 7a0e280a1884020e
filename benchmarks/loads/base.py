"""What every measured operation is made of: requests of ours, a limit, and a proof."""

import abc
from collections.abc import Callable

import httpx
import msgspec

from benchmarks import queries
from benchmarks.generator import LoadRun
from benchmarks.pgbench import CLIENTS
from benchmarks.queries import RowCounts
from benchmarks.schemas import LimitRun
from benchmarks.stage import Stage
from benchmarks.world import World
from booking_api.catalog.schemas import ProductDefinition
from booking_api.core.process import StartFailed
from booking_api.core.runtime import acquire

Remark = Callable[[str], None]
"""Told what is going on, for the progress shown."""


class MeasuredOperation(abc.ABC):
    """One operation. Requests are made for each run anew, and so are the rows that a run uses up."""

    name: str
    title: str
    success = "201"
    repeats = False
    """Whether the same requests may be sent again and again."""
    slow_flush = False
    """Whether it runs with flushes that take 1 ms longer, ours and the limit."""
    first_guess_per_s = 3_000.0
    """How many requests a second the first run is provided for."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def stage(self) -> Stage:
        return self.world.stage

    @property
    def product(self) -> ProductDefinition:
        """Whose slots the proof looks at."""
        return self.world.hall

    async def prepare(self) -> None:  # noqa: B027 - most need nothing
        """What is needed once, before the first round."""

    @abc.abstractmethod
    async def make_requests(self, count: int) -> list[bytes]:
        """Brings in the rows that so many requests need, and makes these."""

    limit_clients = (CLIENTS,)
    """How many connections pgbench has. The first is what ours is compared with, others are told beside it."""

    @abc.abstractmethod
    async def run_limit(self, seconds: float, guess_per_s: float, clients: int) -> LimitRun:
        """The limit with so many connections."""

    @abc.abstractmethod
    def expected(self, successes: int) -> dict[str, int]:
        """By how much the books must have grown, by their field."""

    async def read_books(self) -> RowCounts:
        async with acquire(self.stage.runtime) as db:
            return await queries.read_books(db, self.world.org_id, self.product.id)

    def find_problems(self, before: RowCounts, after: RowCounts, run: LoadRun) -> list[str]:
        """Where the tables disagree with the answers. Requests without an answer may have done their work or not."""
        problems = [
            f"{count} answers were {status}: {run.refusals.get(status, '')[:200]}"
            for status, count in run.statuses.items()
            if status != self.success
        ]
        if run.lost:
            problems.append(f"{run.lost} requests had no answer")
        if after.wrong_slots:
            problems.append(f"{after.wrong_slots} slots say that other places are taken than their claims add up to")
        successes = run.statuses.get(self.success, 0)
        most = self.expected(successes + run.sent - run.answered)
        for field, wanted in self.expected(successes).items():
            grown = getattr(after, field) - getattr(before, field)
            if not wanted <= grown <= most[field]:
                problems.append(f"{field} grew by {grown}, the answers say {wanted}")
        return problems


async def ask_once(world: World, request: bytes) -> str:
    """Sends one of the requests by itself; the text of its answer. Raises `StartFailed` unless it is a success."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.request(
            method, f"http://127.0.0.1:{world.stage.settings.port}{target}", headers=headers, content=body
        )
    if not answer.is_success:
        raise StartFailed(f"The measured server answered {answer.status_code} to {first}: {answer.text[:300]}")
    return answer.text


def encode_text(value: object) -> str:
    return msgspec.json.encode(value).decode()
