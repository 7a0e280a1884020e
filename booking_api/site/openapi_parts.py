"""The parts of the OpenAPI document that operations share: headers, header parameters, who is let in."""

import re
from collections.abc import Iterable
from typing import Any

from booking_api.core.web.http import Access

PATH_PARAMETER = re.compile(r"\{(?P<name>\w+):(?P<type>\w+)\}")

SERVERS: list[dict[str, Any]] = [
    {
        "url": "/",
        "description": "This server, for live and for test alike: a key or token of a test organisation (`pk_test_…`, "
        "`sk_test_…`) never sees live things or real money.",
    },
    {
        "url": "https://{host}",
        "description": "Live: the server of the organisation whose things you sell.",
        "variables": {
            "host": {"default": "api.example.org", "description": "Its host, as the organisation tells you."}
        },
    },
    {
        "url": "http://127.0.0.1:{port}",
        "description": "Test: `booking-api demo` on your own machine, with the keys that it prints.",
        "variables": {"port": {"default": "8000", "description": "As given to it with `--port`."}},
    },
]

PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": (
            "Makes a repeat safe: 16 to 255 visible ASCII characters, best a new random UUID per intention of the "
            "user; under a publishable key it must be a UUID. The answer is kept for at least 24 hours, and a repeat "
            "gets it again with `Idempotency-Replayed: true`."
        ),
        "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]{16,255}$"},
        "example": "b1a6f1b4-8f0e-4c5e-9d39-1f6f1c2f7f0a",
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Languages of the reader, most wanted first (RFC 9110). `Content-Language` says which one was chosen.",
        "schema": {"type": "string"},
        "example": "de-AT, de;q=0.9, en;q=0.5",
    },
    "AppId": {
        "name": "App-Id",
        "in": "header",
        "required": False,
        "description": "The app that sends the request, by its own id, such as a bundle id; needed where the publishable "
        "key is bound to apps (`allowed_apps`).",
        "schema": {"type": "string"},
        "example": "example.ostwind.app",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of what you have: 304 without a body when it is still current.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "IfNew": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "`*`: only if there is none yet, else 412 `version_conflict`.",
        "schema": {"type": "string", "enum": ["*"]},
        "example": "*",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of what you edit, or several: 412 `version_conflict` when it is none of these by now.",
        "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,9}"(, (W/)?"[0-9]{1,9}")*)$'},
        "example": '"7"',
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "This request in the server's log; tell it to us when something went wrong. "
        "A request may bring its own: 8 to 64 letters, digits, - and _, as programs make them, such as a UUID; "
        "anything that may be somebody's name or number gets a new one.",
        "schema": {"type": "string"},
        "example": "019aa5c85d607c3e9f214b7d0c6e8a16",
    },
    "Content-Language": {
        "description": "The language of the server's own sentences in this answer.",
        "schema": {"type": "string"},
        "example": "en",
    },
    "ETag": {
        "description": "The version of this answer, for `If-None-Match` and `If-Match`.",
        "schema": {"type": "string"},
        "example": '"7"',
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "RateLimit": {
        "description": "What is left of the limit that is closest to being reached: `r` requests, anew in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"subject";r=287;t=42',
    },
    "RateLimit-Policy": {
        "description": "That limit: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"subject";q=300;w=60',
    },
    "Idempotency-Replayed": {
        "description": "`true` when this answer was given before to the same idempotency key.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "WWW-Authenticate": {
        "description": "The scheme to use (RFC 6750), with the code of the problem and how to come back.",
        "schema": {"type": "string"},
        "example": 'Bearer error="token_expired", come_back="refresh"',
    },
}

SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "publishableKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pk_test_… or pk_live_…",
        "description": "One per app and not a secret. Good for the catalogue, availability and starting an order.",
    },
    "customerToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A customer's access token, from their first order or from `POST /v1/tokens`. Good for their own things.",
    },
    "staffToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A member of staff with the role `agent`, `manager` or `owner`, each allowed what the one before is.",
    },
    "secretKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sk_test_… or sk_live_…",
        "description": "An integrator's key, for servers only. Good for what its scopes name.",
    },
}


def header_refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def security(access: Access) -> list[dict[str, list[str]]]:
    """Who is let in, one alternative per kind of credential, with the least role of staff and the scope of a key."""
    if access.is_public:
        return [{}]
    made: list[dict[str, list[str]]] = [{}] if access.anonymous else []
    if access.app:
        made.append({"publishableKey": []})
    if access.customer:
        made.append({"customerToken": []})
    if access.staff is not None:
        made.append({"staffToken": [access.staff]})
    if access.scope is not None:
        made.append({"secretKey": [access.scope]})
    return made


def callers(access: Access) -> str:
    """The same as a sentence."""
    if access.is_public:
        return "**Who may call:** anybody, without a credential."
    made = ["anybody who has a signed URL"] if access.anonymous else []
    if access.app:
        made.append("an app with its publishable key")
    if access.customer:
        made.append("a customer")
    if access.staff is not None:
        above = {"agent": "any role", "manager": "a manager or owner", "owner": "an owner"}[access.staff]
        made.append(f"staff ({above})")
    if access.scope is not None:
        made.append(f"a secret key with the scope `{access.scope}`")
    return f"**Who may call:** {', '.join(made)}."
