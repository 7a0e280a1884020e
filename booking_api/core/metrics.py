"""What a capability tells Prometheus of the whole installation: what its tables say when somebody asks.

What a process counts for itself ends with it, and workers have no page of metrics. So figures about bookings, payments
or jobs are read from the database, and are the same whichever process is asked. Requests alone are counted as they are
answered, in `core.web.middleware`.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar, get_args

import msgspec

from booking_api.core.db import Connection

PREFIX = "booking_api_"
Row = TypeVar("Row", bound=msgspec.Struct)


@dataclasses.dataclass(frozen=True, slots=True)
class Metrics(Generic[Row]):
    """Gauges that are read together."""

    row: type[Row]
    """Each number of it is a gauge, named as the field with `booking_api_` before, and its description is the help text.
    Its texts are the labels of all of them."""
    read: Callable[[Connection, datetime], Awaitable[Sequence[Row]]]
    """(connection, now): one row, or one for each of the labels' values. It looks across organisations, reads only, and
    takes little: whoever watches asks every few seconds, and waits no longer than four."""


class Gauge(NamedTuple):
    name: str
    about: str
    labels: Sequence[str]
    samples: Sequence[tuple[Sequence[str], float]]
    """The labels' values, and the figure."""


def gauges_of(row: type[msgspec.Struct], found: Sequence[msgspec.Struct]) -> Iterator[Gauge]:
    """Each number of such a Struct with what was found."""
    fields = msgspec.structs.fields(row)
    labels = [field.name for field in fields if str in {field.type, *get_args(field.type)[:1]}]
    for field in fields:
        if field.name not in labels:
            samples = [([getattr(one, label) for label in labels], getattr(one, field.name)) for one in found]
            yield Gauge(PREFIX + field.name, get_args(field.type)[1].description, labels, samples)
