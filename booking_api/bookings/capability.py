"""What bookings declares."""

from booking_api.bookings import change_routes, customer_routes, events, integrator_routes, jobs, routes, slot_routes
from booking_api.bookings.checks import CHECKS
from booking_api.bookings.operations import names
from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import MONEY, NOT, VISIT
from booking_api.identity.events import RecoveryRequested
from booking_api.inventory.events import SlotHoldsUnwanted, SlotUpdated
from booking_api.payments.events import PaymentSettled, RefundFailed, RefundRetried, RefundSettled

PARTS = (routes, change_routes, customer_routes, integrator_routes, slot_routes)
CAPABILITY = Capability(
    name="bookings",
    tags=[
        Tag(
            "Bookings",
            "Orders are held, paid and confirmed as one, all of it or none; a booking in it is one party on "
            "one slot. Details, seats, cancelling, and all that an app shows offline.",
            30,
        ),
    ],
    routes=[one for part in PARTS for one in part.ROUTES],
    events=[
        events.BookingHeld,
        events.BookingPending,
        events.BookingConfirmed,
        events.BookingChanged,
        events.BookingCancelled,
        events.BookingExpired,
        events.BookingRejected,
        events.BookingErased,
        events.BookingForgotten,
        events.RefundDueOnSite,
    ],
    subscribers={
        PaymentSettled: (jobs.settle_payment,),
        RecoveryRequested: (jobs.send_recovery_code,),
        SlotUpdated: (jobs.follow_slot,),
        SlotHoldsUnwanted: (jobs.release_holds,),
        **dict.fromkeys((RefundSettled, RefundFailed, RefundRetried), (jobs.follow_refund,)),
    },
    schedules=[
        (1, jobs.sweep_ended_holds),
        (5, jobs.sweep_undecided_payments),
        (5, jobs.decide_for_silent),
        (1, jobs.follow_admissions),
        (300, jobs.apply_retention),
        (300, jobs.bury_abandoned_orders),
    ],
    checks=CHECKS,
    personal={
        "booking": {
            **dict.fromkeys(
                ("reference", "status", "status_reason", "channel", "slot_change", "external_reference"), NOT
            ),
            **dict.fromkeys(("contact", "answers", "cancel_reason", "name_words", "metadata"), VISIT),
            "price": MONEY,
        },
        "booking_order": {
            **dict.fromkeys(("status", "status_reason", "channel", "external_reference"), NOT),
            **dict.fromkeys(("address_digest", "contact_digest", "metadata"), VISIT),
        },
        "item": {
            **dict.fromkeys(("after_admission", "seat", "status"), NOT),
            **dict.fromkeys(("name", "name_words", "answers", "change_reason"), VISIT),
        },
        "tombstone": {"type": NOT},
    },
    backfills=[names.fold_next],
    audited={
        "booking.cancelled": "booking",
        "booking.overridden": "booking",
        "booking.settled": "booking",
        "code.issued": "booking",
        **dict.fromkeys(("order.claim_undone", "order.claimed", "order.refunded"), "order"),
        "pass.reissued": "booking",
    },
)
