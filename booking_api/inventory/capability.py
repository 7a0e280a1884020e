"""What inventory declares."""

from booking_api.core.capability import Capability
from booking_api.core.personal import NOT
from booking_api.inventory import routes
from booking_api.inventory.checks import CHECKS
from booking_api.inventory.events import SlotHoldsUnwanted, SlotUpdated

CAPABILITY = Capability(
    name="inventory",
    routes=routes.ROUTES,
    events=[SlotUpdated, SlotHoldsUnwanted],
    checks=CHECKS,
    personal={
        "seat_claim": {"seat": NOT},
        "slot": dict.fromkeys(
            ("code", "kind", "time_zone", "end_time_zone", "status", "gate", "resource", "delay_note"), NOT
        ),
    },
    audited={
        "slots.offered": None,
        "slot.changed": "slot",
        "slot.holds_released": "slot",
    },
)
