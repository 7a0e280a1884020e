"""What checkin declares."""

from booking_api.checkin import jobs, routes
from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import NOT, REASON, TWO_DAYS

CAPABILITY = Capability(
    name="checkin",
    tags=[
        Tag("Gate", "Admitting people: scans with a verdict, looking people up, settling what is due.", 60),
    ],
    routes=routes.ROUTES,
    schedules=[(60, jobs.sweep_scan_answers), (300, jobs.erase_reasons), (60, jobs.archive_scans)],
    personal={
        "scan": {
            **dict.fromkeys(("nonce", "request_hash", "gate", "direction", "verdict"), NOT),
            "override_reason": REASON,
            "answer": TWO_DAYS,
        },
        "scan_archive": {
            **dict.fromkeys(("nonce", "request_hash", "gate", "direction", "verdict", "outcomes"), NOT),
            "override_reason": REASON,
        },
        "scan_outcome": dict.fromkeys(("nonce", "verdict", "nonce_before"), NOT),
    },
    audited={
        "scan.overridden": "item",
        "scan.undone": "item",
    },
)
