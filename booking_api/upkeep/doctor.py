"""The doctor: looks at an installation and its data, and says what is wrong and how to mend it.

It changes nothing. Each check is one entry of `CHECKS`; a check yields what it found wrong.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from booking_api.core import queries as core_queries
from booking_api.core.db import Connection, prepare_connection
from booking_api.core.partitions import begins_of, partition_name, week_of
from booking_api.core.process import StartFailed, connect
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity import queries as identity_queries
from booking_api.identity import resealing, smtp
from booking_api.identity.notifier import delivers
from booking_api.migrate import MIGRATIONS
from booking_api.payments.providers import PROVIDERS
from booking_api.upkeep import queries
from booking_api.upkeep.rules import EVENTS_KEPT
from booking_api.upkeep.schemas import CheckUp, Finding, Suspect

SHOWN = 5
"""How many examples of one mistake are shown."""
OLDEST_POSTGRESQL, NEWEST_POSTGRESQL = 15, 18
CLOCKS_APART = timedelta(seconds=5)
WORKER_SEEN_WITHIN = timedelta(seconds=30)
RELAYED_WITHIN = timedelta(seconds=60)
RECONCILED_WITHIN = timedelta(minutes=15)
UNDECIDED_FOR = timedelta(days=1)
"""How long a provider may leave open whether it has charged what it was asked to cancel."""
LINGERING = timedelta(days=3)
"""How long a partition may be left over, because somebody reads it in a long transaction."""
STATEMENT_SECONDS = 600.0
"""For one check: it may have to read the largest tables whole. Nothing waits for it."""
REPORT_IT = "This is a defect: nothing an operator does can cause it. Report it with these ids before mending the rows."
Found = AsyncIterator[Finding]


async def check_settings(settings: Settings) -> Found:
    if settings.base_url and not settings.base_url.startswith(("http://", "https://")):
        yield Finding(
            "settings", f"BOOKING_BASE_URL is {settings.base_url!r}, which is not a URL.",
            "Set it to the public URL, such as https://api.example.org.",
        )  # fmt: skip
    if settings.hold_seconds > settings.hold_limit_seconds:
        yield Finding(
            "settings", "BOOKING_HOLD_SECONDS is more than BOOKING_HOLD_LIMIT_SECONDS, so no hold lives that long.",
            "Raise the limit or lower the hold.",
        )  # fmt: skip
    if settings.log_format not in {"auto", "json", "console"}:
        yield Finding(
            "settings", f"BOOKING_LOG_FORMAT is {settings.log_format!r}; JSON is written.",
            "Set it to json, console or auto.",
        )  # fmt: skip


NO_MAIL = (
    "No channel delivers messages: codes wait in a table for operators (`booking-api mailbox`), and rules that need a "
    "proven address are off. Set BOOKING_SMTP_URL and BOOKING_MAIL_FROM to send mail."
)


async def check_mail(settings: Settings) -> Found:
    """Whether the configured server takes mail from us."""
    try:
        server = smtp.read_server(settings)
    except ValueError as error:
        yield Finding("mail", f"{error}.", "Correct it; `serve` and `worker` don't start with it.")
        return
    if server is not None and (wrong := await smtp.probe(server)) is not None:
        yield Finding(
            "mail", f"The mail server {server.host}, port {server.port}, can't be used: {wrong}.",
            "Correct BOOKING_SMTP_URL, or see to the server; messages are tried again for about an hour.",
        )  # fmt: skip


async def check_live_mail(db: Connection, settings: Settings) -> Found:
    """Whether customers of live organisations can be sent a code."""
    live = [org.name for org in await identity_queries.list_organisations(db) if org.live]
    if live and not delivers(settings, "email"):
        yield Finding(
            "mail", f"Customers of {len(live)} live organisations can't be sent a code.",
            "Set BOOKING_SMTP_URL and BOOKING_MAIL_FROM: without them nobody can recover a booking.", live[:SHOWN],
        )  # fmt: skip


async def check_server(db: Connection, now: datetime) -> Found:
    facts = await queries.server_facts(db)
    major = facts.version // 10_000
    if not OLDEST_POSTGRESQL <= major <= NEWEST_POSTGRESQL:
        yield Finding(
            "database", f"The server is PostgreSQL {major}.",
            f"Use PostgreSQL {OLDEST_POSTGRESQL} to {NEWEST_POSTGRESQL}; nothing else is tested.",
        )  # fmt: skip
    if abs(apart := facts.clock - now) > CLOCKS_APART:
        yield Finding(
            "database", f"The database's clock and this machine's are {abs(apart.total_seconds()):.0f} seconds apart.",
            "Set both by NTP: holds expire and passes begin by these clocks.",
        )  # fmt: skip


async def check_migrations(db: Connection) -> list[str]:
    """The migrations that are missing; everything else presumes them."""
    try:
        applied = await queries.schema_versions(db)
    except asyncpg.UndefinedTableError:
        applied = []
    return sorted(path.name for path in MIGRATIONS.glob("*.sql") if path.name.partition("_")[0] not in applied)


async def check_worker(db: Connection, now: datetime) -> Found:
    liveness = await core_queries.liveness(db, now - WORKER_SEEN_WITHIN)
    if liveness.workers == 0:
        yield Finding(
            "worker", "No worker has been seen in the last 30 seconds.",
            "Start `booking-api worker`: it expires holds, reconciles payments and sends what must be sent.",
        )  # fmt: skip
    oldest = liveness.oldest_unrelayed_at
    if oldest is not None and now - oldest > RELAYED_WITHIN:
        minutes = (now - oldest).total_seconds() / 60
        yield Finding(
            "worker", f"Events have been waiting for {minutes:.0f} minutes.",
            "See why the worker doesn't relay them in its log.",
        )  # fmt: skip
    jobs = await queries.count_jobs(db)
    if jobs.failed:
        yield Finding(
            "jobs", f"{jobs.failed} jobs were given up after many tries.",
            "Mend the cause, which the worker's log names; `pgq failed` lists them and `pgq requeue` queues them again.",
        )  # fmt: skip


async def check_partitions(db: Connection, now: datetime) -> Found:
    """Whether the coming week has a partition of events, and whether old ones were dropped."""
    begins = await begins_of(db, "event")
    if week_of(now + timedelta(weeks=1)).begins not in begins:
        yield Finding(
            "partitions", "The partition of events for the coming week is missing.",
            "Start `booking-api worker`, which makes it; its log says `partition.not_made` where it can't.",
        )  # fmt: skip
    old = [one for one in begins if week_of(one).ends <= now - EVENTS_KEPT - LINGERING]
    if old:
        yield Finding(
            "partitions", "Partitions of events are old and still there.",
            "See in the worker's log whether they are busy or hold events that nobody relayed.",
            [partition_name("event", one) for one in old[:SHOWN]],
        )  # fmt: skip


async def check_zones(db: Connection, now: datetime) -> Found:
    unknown = []
    for row in await queries.list_zones(db):
        try:
            ZoneInfo(row.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            unknown.append(f"{row.time_zone} ({row.used_by})")
    if unknown:
        yield Finding(
            "time zones", "Some rows name time zones that this machine doesn't know.",
            "Update the package tzdata, or correct the rows.", unknown[:SHOWN],
        )  # fmt: skip
    suspects = await queries.suspects_local_dates(db, (now - timedelta(days=1)).date(), SHOWN + 1)
    if suspects:
        yield Finding(
            "time zones", "The database's zone data and this machine's disagree about the dates of slots.",
            "Update PostgreSQL's and Python's tzdata, then import the timetable again.", _show(suspects),
        )  # fmt: skip


async def check_live(settings: Settings, db: Connection) -> Found:
    """Whether play money could be taken for real: it can't, but whoever set it up that way expects something else."""
    if settings.test_provider_url and (live := await queries.list_live(db, SHOWN + 1)):
        yield Finding(
            "live", "The test provider is set up, and there are live organisations, for which it doesn't exist.",
            "Unset BOOKING_TEST_PROVIDER_URL, or try things out in an installation of their own.",
            [f"{one.name} (organisation {one.org_id})" for one in live[:SHOWN]],
        )  # fmt: skip
    providers = [name for name, provider in PROVIDERS.items() if provider.is_test]
    if suspects := await queries.suspects_test_money(db, providers, SHOWN + 1):
        yield Finding(
            "live", "Orders of live organisations were paid with a test provider's money.",
            "Cancel them or have them paid on site; see whose organisation became a live one, and when.",
            _show(suspects),
        )  # fmt: skip


async def check_keys(db: Connection, vault: Vault) -> Found:
    """Whether each organisation can go on issuing passes, and whether a change of the secret was finished."""
    if unreadable := await resealing.unreadable_keys(db, vault):
        yield Finding("keys", resealing.sentence_of(unreadable), resealing.REMEDY)
    if stale := await resealing.stale_keys(db, vault):
        yield Finding(
            "keys", f"{stale} private keys are still encrypted with a previous secret.",
            "Run `booking-api secret rotate` before that leaves BOOKING_PREVIOUS_SECRET_KEYS.",
        )  # fmt: skip


Check = Callable[[Connection], Awaitable[list[Suspect]]]


def data_checks(now: datetime) -> list[tuple[str, str, str, Check]]:
    """(check, what is wrong, how to mend it, the statement)."""
    overdue = now - RECONCILED_WITHIN
    worker = "Start the worker and look at its log; it finishes what was interrupted."
    return [
        ("capacity", "Slots count other places as taken than their claims.", REPORT_IT,
         lambda db: queries.suspects_slot_taken(db, SHOWN + 1)),
        ("quotas", "Quotas count other places as taken than their claims.", REPORT_IT,
         lambda db: queries.suspects_quota_taken(db, SHOWN + 1)),
        ("seats", "Seats and the people on them don't match.", REPORT_IT,
         lambda db: queries.suspects_seats(db, SHOWN + 1)),
        ("claims", "Bookings and the places kept for them don't match.", REPORT_IT,
         lambda db: queries.suspects_claims(db, SHOWN + 1)),
        ("gate", "People are inside with something cancelled.", REPORT_IT,
         lambda db: queries.suspects_inside(db, SHOWN + 1)),
        ("order states", "Bookings are in a state that their order can't have led to.", REPORT_IT,
         lambda db: queries.suspects_order_states(db, SHOWN + 1)),
        ("payments", "Orders and their payments don't match.", worker,
         lambda db: queries.suspects_orders(db, overdue, SHOWN + 1)),
        ("reconciliation", "Payments or refunds wait for somebody to look after them.",
         "Start the worker and look at its log. Refunds that failed are in `GET /v1/refunds?status=failed`, for staff.",
         lambda db: queries.suspects_payments(db, overdue, now - UNDECIDED_FOR, SHOWN + 1)),
        ("passes", "People and their passes don't match.", REPORT_IT,
         lambda db: queries.suspects_passes(db, SHOWN + 1)),
    ]  # fmt: skip


def _show(suspects: list[Suspect]) -> list[str]:
    shown = [f"{suspect.subject} (organisation {suspect.org_id}): {suspect.found}" for suspect in suspects[:SHOWN]]
    return [*shown, "and more"] if len(suspects) > SHOWN else shown


async def _with(checks: list[str], name: str, found: Found) -> list[Finding]:
    checks.append(name)
    return [finding async for finding in found]


async def examine(settings: Settings, now: datetime) -> CheckUp:
    """Looks at everything. Where the database can't be used, that is the finding."""
    checks: list[str] = []
    findings = await _with(checks, "settings", check_settings(settings))
    vault = None
    try:
        vault = Vault(settings.secret_key, settings.previous_secret_keys)
    except ValueError as error:
        remedy = (
            "Set it to what the installation was first run with; if that could be guessed, move it to "
            "BOOKING_PREVIOUS_SECRET_KEYS and set a new one: docs/operations.md says how."
        )
        findings.append(Finding("settings", f"{error}.", remedy))
    findings += await _with(checks, "mail", check_mail(settings))
    notes = [] if delivers(settings, "email") else [NO_MAIL]
    checks.append("database")
    try:
        db = await connect(settings, name="booking-api-doctor", statement_seconds=STATEMENT_SECONDS)
    except StartFailed as error:
        findings.append(Finding("database", str(error), "Start the server, or correct DATABASE_URL."))
        return CheckUp(checks, findings, notes)
    try:
        await prepare_connection(db)
        findings += await _with([], "database", check_server(db, now))
        checks.append("migrations")
        if missing := await check_migrations(db):
            findings.append(Finding("migrations", "The schema is incomplete.", "Run `booking-api migrate`.", missing))
            return CheckUp(checks, findings, notes)
        findings += await _with([], "mail", check_live_mail(db, settings))
        findings += await _with(checks, "worker", check_worker(db, now))
        findings += await _with(checks, "partitions", check_partitions(db, now))
        findings += await _with(checks, "time zones", check_zones(db, now))
        findings += await _with(checks, "live", check_live(settings, db))
        if vault is not None:
            findings += await _with(checks, "keys", check_keys(db, vault))
        for name, problem, remedy, check in data_checks(now):
            checks.append(name)
            if suspects := await check(db):
                findings.append(Finding(name, problem, remedy, _show(suspects)))
    finally:
        await db.close()
    return CheckUp(checks, findings, notes)
