"""The refusals of operations in the OpenAPI document."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from booking_api.core import errors as problems
from booking_api.core.errors import DomainError
from booking_api.core.web.http import Endpoint
from booking_api.core.web.replies import PROBLEM
from booking_api.site.glossary import describe
from booking_api.site.json_schema import REF, Schema, sample
from booking_api.site.openapi_parts import PATH_PARAMETER, header_refs
from booking_api.site.presence import without_null

EXAMPLE_REQUEST_ID = "019aa5c85d607c3e9f214b7d0c6e8a16"
SHARED: dict[frozenset[type[DomainError]], str] = {
    frozenset({problems.Invalid}): "Invalid",
    frozenset({problems.Unauthenticated, problems.TokenExpired, problems.TokenRevoked}): "Unauthenticated",
    frozenset({problems.Forbidden}): "Forbidden",
    frozenset({problems.NotFound}): "NotFound",
    frozenset({problems.IdempotencyInProgress}): "InProgress",
    frozenset({problems.VersionConflict}): "VersionConflict",
    frozenset({problems.TooLarge}): "TooLarge",
    frozenset({problems.UnsupportedMediaType}): "UnsupportedMediaType",
    frozenset({problems.IdempotencyMismatch}): "IdempotencyMismatch",
    frozenset({problems.IdempotencyMismatch, problems.Unprocessable}): "Unprocessable",
    frozenset({problems.RateLimited}): "RateLimited",
    frozenset({problems.Internal}): "Internal",
    frozenset({problems.Overloaded}): "Overloaded",
}
"""The answers that come from the kind of an operation rather than from what it does, so that many share them."""


def errors_of(endpoint: Endpoint) -> list[type[DomainError]]:
    """Every refusal of an operation: the declared ones first, then those of its kind."""
    unsafe = endpoint.method != "GET"
    found = list(endpoint.errors)
    if unsafe or endpoint.query is not None:
        found.append(problems.Invalid)
    if not endpoint.access.is_public:
        found += [problems.Unauthenticated, problems.TokenExpired, problems.TokenRevoked, problems.RateLimited]
        if not endpoint.access.anonymous:
            found.append(problems.Forbidden)
    if PATH_PARAMETER.search(endpoint.path):
        found.append(problems.NotFound)
    if unsafe and not endpoint.access.is_public:
        found += [problems.IdempotencyInProgress, problems.IdempotencyMismatch]
    if unsafe and endpoint.conditional:
        found.append(problems.VersionConflict)
    if endpoint.body is not None:
        found += [problems.Unprocessable, problems.TooLarge, problems.UnsupportedMediaType]
    found += [problems.Internal, problems.Overloaded]
    by_status_and_code = {(cls.status, cls.code): cls for cls in reversed(found)}
    return sorted(by_status_and_code.values(), key=lambda cls: (cls.status, cls.code))


class Refusals:
    """The refusals of all operations, and the components that describe them."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._of = {endpoint.operation_id: errors_of(endpoint) for endpoint in endpoints}
        classes = {cls for found in self._of.values() for cls in found}
        self.classes = {cls.__name__: cls for cls in sorted(classes, key=lambda cls: cls.__name__)}
        if len(self.classes) < len(classes):
            raise ValueError(f"Errors that share a name: {sorted(cls.__qualname__ for cls in classes)}")
        self.member_types = {
            (cls, name): kind for cls in self.classes.values() for name, kind in cls.member_types.items()
        }
        self.responses: dict[str, dict[str, Any]] = {}
        """Those that operations share, by name, once `responses_of` was asked for them."""
        self.unions: dict[str, Schema] = {}
        """What a refused operation answers with a status, by name, once `responses_of` was asked for it."""

    def responses_of(self, endpoint: Endpoint) -> dict[str, Any]:
        """The refusals of an operation by status."""
        by_status: dict[int, list[type[DomainError]]] = {}
        for cls in self._of[endpoint.operation_id]:
            by_status.setdefault(cls.status, []).append(cls)
        made: dict[str, Any] = {}
        for status, classes in by_status.items():
            shared = SHARED.get(frozenset(classes))
            name = f"{shared or f'{_capitalised(endpoint.operation_id)}{status}'}Refusal"
            self.unions[name] = _union(classes)
            response = _response(classes, name)
            if shared:
                self.responses[shared] = response
                response = {"$ref": f"#/components/responses/{shared}"}
            made[str(status)] = response
        return made

    def schemas(self, members: Mapping[tuple[type[DomainError], str], Schema], problem: Schema) -> dict[str, Schema]:
        """A schema per class, given those of its members and that of any problem; and the unions of them."""
        made = {f"{name}Problem": _schema(cls, members, problem) for name, cls in self.classes.items()}
        if twice := sorted(set(made) & set(self.unions)):
            raise ValueError(f"Refusals that share a name: {', '.join(twice)}")
        return made | self.unions

    def examples(
        self,
        members: Mapping[tuple[type[DomainError], str], Schema],
        schemas: dict[str, Schema],
        recorded: Mapping[str, dict[str, Any]],
    ) -> dict[str, Any]:
        """An example per class, by preference one that was recorded."""
        made: dict[str, Any] = {}
        for name, cls in self.classes.items():
            value = recorded.get(cls.code, {})
            if value.get("status") != cls.status:
                value = _sample(cls) | {
                    member: sample(without_null(members[cls, member]), schemas) for member in cls.member_types
                }
            made[name] = {"summary": cls.title, "value": value}
        return made


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]


def _union(classes: Sequence[type[DomainError]]) -> Schema:
    """The refusals of one status. The last branch fits every problem, because more codes may come; it has no
    discriminator, by which a client would refuse those."""
    codes = ", ".join(f"`{cls.code}`" for cls in classes)
    branches = [*(f"{cls.__name__}Problem" for cls in classes), "Problem"]
    return {
        "description": f"Told apart by `code`: {codes}, or one that came later and has what every problem has.",
        "anyOf": [{"$ref": f"{REF}{branch}"} for branch in branches],
    }


def _response(classes: Sequence[type[DomainError]], union: str) -> dict[str, Any]:
    headers = ["X-Request-Id"]
    if any(cls.retryable for cls in classes) and classes[0].status != HTTPStatus.INTERNAL_SERVER_ERROR:
        headers.append("Retry-After")
    if classes[0].status == HTTPStatus.UNAUTHORIZED:
        headers.append("WWW-Authenticate")
    lines = [f"`{cls.code}`: {cls.title}." for cls in classes]
    return {
        "description": lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines),
        "headers": header_refs(headers),
        "content": {
            PROBLEM: {
                "schema": {"$ref": f"{REF}{union}"},
                "examples": {cls.code: {"$ref": f"#/components/examples/{cls.__name__}"} for cls in classes},
            }
        },
    }


def _schema(cls: type[DomainError], known: Mapping[tuple[type[DomainError], str], Schema], problem: Schema) -> Schema:
    """All members in one object, because generators lose those that are put together from parts. Its `code` is an
    enumeration of one, by which a union of refusals is narrowed."""
    own = {name: _described(cls, name, known[cls, name]) for name in cls.member_types}
    told_by: Schema = {
        "status": {**problem["properties"]["status"], "examples": [cls.status]},
        "code": {"type": "string", "enum": [cls.code], "description": "What apps branch on."},
    }
    required = [*problem["required"], *(name for name in own if "null" not in str(known[cls, name]))]
    return {
        "description": "\n\n".join(filter(None, [f"{cls.title}.", cls.explanation])),
        "type": "object",
        "properties": {**problem["properties"], **told_by, **own},
        "required": required,
    }


def _described(cls: type[DomainError], member: str, schema: Schema) -> Schema:
    made = without_null(schema)
    if text := schema.get("description") or describe([base.__name__ for base in cls.__mro__], member):
        made["description"] = text
    return made


def _sample(cls: type[DomainError]) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": f"https://api.example.org/problems/{cls.code}",
        "title": cls.title,
        "status": cls.status,
        "detail": cls.title,
        "code": cls.code,
        "request_id": EXAMPLE_REQUEST_ID,
        "retryable": cls.retryable,
    }
    if issubclass(cls, problems.Invalid):
        value |= {
            "detail": "Expected `int` >= 1",
            "errors": [{"pointer": "/limit", "detail": "Expected `int` >= 1"}],
        }
    return value
