"""What identity declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import DEVICE, NOT, STAFF, TWO_DAYS, VISIT
from booking_api.identity import (
    audit_routes,
    events,
    jobs,
    letter_jobs,
    me_routes,
    news_jobs,
    resealing,
    routes,
    session_routes,
    token_routes,
)
from booking_api.identity.checks import CHECKS

CAPABILITY = Capability(
    name="identity",
    tags=[
        Tag("Tokens", "Renewing access, getting back to a booking, going on with another device.", 80),
        Tag("Staff", "The people who work here and what they may do.", 90),
        Tag("Keys", "API keys of apps and integrations.", 100),
        Tag("Audit", "Who did what, for owners.", 110),
    ],
    routes=[*token_routes.ROUTES, *routes.ROUTES, *audit_routes.ROUTES, *session_routes.ROUTES, *me_routes.ROUTES],
    events=[
        events.RecoveryRequested,
        events.SignInRequested,
        events.ContactCodeRequested,
        events.ContactReplaced,
        events.BookingsClaimed,
        events.SessionOpened,
        events.SessionReused,
    ],
    subscribers={
        events.SessionOpened: (letter_jobs.tell_of_opening,),
        events.SessionReused: (letter_jobs.tell_of_reuse,),
        events.SignInRequested: (letter_jobs.send_sign_in_code,),
        events.ContactCodeRequested: (letter_jobs.send_contact_code,),
        events.ContactReplaced: (news_jobs.tell_of_replacement,),
        events.BookingsClaimed: (news_jobs.tell_of_claim,),
    },
    schedules=[(60, jobs.sweep_credentials), (600, jobs.keep_audit_partitions)],
    checks=CHECKS,
    resealers=(resealing.reseal_keys,),
    personal={
        "api_key": dict.fromkeys(
            ("kind", "name", "channel", "scopes", "hint", "secret_hash", "allowed_origins", "allowed_apps"), NOT
        ),
        "audit": dict.fromkeys(("action", "actor_kind", "object_type", "reason_code", "request_id"), NOT),
        "customer": {**dict.fromkeys(("name", "email", "phone"), VISIT), "locale": NOT},
        "mailbox": dict.fromkeys(("recipient", "subject", "body"), TWO_DAYS),
        "organisation": dict.fromkeys(("name", "time_zone", "currency", "locale", "country"), NOT),
        "session": {**dict.fromkeys(("kind", "channel", "opened_by", "address_digest"), NOT), "device": DEVICE},
        "signing_key": dict.fromkeys(("kid", "private_key_encrypted", "public_key"), NOT),
        "single_use_code": dict.fromkeys(("code_hash", "purpose", "address_digest"), NOT),
        "staff": {"name": STAFF, "email": STAFF, "role": NOT},
    },
    audited={
        "data.exported": "organisation",
        "key.changed": "key",
        "key.created": "key",
        "key.revoked": "key",
        "organisation.changed": "organisation",
        "organisation.created": "organisation",
        "secret.changed": "organisation",
        "session.ended": "session",
        "session.reused": "session",
        "sessions.ended": "session",
        "sign_in.failed": None,
        "signing_key.rotated": "signing_key",
        "staff.changed": "staff",
        "staff.created": "staff",
        "staff.revoked": "staff",
        "staff.role_changed": "staff",
        "staff.signed_in": "staff",
    },
)
