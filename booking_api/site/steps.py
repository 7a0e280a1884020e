"""How one operation leads to the next, as links of OpenAPI: the journey from a search to the pass, and out again.

A link says what of an answer goes where in the next request. What only the customer knows (their contact, their score)
isn't in it. The next request's body is an extension: openapi-generator refuses a `requestBody` that is no text.
"""

from collections.abc import Mapping
from typing import Any

Link = dict[str, Any]
BODY = "$response.body#/"


def _link(operation_id: str, about: str, path: Mapping[str, str], body: Mapping[str, Any] | None = None) -> Link:
    made: Link = {"operationId": operation_id, "description": about}
    if path:
        made["parameters"] = {name: BODY + pointer for name, pointer in path.items()}
    if body is not None:
        made["x-request-body"] = body
    return made


BOOKING = {"booking_id": "id"}
ORDER = {"order_id": "id"}
AGREED = {"payment": {"method": f"{BODY}payment/methods/0/method"}, "expected_total": f"{BODY}price/total"}
"""The first way to pay that is offered, and the price that was shown."""

_HELD: dict[str, Link] = {
    "confirm": _link("confirmBooking", "Confirms it, with the first way to pay that is offered.", BOOKING, AGREED),
    "extend": _link("extendBooking", "Keeps its places longer.", BOOKING),
    "edit": _link("editBooking", "Fills in what is `missing`.", BOOKING),
    "show": _link("getBooking", "Shows it as it is now.", BOOKING),
    "release": _link("cancelBooking", "Gives its places back.", BOOKING, {}),
}
_CONFIRMED: dict[str, Link] = {
    "pass": _link("getPassSvg", "Draws what the gate reads.", {"pass_id": "items/0/pass/id"}),
    "say": _link("giveFeedback", "Says how it went.", {}, {"booking_id": f"{BODY}id", "step": "confirmed"}),
    "cancel": _link(
        "cancelBooking", "Cancels it, for the refund that was shown.", BOOKING,
        {"expected_refund": f"{BODY}cancellation/refund"},
    ),
    "show": _link("getBooking", "Shows it as it is now.", BOOKING),
}  # fmt: skip

LINKS: Mapping[tuple[str, int], Mapping[str, Link]] = {
    ("searchAvailability", 200): {
        "hold": _link(
            "createBooking", "Holds a place on the first slot found.", {},
            {
                "slot_id": f"{BODY}items/0/slot_id",
                "option_id": f"{BODY}items/0/options/0/option_id",
                "items": [{"unit_id": f"{BODY}items/0/options/0/units/0/unit_id"}],
            },
        ),
        "look": _link("getSlot", "Shows the first slot found.", {"slot_id": "items/0/slot_id"}),
        "choose": _link("getSlotSeats", "Shows which of its seats are taken.", {"slot_id": "items/0/slot_id"}),
    },
    ("createBooking", 201): _HELD,
    ("confirmBooking", 200): _CONFIRMED,
    ("confirmBooking", 202): {
        "show": _link("getBooking", "Shows what became of the payment.", BOOKING),
        "give_up": _link("cancelBooking", "Gives its places back; what is paid late comes back.", BOOKING, {}),
    },
    ("createOrder", 201): {
        "confirm": _link("confirmOrder", "Confirms all of it.", ORDER, AGREED),
        "show": _link("getOrder", "Shows it as it is now.", ORDER),
        "release": _link("cancelOrder", "Gives its places back.", ORDER, {}),
    },
    ("confirmOrder", 200): {
        "pass": _link("getPassSvg", "Draws what the gate reads.", {"pass_id": "bookings/0/items/0/pass/id"}),
        "cancel": _link("cancelOrder", "Cancels all of it.", ORDER, {}),
    },
    ("giveFeedback", 201): {"edit": _link("editFeedback", "Changes it, for an hour.", {"feedback_id": "id"})},
    ("cancelBooking", 200): {"show": _link("getBooking", "Shows it as it is now.", BOOKING)},
}  # fmt: skip
"""By operation and the status of its answer."""
