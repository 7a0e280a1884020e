"""What upkeep declares."""

from booking_api.core.capability import Capability, Tag
from booking_api.core.personal import ANSWER, JOB, NOT, SEALED
from booking_api.upkeep import jobs, routes
from booking_api.upkeep.checks import CHECKS
from booking_api.upkeep.metrics import METRICS

CAPABILITY = Capability(
    name="upkeep",
    tags=[
        Tag("Operations", "Whether the installation is well, and its description.", 130),
    ],
    routes=routes.ROUTES,
    schedules=[
        (5, jobs.plan_anew),
        (60, jobs.delete_old_answers),
        (600, jobs.keep_event_partitions),
        (600, jobs.delete_old_events),
        (60, jobs.delete_old_job_log),
    ],
    checks=CHECKS,
    metrics=METRICS,
    personal={
        # Of the core, which declares nothing itself.
        "event": {"type": NOT, "data": SEALED},
        "idempotency_key": {"key_hash": NOT, "fingerprint": NOT, "body": ANSWER},
        "pgqueuer": {**dict.fromkeys(("entrypoint", "dedupe_key", "headers"), NOT), "payload": JOB},
        "pgqueuer_log": {"entrypoint": NOT, "traceback": NOT},
        "pgqueuer_schedules": {"expression": NOT, "entrypoint": NOT},
        "pgqueuer_statistics": {"entrypoint": NOT},
        "schema_migrations": {"version": NOT},
    },
)
