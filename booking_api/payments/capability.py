"""What payments declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import MONEY, NOT, SETTLED
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
    personal={
        "payment_intent": {
            **dict.fromkeys(("currency", "provider", "status", "provider_reference", "error_code"), MONEY),
            "token": SETTLED,
            "return_url": SETTLED,
            "next_action": SETTLED,
            "token_digest": NOT,
        },
        "refund": dict.fromkeys(
            ("currency", "reason", "status", "provider_reference", "failure_code", "settled_method"), MONEY
        ),
        "settlement": dict.fromkeys(("method", "currency"), MONEY),
    },
    audited={
        "refund.failed": "refund",
        "refund.retried": "refund",
        "refund.settled": "refund",
        "webhook.forged": None,
    },
)
