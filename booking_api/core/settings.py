"""Settings, read once from the environment.

Every setting is a variable `BOOKING_<NAME>`, except `DATABASE_URL`. Durations carry their unit in the name.
"""

import os
from typing import Any

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation may decide. Organisations decide the rest in their own row."""

    database_url: str = ""
    """Where PostgreSQL is: `postgresql://user:password@host/name`. It must be set, but for `demo`, which has its own."""
    secret_key: str = ""
    """Master secret: 32 characters or more that nobody can guess, such as `openssl rand -hex 32` makes."""
    previous_secret_keys: str = ""
    """Secrets before the current one, comma-separated: what was made under them is still read and believed. See
    `booking-api secret rotate`."""
    base_url: str = ""
    """Public URL without a trailing slash. Empty: taken from each request's Host header."""
    host: str = "127.0.0.1"
    """The address that the server listens on; `0.0.0.0` is every one."""
    port: int = 8000
    """The port that the server listens on."""
    workers: int = 1
    """How many processes serve."""
    metrics_port: int = 0
    """A port of its own for `/metrics`, on the same address; the public one then has no such page. 0: the public one."""
    idle_seconds: float = 30.0
    """How long a connection may say nothing, or take for the head of a request, before it is closed. More than the proxy
    in front keeps its connections, or now and then it sends a request into one that is just being closed."""
    body_seconds: float = 30.0
    """How long a request's body may take."""
    unread_seconds: int = 60
    """How long a client may leave unread or unacknowledged what was sent to it (Linux)."""
    streams_per_customer: int = 10
    """Event streams of one customer, member of staff or key in one process."""
    worker_port: int = 0
    """Where a worker answers a health check with 200 while it reaches the database. 0: nowhere."""
    pool_size: int = 8
    """Connections of one process. More makes a hot row slower, not faster."""
    statement_cache: int = 200
    """Prepared statements that a connection remembers. 0 behind a PgBouncer older than 1.21, at nearly twice the cost."""
    pool_wait_seconds: float = 15.0
    """How long a request waits for a connection before it is told to come again (503)."""
    pool_queue: int = 2_000
    """How many requests of one process may wait for a connection; any more are told so at once (503)."""
    statement_timeout_seconds: float = 10.0
    """How long one statement may run in the database."""
    shutdown_seconds: int = 20
    """How long running requests may take once the server was told to stop."""
    log_format: str = "auto"
    """`json`, `console`, or `auto`: readable in a terminal, JSON elsewhere."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`. Requests are `info`."""
    log_messages: bool = False
    """Whether messages to customers, codes included, are logged in clear. For a demo, never for real customers."""
    hold_seconds: int = 600
    """How long a hold keeps its places."""
    hold_limit_seconds: int = 1800
    """How long a hold may live in all, its extensions included."""
    pending_seconds: int = 1800
    """How long capacity is kept while a payment is under way."""
    unpaid_places_per_customer: int = 80
    """Places that one customer may keep without having paid: held, or to be paid on site. Enough for a school class
    there and back. 0 sets no bound, here and in the three below. Staff and secret keys have none."""
    unpaid_places_per_slot: int = 60
    """As above, of one customer on one slot."""
    unpaid_places_per_contact: int = 200
    """As above, under one e-mail address or phone number, whoever gives it: an office books for many."""
    unpaid_places_per_address: int = 5_000
    """As above, from one network address: a school, a train and a kiosk share one."""
    unproven_places_on_site: int = 12
    """Places to be paid on site that a contact may have without having proven its mail address with a code. 0 sets no
    bound, and without a way to send mail there is none."""
    access_token_seconds: int = 900
    """How long a customer's access token is good."""
    staff_token_seconds: int = 43_200
    """How long an access token of staff is good."""
    refresh_token_days: int = 180
    """How long somebody who doesn't use the app stays signed in."""
    code_seconds: int = 600
    """How long a single-use code is good."""
    smtp_url: str = ""
    """The server that mail goes to: `smtps://user:password@host`, `smtp+starttls://…` or `smtp://…`, with `?timeout=`
    (seconds) and `&ca_file=`. Empty: messages wait in a table, see `booking-api mailbox`."""
    mail_from: str = ""
    """The sender of mail, such as `Ostwind <tickets@example.org>`."""
    retention_days: int = 0
    """Contacts and answers are erased this many days after the visit; 0 keeps them. An organisation may override it."""
    scan_retention_days: int = 400
    """How long scans stay where a gate works with them; then they go to the archive. Passes are over by then."""
    scan_archive_days: int = 1100
    """How long the archive keeps scans after that, month by month; 0 keeps them for ever."""
    audit_retention_days: int = 800
    """How long the audit keeps who did what, month by month; 0 keeps it for ever."""
    webhook_timeout_seconds: float = 15.0
    """How long the receiver of a webhook may take to answer."""
    outbound_loopback: bool = False
    """Whether webhooks may go to this machine itself, without TLS: for tests and development, never for real."""
    outbound_ca_file: str = ""
    """Certificates (PEM) that are trusted beside the known ones when others are called, such as a company's own."""
    test_provider_url: str = ""
    """Where the `test` payment provider listens. Empty: the provider is not offered."""
    provider_timeout_seconds: float = 8.0
    """How long one call to a payment provider may take; what comes later is found out by the reconciler."""
    webhook_secret: str = ""
    """Shared with the `test` provider, which signs its webhooks with it. Empty: derived from `secret_key`."""
    credential_cache_seconds: float = 0.25
    """How long a verified credential is trusted before its row is read again: who is removed on one process is out on
    all others after that. A key that all phones share is read four times a second at most."""
    public_key_cache_seconds: float = 2.0
    """How long the list of the public keys is kept before it is read again."""
    rate_limit_per_minute: int = 300
    """For one token subject."""
    key_rate_limit_per_minute: int = 60_000
    """For one publishable key that has no rate of its own."""
    address_rate_limit_per_minute: int = 6_000
    """For one address under a publishable key. High, because an airport's Wi-Fi shares one address."""
    anonymous_rate_limit_per_minute: int = 6_000
    """Calls of one address that need no credential: health, pages, keys, pictures of passes; each probe by itself."""
    webhook_rate_limit_per_minute: int = 60_000
    """Webhooks from one address. As high as the payments of a rush, whose provider sends them all."""
    secret_key_rate_limit_per_minute: int = 0
    """For one secret key; 0 sets no limit, here and in the other limits."""
    failure_rate_limit_per_minute: int = 100
    """Credentials that turn out to be none of ours, from one address; right ones are never refused."""
    code_rate_limit_per_minute: int = 20
    """Wrong codes tried from one address under a publishable key; right ones are never refused."""
    trusted_proxies: int = 0
    """How many proxies of our own stand in front: the client's address is that many steps from the right end of
    `X-Forwarded-For`. 0: it is the peer's."""


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return "DATABASE_URL" if name == "database_url" else f"BOOKING_{name.upper()}"


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment. Raises `msgspec.ValidationError` naming the variable that doesn't fit."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        variable = variable_of(field.name)
        if (value := os.environ.get(variable)) is not None:
            try:
                given[field.name] = msgspec.convert(value, field.type, strict=False)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{variable}: {error}") from None
    return Settings(**{**given, **overrides})
