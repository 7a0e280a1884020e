"""Work on the rows of many organisations: found without a lock, carried out in one organisation after the other.

A statement over several organisations never locks or changes rows, so that they may live on different nodes. It says
what is due, the oldest first and no more than a bounded number; then a statement for each of the organisations found
locks what is still due of it. With one that has nothing to do nobody is concerned, however many there are.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from booking_api.core.log import log
from booking_api.core.queue.batching import UNDECIDED as GONE


class OfOrganisation(Protocol):
    @property
    def org_id(self) -> UUID: ...


Found = TypeVar("Found", bound=OfOrganisation)
Done = TypeVar("Done")


async def one_by_one(found: Sequence[Found], act: Callable[[Found], Awaitable[Done]]) -> list[Done]:
    """What was done for each organisation, outside of a transaction. One that fails is logged and doesn't stop the
    others. Raises what says that the connection is lost."""
    done: list[Done] = []
    for one in found:
        try:
            done.append(await act(one))
        except GONE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, it concerns this organisation alone
            log.error("job.organisation_failed", org_id=str(one.org_id), exc_info=error)
    return done
