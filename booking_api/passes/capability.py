"""What passes declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import NOT
from booking_api.passes import routes

CAPABILITY = Capability(
    name="passes",
    tags=[
        Tag(
            "Passes",
            "The signed QR document of each person, and the public keys that verify it without a network.",
            50,
        ),
    ],
    routes=routes.ROUTES,
    personal={
        "attendance": {"last_scan_nonce": NOT},
        "pass": {"kid": NOT, "code": NOT},
    },
)
