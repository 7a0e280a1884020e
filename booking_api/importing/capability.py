"""What importing declares. Its command is in `commands.py`."""

from booking_api.core.capability import Capability

CAPABILITY = Capability(name="importing")
