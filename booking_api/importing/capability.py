"""What importing declares. Its command is in `commands.py`."""

from booking_api.core.capability import Capability
from booking_api.importing import routes

CAPABILITY = Capability(name="importing", routes=routes.ROUTES, audited={"catalogue.exported": None})
