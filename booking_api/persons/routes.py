"""What owners do for a person who asks what is known of them, or wants it gone."""

from typing import Any

from litestar import Request, Response

from booking_api.core.context import Context
from booking_api.core.errors import NotFound
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.inputs import read_body
from booking_api.core.web.replies import Reply, send
from booking_api.core.web.transactions import writing
from booking_api.identity.routes import forget
from booking_api.persons import operations
from booking_api.persons.schemas import BookingsAhead, Person, PersonErased, PersonExport

TAG = "Persons"
OWNERS = Access(staff="owner")


@endpoint(
    "POST", "/v1/persons/export", tag=TAG, access=OWNERS, body=Person, answers={200: PersonExport}, errors=(NotFound,)
)
async def export_person(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Export what is known of a person.

    By customer, or by an address however it is written: contacts, bookings with names and answers, feedback, scans and
    sessions, at most 1,000 of each. By an address it is the bookings that have it as their contact, with all else of
    customers who have no other: whoever books for many isn't each of them. The address is in the body, so that no log
    on the way has it. The audit has who asked, and about which customers.
    """
    body = await read_body(request, Person)
    async with writing(request) as ctx:
        answer = await operations.export(ctx, body)
    # After the transaction, so that it isn't stored for a repeat: asked again, it is looked up again.
    ctx.reply = Reply(answer)
    return send(request, ctx)


@endpoint("POST", "/v1/persons/erase", tag=TAG, access=OWNERS, errors=(NotFound, BookingsAhead))
async def erase_person(ctx: Context, body: Person) -> PersonErased:
    """Erase what is known of a person.

    Who is meant is found as for the export. Contacts, names, answers, typed reasons and texts go at once, with the
    messages and stored answers that are theirs; their sessions end. What others asked about them is stored for repeats
    for two days at most. What was paid stays, under ids that name nobody. While they have bookings that aren't over it
    is 409 `bookings_ahead` and nothing is erased. Repeating it erases nothing more.
    """
    answer, ended = await operations.erase(ctx, body)
    forget(ctx, *ended)
    return answer


ROUTES = [export_person, erase_person]
