"""What checkin declares."""

from booking_api.checkin import jobs, routes
from booking_api.core.capability import Capability, Tag

CAPABILITY = Capability(
    name="checkin",
    tags=[
        Tag("Gate", "Admitting people: scans with a verdict, looking people up, settling what is due.", 60),
    ],
    routes=routes.ROUTES,
    schedules=[(60, jobs.sweep_scan_answers), (300, jobs.erase_reasons), (60, jobs.archive_scans)],
)
