"""What is declared as metrics becomes what Prometheus reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import asyncpg
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from booking_api.core.clock import utc_now
from booking_api.core.db import Connection
from booking_api.core.metrics import Metrics
from booking_api.core.runtime import Runtime
from booking_api.core.web.metrics import metrics_text


class Waiting(msgspec.Struct):
    channel: str
    language: Annotated[str, msgspec.Meta(description="As in the message.")]
    messages_waiting: Annotated[int, msgspec.Meta(description="Messages that wait.")]
    oldest_message_seconds: Annotated[float, msgspec.Meta(description="How long the oldest has waited.")]


class Total(msgspec.Struct):
    total: Annotated[float, msgspec.Meta(description='A "total"\nin two lines.')]


def declared(*rows: Waiting) -> list[Metrics[Waiting]]:
    async def read(db: Connection, now: datetime) -> Sequence[Waiting]:
        assert await db.fetchval("select 1") == 1
        assert abs((utc_now() - now).total_seconds()) < 60
        return rows

    return [Metrics(Waiting, read)]


async def read_back(runtime: Runtime, metrics: Sequence[Metrics]) -> dict[str, dict[tuple[str, ...], float]]:
    text = (await metrics_text(runtime, metrics)).decode()
    return {
        family.name.removeprefix("booking_api_"): {tuple(one.labels.values()): one.value for one in family.samples}
        for family in text_string_to_metric_families(text)
    }


async def test_texts_are_labels_and_numbers_are_figures(runtime: Runtime) -> None:
    found = await read_back(runtime, declared(Waiting("mail", "de", 3, 0.25), Waiting('p"u\\sh\n', "", 0, 0)))
    assert found["messages_waiting"] == {("mail", "de"): 3, ('p"u\\sh\n', ""): 0}
    assert found["oldest_message_seconds"] == {("mail", "de"): 0.25, ('p"u\\sh\n', ""): 0}
    assert found["database_up"] == {(): 1}


async def test_a_metric_without_rows_is_there_and_has_no_figure(runtime: Runtime) -> None:
    found = await read_back(runtime, declared())
    assert found["messages_waiting"] == {}


async def test_without_labels_it_is_one_figure(runtime: Runtime) -> None:
    async def read(_: Connection, __: datetime) -> Sequence[Total]:
        return [Total(2.5)]

    found = await read_back(runtime, [*declared(Waiting("mail", "de", 3, 1)), Metrics(Total, read)])
    assert found["total"] == {(): 2.5}
    assert found["messages_waiting"] == {("mail", "de"): 3}


@pytest.mark.parametrize("error", [TimeoutError(), asyncpg.QueryCanceledError(), ConnectionResetError()])
async def test_what_can_not_be_read_leaves_no_figure_of_half_the_installation(
    runtime: Runtime, error: Exception
) -> None:
    async def read(_: Connection, __: datetime) -> Sequence[Total]:
        raise error

    found = await read_back(runtime, [*declared(Waiting("mail", "de", 3, 1)), Metrics(Total, read)])
    assert found["database_up"] == {(): 0}
    assert "messages_waiting" not in found
    assert "total" not in found
