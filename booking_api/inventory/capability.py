"""What inventory declares."""

from booking_api.core.capability import Capability
from booking_api.inventory.checks import CHECKS
from booking_api.inventory.events import SlotChanged, SlotHoldsUnwanted

CAPABILITY = Capability(name="inventory", events=[SlotChanged, SlotHoldsUnwanted], checks=CHECKS)
