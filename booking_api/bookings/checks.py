"""What the doctor asks of orders: their places, their money, their passes, and who is inside."""

from booking_api.bookings import check_queries
from booking_api.core.checks import REPORT_IT, suspects
from booking_api.payments.checks import RECONCILED_WITHIN

CHECKS = [
    suspects(
        "claims", "Bookings and the places kept for them don't match.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_claims(examined.db, limit),
    ),
    suspects(
        "gate", "People are inside with something cancelled.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_inside(examined.db, limit),
    ),
    suspects(
        "order states", "Bookings are in a state that their order can't have led to.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_order_states(examined.db, limit),
    ),
    suspects(
        "payments", "Orders and their payments don't match.",
        "Start the worker and look at its log; it finishes what was interrupted.",
        lambda examined, limit: check_queries.suspects_orders(examined.db, examined.now - RECONCILED_WITHIN, limit),
    ),
    suspects(
        "passes", "People and their passes don't match.", REPORT_IT,
        lambda examined, limit: check_queries.suspects_passes(examined.db, limit),
    ),
]  # fmt: skip
