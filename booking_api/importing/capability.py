"""What importing declares: nothing but itself. Its commands are in `booking_api.cli.imports`."""

from booking_api.core.capability import Capability

CAPABILITY = Capability(name="importing")
