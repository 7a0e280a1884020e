"""The doctor: looks at an installation and its data, and says what is wrong and how to mend it.

It changes nothing. What must hold before anything can be asked is looked at here; the rest are the capabilities' own
checks.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import msgspec

from booking_api.capabilities import all_checks
from booking_api.core.checks import Examined, Finding
from booking_api.core.db import Connection, prepare_connection
from booking_api.core.db.migrations import MIGRATIONS
from booking_api.core.process import StartFailed, connect
from booking_api.core.secrets import Vault
from booking_api.core.settings import Settings
from booking_api.identity import smtp
from booking_api.identity.notifier import delivers
from booking_api.upkeep import queries

OLDEST_POSTGRESQL, NEWEST_POSTGRESQL = 15, 18
CLOCKS_APART = timedelta(seconds=5)
STATEMENT_SECONDS = 600.0
"""For one check: it may have to read the largest tables whole. Nothing waits for it."""
Findings = AsyncIterator[Finding]


class CheckUp(msgspec.Struct, frozen=True):
    """The doctor's whole answer: what was looked at, and what of it isn't right."""

    checks: list[str]
    findings: list[Finding]
    notes: list[str] = []
    """What is as configured and good to know: nothing to mend."""


async def check_settings(settings: Settings) -> Findings:
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


async def check_mail(settings: Settings) -> Findings:
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


async def _server(examined: Examined) -> AsyncIterator[Finding]:
    facts = await queries.server_facts(examined.db)
    major = facts.version // 10_000
    if not OLDEST_POSTGRESQL <= major <= NEWEST_POSTGRESQL:
        yield Finding(
            "database", f"The server is PostgreSQL {major}.",
            f"Use PostgreSQL {OLDEST_POSTGRESQL} to {NEWEST_POSTGRESQL}; nothing else is tested.",
        )  # fmt: skip
    if abs(apart := facts.clock - examined.now) > CLOCKS_APART:
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


async def _collect(checks: list[str], name: str, found: Findings) -> list[Finding]:
    if name not in checks:
        checks.append(name)
    return [finding async for finding in found]


async def examine(settings: Settings, now: datetime) -> CheckUp:
    """Looks at everything. Where the database can't be used, that is the finding."""
    checks: list[str] = []
    findings = await _collect(checks, "settings", check_settings(settings))
    vault = None
    try:
        vault = Vault(settings.secret_key, settings.previous_secret_keys)
    except ValueError as error:
        remedy = (
            "Set it to what the installation was first run with; if that could be guessed, move it to "
            "BOOKING_PREVIOUS_SECRET_KEYS and set a new one: docs/operations.md says how."
        )
        findings.append(Finding("settings", f"{error}.", remedy))
    findings += await _collect(checks, "mail", check_mail(settings))
    notes = [] if delivers(settings, "email") else [NO_MAIL]
    checks.append("database")
    try:
        db = await connect(settings, name="booking-api-doctor", statement_seconds=STATEMENT_SECONDS)
    except StartFailed as error:
        findings.append(Finding("database", str(error), "Start the server, or correct DATABASE_URL."))
        return CheckUp(checks, findings, notes)
    try:
        await prepare_connection(db)
        examined = Examined(settings, vault, db, now)
        findings += await _collect(checks, "database", _server(examined))
        checks.append("migrations")
        if missing := await check_migrations(db):
            findings.append(Finding("migrations", "The schema is incomplete.", "Run `booking-api migrate`.", missing))
            return CheckUp(checks, findings, notes)
        for check in all_checks():
            findings += await _collect(checks, check.name, check.look(examined))
    finally:
        await db.close()
    return CheckUp(checks, findings, notes)
