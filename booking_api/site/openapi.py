"""The OpenAPI 3.1 document, made from what `core.web.http.endpoint` was told of each operation.

It knows no capability: texts about the whole and the examples are given by its caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from booking_api.core.web.http import Binary, Endpoint
from booking_api.core.web.lines import NDJSON
from booking_api.core.web.problems import Problem
from booking_api.core.web.replies import JSON, encode
from booking_api.site.json_schema import Schema, make_schemas, paragraphs, references, sample
from booking_api.site.openapi_parts import (
    HEADERS,
    PARAMETERS,
    PATH_PARAMETER,
    SECURITY_SCHEMES,
    SERVERS,
    callers,
    header_refs,
    security,
)
from booking_api.site.openapi_problems import Refusals
from booking_api.site.presence import say_defaults, without_null
from booking_api.site.steps import LINKS

PATH_TYPES: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer"},
    "str": {"type": "string", "minLength": 1},
}
METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLE_ID = "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15"


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
        "servers": SERVERS,
        "tags": [{"name": name, "description": text} for name, text in prose.tags.items() if name in used],
        "paths": paths,
        "components": builder.components(paths),
    }


BY_ID_OR_CODE = {"place", "product", "layout"}
CONDITIONS = {"GET": ["IfNoneMatch"], "PUT": ["IfMatch", "IfNew"]}
"""Method → the headers with which a conditional operation is asked."""


class _Builder:
    """Makes operations, and gathers the components that they refer to."""

    def __init__(self, endpoints: Sequence[Endpoint], examples: Examples) -> None:
        self.examples = examples
        self.refusals = Refusals(endpoints)
        requests = {e.operation_id: e.body for e in endpoints if e.body is not None}
        queries = {e.operation_id: e.query for e in endpoints if e.query is not None}
        answers = {
            (e.operation_id, status): answer
            for e in endpoints
            for status, answer in e.answers.items()
            if answer is not None and not isinstance(answer, Binary)
        }
        members = self.refusals.member_types
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
        say_defaults(self.schemas.values())

    def operation(self, endpoint: Endpoint) -> dict[str, Any]:
        name, access = endpoint.operation_id, endpoint.access
        made: dict[str, Any] = {
            "operationId": name,
            "tags": [endpoint.tag],
            "summary": endpoint.summary,
            "description": "\n\n".join(filter(None, [paragraphs(endpoint.description), callers(access)])),
            "security": security(access),
        }
        if parameters := self._parameters(endpoint):
            made["parameters"] = parameters
        if endpoint.body is not None:
            made["requestBody"] = self._request_body(endpoint)
        made["responses"] = {**self._successes(endpoint), **self.refusals.responses_of(endpoint)}
        return made

    def _request_body(self, endpoint: Endpoint) -> dict[str, Any]:
        schema = self.bodies[endpoint.operation_id]
        recorded = self.examples.of(endpoint).request
        if endpoint.lines:
            written = "\n".join(encode(line).decode() for line in recorded or [sample(schema, self.schemas)])
            lines = {"type": "string", "description": "JSON documents, one a line.", "x-line-schema": schema}
            return {"required": True, "content": {NDJSON: {"schema": lines, "example": written}}}
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
                "description": _of_path(thing, name),
                "schema": schema,
                "example": example.path.get(name, EXAMPLE_ID if found["type"] == "uuid" else name),
            })  # fmt: skip
        if endpoint.operation_id in self.queries:
            made += self._query_parameters(endpoint, example)
        for name in self._header_parameters(endpoint):
            made.append({"$ref": f"#/components/parameters/{name}"})
        return made

    def _query_parameters(self, endpoint: Endpoint, example: Example) -> list[dict[str, Any]]:
        query = self.queries[endpoint.operation_id]
        made: list[dict[str, Any]] = []
        for name, found in query["properties"].items():
            schema = without_null(found)
            text = schema.pop("description", None) or f"The {name.replace('_', ' ')}."
            parameter = {
                "name": name,
                "in": "query",
                "required": name in query.get("required", []),
                "description": text,
                "schema": schema,
            }
            if name in example.query:
                given = example.query[name]
                parameter["example"] = int(given) if schema.get("type") == "integer" else given
            made.append(parameter)
        return made

    @staticmethod
    def _header_parameters(endpoint: Endpoint) -> list[str]:
        names: list[str] = []
        if not endpoint.access.is_public:
            if endpoint.method != "GET":
                names.append("IdempotencyKey")
            names.append("AcceptLanguage")
        if endpoint.access.app:
            names.append("AppId")
        if endpoint.conditional:
            names += CONDITIONS.get(endpoint.method, ["IfMatch"])
        return names

    def _successes(self, endpoint: Endpoint) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for status, answer in sorted(endpoint.answers.items()):
            key = (endpoint.operation_id, status)
            schema = self.answers.get(key)
            response: dict[str, Any] = {
                "description": endpoint.answer_descriptions.get(status) or self._describe(status, answer),
                "headers": header_refs(self._success_headers(endpoint, status)),
            }
            if isinstance(answer, Binary):
                schema = {"type": "string"} if answer.is_text else {"type": "string", "format": "binary"}
                if answer.media_type == JSON:
                    schema = {"type": "object"}
                response["content"] = {kind: {"schema": schema} for kind in (answer.media_type, *answer.others)}
            elif schema is not None:
                recorded = self._recorded(endpoint, status)
                value = recorded if recorded is not None else sample(schema, self.schemas)
                response["content"] = {JSON: {"schema": schema, "example": value}}
            if links := LINKS.get(key):
                response["links"] = links
            made[str(status)] = response
        if endpoint.conditional and endpoint.method == "GET":
            made["304"] = {
                "description": "You have it already.",
                "headers": header_refs(["ETag", "X-Request-Id"]),
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

    def components(self, paths: dict[str, Any]) -> dict[str, Any]:
        made = {
            "schemas": dict(
                sorted({**self.schemas, **self.refusals.schemas(self.members, self.schemas["Problem"])}.items())
            ),
            "responses": dict(sorted(self.refusals.responses.items())),
            "parameters": PARAMETERS,
            "examples": self.refusals.examples(self.members, self.schemas, self.examples.problems),
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        }
        used = set(references([paths, made]))
        for kind in ("parameters", "headers"):
            made[kind] = {name: part for name, part in made[kind].items() if f"#/components/{kind}/{name}" in used}
        return made


def _of_path(thing: str, name: str) -> str:
    if name in BY_ID_OR_CODE:
        return f"The {thing}'s id or its code, percent-encoded."
    return f"The {thing}'s id." if name.endswith("_id") else f"The {thing}."
