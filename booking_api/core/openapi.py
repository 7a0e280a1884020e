"""The OpenAPI 3.1 document, made from what `core.http.endpoint` was told of each operation.

It knows no capability: texts about the whole and the examples are given by whoever builds it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from booking_api.core import errors as problems
from booking_api.core.errors import DomainError
from booking_api.core.http import JSON, PROBLEM, Access, Binary, Endpoint, Problem
from booking_api.core.json_schema import Schema, make_schemas, paragraphs, sample
from booking_api.core.openapi_parts import HEADERS, PARAMETERS, SECURITY_SCHEMES

PATH_PARAMETER = re.compile(r"\{(?P<name>\w+):(?P<type>\w+)\}")
PATH_TYPES: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer"},
    "str": {"type": "string", "minLength": 1},
}
METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLE_ID = "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15"
EXAMPLE_REQUEST_ID = "019aa5c85d607c3e9f214b7d0c6e8a16"
AUTOMATIC = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "InProgress",
    412: "Changed",
    413: "BodyTooLarge",
    415: "NotJson",
    422: "KeyMismatch",
    429: "TooManyRequests",
    500: "ServerError",
    503: "Unavailable",
}
"""The shared answer of each status whose codes come from the kind of operation, not from what it does."""


class Prose(msgspec.Struct, frozen=True, kw_only=True):
    """What the document says of the API as a whole. `tags` are in reading order."""

    title: str
    version: str
    summary: str
    description: str
    tags: Mapping[str, str]


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One real call of an operation."""

    path: dict[str, str] = {}
    query: dict[str, str] = {}
    request: Any = None
    answers: dict[int, Any] = {}


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    operations: dict[str, Example] = {}
    """By operationId."""
    problems: dict[str, dict[str, Any]] = {}
    """By code."""

    def of(self, endpoint: Endpoint) -> Example:
        return self.operations.get(endpoint.operation_id, Example())


def endpoints_of(handlers: Iterable[HTTPRouteHandler]) -> list[Endpoint]:
    return [handler.opt["endpoint"] for handler in handlers if "endpoint" in handler.opt]


def build_document(handlers: Iterable[HTTPRouteHandler], prose: Prose, examples: Examples) -> dict[str, Any]:
    """The document of these operations, the same for the same code.

    Raises `ValueError` for what it can't describe without ambiguity: a tag without a text, two operations or Structs
    of one name.
    """
    order = list(prose.tags)
    endpoints = endpoints_of(handlers)
    if unknown := sorted({endpoint.tag for endpoint in endpoints} - set(order)):
        raise ValueError(f"Tags without a description: {', '.join(unknown)}")
    endpoints.sort(key=lambda endpoint: order.index(endpoint.tag))
    names = [endpoint.operation_id for endpoint in endpoints]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Operations that share a name: {', '.join(twice)}")
    builder = _Builder(endpoints, examples)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = PATH_PARAMETER.sub(r"{\g<name>}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = builder.operation(endpoint)
    for path, operations in paths.items():
        paths[path] = {method: operations[method] for method in METHODS if method in operations}
    used = {endpoint.tag for endpoint in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": prose.title,
            "version": prose.version,
            "summary": prose.summary,
            "description": prose.description,
            "contact": {"name": "Whoever runs this server"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "tags": [{"name": name, "description": text} for name, text in prose.tags.items() if name in used],
        "paths": paths,
        "components": builder.components(),
    }


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
        found += [problems.TooLarge, problems.UnsupportedMediaType]
    found += [problems.Internal, problems.Overloaded]
    by_status_and_code = {(cls.status, cls.code): cls for cls in reversed(found)}
    return sorted(by_status_and_code.values(), key=lambda cls: (cls.status, cls.code))


class _Builder:
    """Makes operations, and gathers the components that they refer to."""

    def __init__(self, endpoints: Sequence[Endpoint], examples: Examples) -> None:
        self.examples = examples
        self.errors = {endpoint.operation_id: errors_of(endpoint) for endpoint in endpoints}
        classes = {cls for found in self.errors.values() for cls in found}
        self.problems = {cls.__name__: cls for cls in sorted(classes, key=lambda cls: cls.__name__)}
        if len(self.problems) < len(classes):
            raise ValueError(f"Errors that share a name: {sorted(cls.__qualname__ for cls in classes)}")
        requests = {e.operation_id: e.body for e in endpoints if e.body is not None}
        queries = {e.operation_id: e.query for e in endpoints if e.query is not None}
        answers = {
            (e.operation_id, status): answer
            for e in endpoints
            for status, answer in e.answers.items()
            if answer is not None and not isinstance(answer, Binary)
        }
        members = {(cls, name): kind for cls in self.problems.values() for name, kind in cls.member_types.items()}
        asked, told, self.schemas = make_schemas(
            [*requests.values(), *queries.values()], [*answers.values(), *members.values(), Problem]
        )
        self.bodies = dict(zip(requests, asked, strict=False))
        self.answers = dict(zip(answers, told, strict=False))
        self.members = dict(zip(members, told[len(answers) :], strict=False))
        # A query is shown as parameters; its Struct is nothing a client has.
        self.queries = {
            name: self.schemas[schema["$ref"].rsplit("/", 1)[-1]]
            for name, schema in zip(queries, asked[len(requests) :], strict=True)
        }
        for query in {query.__name__ for query in queries.values()}:
            self.schemas.pop(query)
        self.responses: dict[str, dict[str, Any]] = {}
        self.parameters: set[str] = set()
        self.headers: set[str] = set()

    def operation(self, endpoint: Endpoint) -> dict[str, Any]:
        name, access = endpoint.operation_id, endpoint.access
        made: dict[str, Any] = {
            "operationId": name,
            "tags": [endpoint.tag],
            "summary": endpoint.summary,
            "description": "\n\n".join(filter(None, [paragraphs(endpoint.description), callers(access)])),
            "security": security(access),
        }
        if access.scope is not None:
            made["x-required-scope"] = access.scope
        if access.staff is not None and not access.is_public:
            made["x-required-role"] = access.staff
        if parameters := self._parameters(endpoint):
            made["parameters"] = parameters
        if endpoint.body is not None:
            made["requestBody"] = self._request_body(endpoint)
        made["responses"] = {**self._successes(endpoint), **self._refusals(endpoint)}
        return made

    def _request_body(self, endpoint: Endpoint) -> dict[str, Any]:
        schema = self.bodies[endpoint.operation_id]
        recorded = self.examples.of(endpoint).request
        value = recorded if recorded is not None else sample(schema, self.schemas)
        return {"required": not endpoint.body_optional, "content": {JSON: {"schema": schema, "example": value}}}

    def _parameters(self, endpoint: Endpoint) -> list[dict[str, Any]]:
        example = self.examples.of(endpoint)
        made: list[dict[str, Any]] = []
        for found in PATH_PARAMETER.finditer(endpoint.path):
            name, schema = found["name"], PATH_TYPES[found["type"]]
            thing = name.removesuffix("_id").replace("_", " ")
            made.append({
                "name": name, "in": "path", "required": True,
                "description": f"The {thing}'s id." if name.endswith("_id") else f"The {thing}.",
                "schema": schema,
                "example": example.path.get(name, EXAMPLE_ID if found["type"] == "uuid" else name),
            })  # fmt: skip
        if endpoint.operation_id in self.queries:
            made += self._query_parameters(endpoint, example)
        for name in self._header_parameters(endpoint):
            self.parameters.add(name)
            made.append({"$ref": f"#/components/parameters/{name}"})
        return made

    def _query_parameters(self, endpoint: Endpoint, example: Example) -> list[dict[str, Any]]:
        query = self.queries[endpoint.operation_id]
        made: list[dict[str, Any]] = []
        for name, found in query["properties"].items():
            schema = _without_null(found)
            text = schema.pop("description", None) or f"The {name.replace('_', ' ')}."
            parameter = {
                "name": name,
                "in": "query",
                "required": name in query.get("required", []),
                "description": text,
                "schema": schema,
            }
            if name in example.query:
                parameter["example"] = example.query[name]
            made.append(parameter)
        return made

    @staticmethod
    def _header_parameters(endpoint: Endpoint) -> list[str]:
        names: list[str] = []
        if not endpoint.access.is_public:
            if endpoint.method != "GET":
                names.append("IdempotencyKey")
            names.append("AcceptLanguage")
        if endpoint.conditional:
            names.append("IfNoneMatch" if endpoint.method == "GET" else "IfMatch")
        return names

    def _successes(self, endpoint: Endpoint) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for status, answer in sorted(endpoint.answers.items()):
            key = (endpoint.operation_id, status)
            schema = self.answers.get(key)
            response: dict[str, Any] = {
                "description": endpoint.answer_descriptions.get(status) or self._describe(status, answer),
                "headers": self._header_refs(self._success_headers(endpoint, status)),
            }
            if isinstance(answer, Binary):
                response["content"] = {answer.media_type: {"schema": {"type": "string"}} if answer.is_text else {}}
            elif schema is not None:
                recorded = self._recorded(endpoint, status)
                value = recorded if recorded is not None else sample(schema, self.schemas)
                media_type = PROBLEM if status >= 400 else JSON
                response["content"] = {media_type: {"schema": schema, "example": value}}
            made[str(status)] = response
        if endpoint.conditional and endpoint.method == "GET":
            made["304"] = {
                "description": "You have it already.",
                "headers": self._header_refs(["ETag", "X-Request-Id"]),
            }
        return made

    def _recorded(self, endpoint: Endpoint, status: int) -> Any:
        """The recorded answer of this status, else one of another status that has the same form."""
        answers = self.examples.of(endpoint).answers
        alike = (answers[other] for other in answers if endpoint.answers.get(other) is endpoint.answers[status])
        return answers[status] if status in answers else next(alike, None)

    def _describe(self, status: int, answer: Any) -> str:
        if isinstance(answer, Binary):
            return answer.description
        docstring = getattr(answer, "__doc__", None) if isinstance(answer, type) else None
        return paragraphs(docstring).split("\n\n")[0] if docstring else f"{HTTPStatus(status).phrase}."

    @staticmethod
    def _success_headers(endpoint: Endpoint, status: int) -> list[str]:
        names = ["X-Request-Id"]
        if not endpoint.access.is_public:
            names += ["Content-Language", "RateLimit", "RateLimit-Policy"]
            if endpoint.method != "GET":
                names.append("Idempotency-Replayed")
        if endpoint.conditional and status in {200, 201}:
            names.append("ETag")
        if status == HTTPStatus.ACCEPTED:
            names.append("Retry-After")
        return names

    def _header_refs(self, names: Iterable[str]) -> dict[str, Any]:
        self.headers.update(names := list(names))
        return {name: {"$ref": f"#/components/headers/{name}"} for name in names}

    def _refusals(self, endpoint: Endpoint) -> dict[str, Any]:
        by_status: dict[int, list[type[DomainError]]] = {}
        for cls in self.errors[endpoint.operation_id]:
            by_status.setdefault(cls.status, []).append(cls)
        made: dict[str, Any] = {}
        for status, classes in by_status.items():
            response = self._refusal(classes)
            name = AUTOMATIC.get(status, "")
            if (
                all(cls.__module__ == problems.__name__ for cls in classes)
                and self.responses.setdefault(name, response) == response
            ):
                response = {"$ref": f"#/components/responses/{name}"}
            made[str(status)] = response
        return made

    def _refusal(self, classes: Sequence[type[DomainError]]) -> dict[str, Any]:
        refs = {cls.code: f"#/components/schemas/{cls.__name__}Problem" for cls in classes}
        schema: Schema
        if len(refs) == 1:
            schema = {"$ref": next(iter(refs.values()))}
        else:
            schema = {
                "oneOf": [{"$ref": ref} for ref in refs.values()],
                "discriminator": {"propertyName": "code", "mapping": refs},
            }
        headers = ["X-Request-Id"]
        if any(cls.retryable for cls in classes) and classes[0].status != HTTPStatus.INTERNAL_SERVER_ERROR:
            headers.append("Retry-After")
        if classes[0].status == HTTPStatus.UNAUTHORIZED:
            headers.append("WWW-Authenticate")
        lines = [f"`{cls.code}`: {cls.title}." for cls in classes]
        return {
            "description": lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines),
            "headers": self._header_refs(headers),
            "content": {
                PROBLEM: {
                    "schema": schema,
                    "examples": {cls.code: {"$ref": f"#/components/examples/{cls.__name__}"} for cls in classes},
                }
            },
        }

    def _problem_schema(self, cls: type[DomainError]) -> Schema:
        members = {name: self.members[cls, name] for name in cls.member_types}
        required = [name for name, schema in members.items() if "null" not in str(schema)]
        own: Schema = {
            "type": "object",
            "properties": {
                "status": {"const": cls.status},
                "code": {"const": cls.code},
                "retryable": {"const": cls.retryable},
                **members,
            },
        }
        if required:
            own["required"] = required
        text = "\n\n".join(filter(None, [f"{cls.title}.", cls.explanation]))
        return {"description": text, "allOf": [{"$ref": "#/components/schemas/Problem"}, own]}

    def _problem_example(self, cls: type[DomainError]) -> dict[str, Any]:
        recorded = self.examples.problems.get(cls.code, {})
        if recorded.get("status") == cls.status:
            return {"summary": cls.title, "value": recorded}
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
        for name in cls.member_types:
            value[name] = sample(self.members[cls, name], self.schemas)
        return {"summary": cls.title, "value": value}

    def components(self) -> dict[str, Any]:
        made = {f"{name}Problem": self._problem_schema(cls) for name, cls in self.problems.items()}
        return {
            "schemas": dict(sorted({**self.schemas, **made}.items())),
            "responses": dict(sorted(self.responses.items())),
            "parameters": {name: PARAMETERS[name] for name in sorted(self.parameters)},
            "examples": {name: self._problem_example(cls) for name, cls in self.problems.items()},
            "headers": {name: HEADERS[name] for name in sorted(self.headers)},
            "securitySchemes": SECURITY_SCHEMES,
        }


def _without_null(schema: Schema) -> Schema:
    """A query parameter is absent rather than null."""
    made = dict(schema)
    if isinstance(made.get("type"), list):
        kinds = [kind for kind in made["type"] if kind != "null"]
        made["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "anyOf" in made:
        made["anyOf"] = [part for part in made["anyOf"] if part != {"type": "null"}]
        if len(made["anyOf"]) == 1:
            made.update(made.pop("anyOf")[0])
    if "enum" in made:
        made["enum"] = [value for value in made["enum"] if value is not None]
    return made


def security(access: Access) -> list[dict[str, list[str]]]:
    """Who is let in, one alternative per kind of credential. The role and scope stand in extensions, because linters
    know only those of OAuth here."""
    if access.is_public:
        return [{}]
    made: list[dict[str, list[str]]] = [{}] if access.anonymous else []
    if access.app:
        made.append({"publishableKey": []})
    if access.customer:
        made.append({"customerToken": []})
    if access.staff is not None:
        made.append({"staffToken": []})
    if access.scope is not None:
        made.append({"secretKey": []})
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
