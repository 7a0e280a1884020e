"""What identity declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.identity import audit_routes, jobs, routes, session_routes
from booking_api.identity.checks import CHECKS
from booking_api.identity.events import (
    ContactCodeRequested,
    RecoveryRequested,
    SessionOpened,
    SessionReused,
    SignInRequested,
)

CAPABILITY = Capability(
    name="identity",
    tags=[
        Tag("Tokens", "Renewing access, getting back to a booking, going on with another device.", 80),
        Tag("Staff", "The people who work here and what they may do.", 90),
        Tag("Keys", "API keys of apps and integrations.", 100),
        Tag("Audit", "Who did what, for owners.", 110),
    ],
    routes=[*routes.ROUTES, *audit_routes.ROUTES, *session_routes.ROUTES],
    events=[RecoveryRequested, SignInRequested, ContactCodeRequested, SessionOpened, SessionReused],
    subscribers={
        SessionOpened: (jobs.tell_of_opening,),
        SessionReused: (jobs.tell_of_reuse,),
        SignInRequested: (jobs.send_sign_in_code,),
        ContactCodeRequested: (jobs.send_contact_code,),
    },
    schedules=[(60, jobs.sweep_credentials), (600, jobs.keep_audit_partitions)],
    checks=CHECKS,
)
