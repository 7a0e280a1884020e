"""What becomes of a person in a column that could hold text: the words in which capabilities declare it.

What is `NOT` personal never holds what somebody said about themselves: codes, names of things, ids, digests. What
begins with `KEPT` names the law. Everything else says what erases it. `tests/persons` reads the schema beside what is
declared, and docs/personal-data.md has all of it on one page.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from booking_api.core.db import Connection

NOT = "not personal"
VISIT = "erased after the visit by `bookings.apply_retention`, and with the person"
FEEDBACK = "the text is erased after the visit by `bookings.apply_retention`, and with the person"
REASON = "erased after the visit by `checkin.erase_reasons`, and with the person"
TWO_DAYS = "deleted or emptied after two days, and with the person where it is theirs"
ANSWER = "deleted after two days, and erased with the person whom it tells of, whoever asked"
SEALED = "a contact only, encrypted with the master secret; leaves whole with its partition after 30 days"
JOB = "deleted when the job is done; what is personal in it is encrypted with the master secret"
DEVICE = "deleted with the session, and with the person"
STAFF = "KEPT: whoever acted for the organisation, for as long as what they did is kept (commercial law)"
SETTLED = "erased when the payment is settled; an older link back into an app after the visit, and with the person"
MONEY = "KEPT: records of payments for the tax law's time; names nobody"


class Theirs(NamedTuple):
    """What is a person's: customers who are them, and bookings, also those that others made for them."""

    customer_ids: Sequence[UUID]
    booking_ids: Sequence[UUID]


Eraser = Callable[[Connection, UUID, Theirs, datetime], Awaitable[int]]
"""(connection, organisation, what is a person's, now): erases what is kept of it, in the caller's transaction. It says
how much that was; again, it is nothing."""
