"""What payments declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.payments import jobs, refund_routes, routes
from booking_api.payments.checks import CHECKS
from booking_api.payments.events import PaymentSettled, RefundFailed, RefundRetried, RefundSettled

CAPABILITY = Capability(
    name="payments",
    tags=[
        Tag("Payments", "Paying through a provider, and what a provider tells us.", 40),
    ],
    routes=[*routes.ROUTES, *refund_routes.ROUTES],
    events=[PaymentSettled, RefundSettled, RefundFailed, RefundRetried],
    schedules=[(1, jobs.reconcile_payments), (1, jobs.execute_refunds)],
    checks=CHECKS,
)
