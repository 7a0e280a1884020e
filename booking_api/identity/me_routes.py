"""A customer's own page."""

from booking_api.core.context import Context
from booking_api.core.errors import Forbidden
from booking_api.core.web.http import Access, endpoint
from booking_api.identity import me
from booking_api.identity.me_schemas import Me, MeEdit
from booking_api.identity.token_routes import TOKENS

CUSTOMER = Access(customer=True)


@endpoint("GET", "/v1/me", tag=TOKENS, access=CUSTOMER)
async def get_me(ctx: Context) -> Me:
    """See who you are signed in as.

    Your contact and language as you last said them, and what this session sees of your bookings.
    """
    return await me.show_me(ctx)


@endpoint("PATCH", "/v1/me", tag=TOKENS, access=CUSTOMER, errors=(Forbidden,))
async def edit_me(ctx: Context, body: MeEdit) -> Me:
    """Change your contact or language.

    What is absent stays, null clears. The contact is filled in where an order is confirmed without one; bookings that
    there are keep theirs. An address that is replaced is told so.
    """
    return await me.change_me(ctx, body)


ROUTES = [get_me, edit_me]
