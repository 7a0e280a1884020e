"""What a worker does for capabilities: the kinds of functions that they declare."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from booking_api.core.db import Connection
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.runtime import Runtime

Subscriber = Callable[[Runtime, StoredEvent], Awaitable[None]]
"""It may be told of an event more than once."""
Periodic = Callable[[Runtime], Awaitable[int]]
"""It does at most a batch and says how much that was."""

Relayed = Callable[[Connection, Mapping[UUID, Sequence[StoredEvent]]], Awaitable[None]]
"""(connection, events by organisation): what is made of events in the relay's own transaction. It only inserts, with a
statement for each organisation that wants any, because all other events wait for it."""
Service = Callable[[Runtime, asyncio.Event], Awaitable[None]]
"""Runs as long as the worker, until the event is set; where it fails it is started again. Any number of workers do."""
