"""Every refusal there is, as RFC 9457 problem details.

Operations and rules raise a `DomainError`; `core.web.problems` turns it into `application/problem+json` in one place.
Expected outcomes (a scan's verdict, one line of a batch) are data and don't pass through here.
"""

from typing import Annotated, Any, ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of the request."""

    pointer: str
    """RFC 6901 pointer into the body; `/query/<name>` for a query parameter, `/headers/<name>` for a header."""
    detail: str
    """What is wrong with it, for people, in the reader's language."""


def pointer_to(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) that these member names and indexes lead to: `~` and `/` within a name are escaped."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


class DomainError(Exception):
    """A refusal with a stable `code`. `members` become members of the problem document."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    explanation: ClassVar[str] = ""
    """What an app, a customer and an operator should do; shown at the problem's `type` URL."""
    retryable: ClassVar[bool] = False
    member_types: ClassVar[dict[str, Any]] = {}
    """The problem's extra members and their types, for the OpenAPI document."""

    def __init__(
        self,
        detail: str = "",
        *,
        errors: list[FieldError] | None = None,
        retry_after_seconds: int | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.members = members


class Invalid(DomainError):
    code, status, title = "invalid", 400, "The request is not valid"
    explanation = "Each of `errors` points at a field. Correct it and send the request again; nothing was changed."


class Unprocessable(Invalid):
    status = 422
    title = "The request is well-formed but can't be carried out"


def invalid(pointer: str, detail: str) -> Invalid:
    """The usual way to refuse one field of the input's form (400)."""
    return Invalid(detail, errors=[FieldError(pointer, detail)])


def unprocessable(pointer: str, detail: str) -> Unprocessable:
    """The usual way to refuse one field's meaning (422): well-formed, but not for this thing."""
    return Unprocessable(detail, errors=[FieldError(pointer, detail)])


class TooLarge(DomainError):
    code, status, title = "too_large", 413, "The request body is too large"
    explanation = "A body may have 256 KiB, and 2 MiB where the catalogue is written."


class BodyTimedOut(DomainError):
    code, status, title = "body_timed_out", 408, "The request body did not come in time"
    explanation = (
        "Nothing was changed, or, where lines are sent, only what came. Send the request again with the same idempotency "
        "key, id or codes."
    )
    retryable = True


class UriTooLong(DomainError):
    code, status, title = "uri_too_long", 414, "The URL is too long"
    explanation = "Path and query together may have 8 KiB."


class HeadersTooLarge(DomainError):
    code, status, title = "headers_too_large", 431, "The request has too many headers, or too large ones"
    explanation = (
        "A request may have 64 header lines with 32 KiB in all. Delete the cookies of this site, if it has any."
    )


class UnsupportedMediaType(DomainError):
    code, status, title = "unsupported_media_type", 415, "The request body must be application/json"


class MethodNotAllowed(DomainError):
    code, status, title = "method_not_allowed", 405, "This path does not offer that method"


ComeBack = Annotated[
    str,
    msgspec.Meta(
        description=(
            "How to come back. x-extensible-enum: authenticate, refresh, use_newer, recover, sign_in, new_code, "
            "ask_organisation"
        )
    ),
]
"""`authenticate`: send a key or token of this server. `refresh`: `POST /v1/tokens {grant: refresh}`. `use_newer`: this
app has newer tokens, and goes on with them. `recover`: `POST /v1/tokens/recover`, then `{grant: code}`. `sign_in`:
`POST /v1/tokens/sign-in`, then `{grant: code}`. `new_code`: ask for another code. `ask_organisation`: only the
organisation can help."""


class ComesBack(DomainError):
    """A 401, which says how to come back."""

    member_types: ClassVar[dict[str, Any]] = {"come_back": ComeBack}
    usually: ClassVar[str]

    def __init__(self, detail: str = "", *, come_back: str = "", errors: list[FieldError] | None = None) -> None:
        super().__init__(detail, errors=errors, come_back=come_back or self.usually)


class Unauthenticated(ComesBack):
    code, status, title, usually = "unauthenticated", 401, "A valid credential is needed", "authenticate"
    explanation = (
        "Send `Authorization: Bearer …` with a key or token of this server. Where a single-use code was refused, "
        "`come_back` is `new_code`: ask for another one."
    )


class TokenExpired(ComesBack):
    code, status, title, usually = "token_expired", 401, "The token has expired", "refresh"
    explanation = (
        "`come_back: refresh`: renew the access token with `POST /v1/tokens` and the refresh token, then repeat the "
        "request. `recover` or `sign_in`: the refresh token has expired too, and a code sent to the person's address "
        "leads back in."
    )


class TokenRevoked(ComesBack):
    code, status, title, usually = "token_revoked", 401, "The credential has been revoked", "recover"
    explanation = (
        "`come_back: recover`: let the customer recover their booking with `POST /v1/tokens/recover`. `sign_in`: let "
        "the member of staff sign in with `POST /v1/tokens/sign-in`. `use_newer`: another tab or an earlier try of "
        "this app has newer tokens; go on with these. `ask_organisation`: the key or the person's access has ended "
        "for good."
    )


class Forbidden(DomainError):
    code, status, title = "forbidden", 403, "This credential may not do that"
    explanation = "The credential is valid but its kind, role or scopes don't allow the operation."


class NotFound(DomainError):
    code, status, title = "not_found", 404, "There is no such thing here"
    explanation = "The id is unknown, or the thing belongs to somebody else: both look the same on purpose."


class Conflict(DomainError):
    code, status, title = "conflict", 409, "The request contradicts the current state"
    explanation = "Get the resource again and look at its `available_actions`."


class IdTaken(DomainError):
    code, status, title = "id_taken", 409, "This id is taken"
    explanation = "Make a new UUID for a new thing. Its owner gets the existing thing instead of this answer."


class IdempotencyMismatch(DomainError):
    code, status, title = "idempotency_mismatch", 422, "This idempotency key was used with another request"
    explanation = "A key belongs to one request. Make a new one for a new request."


class IdempotencyInProgress(DomainError):
    code, status, title = "idempotency_in_progress", 409, "The same request is still being worked on"
    explanation = "Wait as `Retry-After` says and send the very same request again."
    retryable = True


class VersionConflict(DomainError):
    code, status, title = "version_conflict", 412, "The resource has changed since you read it"
    explanation = "Get it again, look at what changed, and repeat with its new ETag."


class Gone(DomainError):
    code, status, title = "gone", 410, "This is no longer available"


class RateLimited(DomainError):
    code, status, title = "rate_limited", 429, "Too many requests"
    explanation = "Wait as `Retry-After` says."
    retryable = True


class Overloaded(DomainError):
    code, status, title = "overloaded", 503, "The service can't answer right now"
    explanation = "Nothing was changed, or the change can be repeated safely with the same idempotency key or id."
    retryable = True


class Internal(DomainError):
    code, status, title = "internal", 500, "Something went wrong on our side"
    explanation = "The request can be repeated safely with the same idempotency key or id. Tell us the `request_id`."
    retryable = True


def known_errors() -> dict[str, list[type[DomainError]]]:
    """The error classes by code, the capabilities' included once they are imported; the most general one first."""
    found: dict[str, list[type[DomainError]]] = {}
    waiting = [DomainError]
    while waiting:
        for cls in waiting.pop(0).__subclasses__():
            if hasattr(cls, "code"):
                found.setdefault(cls.code, []).append(cls)
            waiting.append(cls)
    return found
