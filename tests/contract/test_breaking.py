"""What breaks clients is found, what only adds isn't, and what breaks must be argued."""

import copy
import json
from typing import Any

import pytest

from tests.contract.breaking import CURRENT, PUBLISHED, breaking_changes, judge, read_argued, without_texts

BASE: dict[str, Any] = {
    "paths": {
        "/v1/things": {
            "get": {
                "operationId": "listThings",
                "security": [{"customerToken": []}, {"staffToken": ["agent"]}, {"secretKey": ["things:read"]}],
                "parameters": [
                    {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 200}},
                    {"$ref": "#/components/parameters/Language"},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}},
                },
            },
            "post": {
                "operationId": "createThing",
                "requestBody": {
                    "required": False,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewThing"}}},
                },
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
            },
        },
        "/v1/others": {"get": {"operationId": "listOthers", "responses": {"204": {}}}},
    },
    "components": {
        "parameters": {"Language": {"name": "Accept-Language", "in": "header", "schema": {"type": "string"}}},
        "schemas": {
            "Thing": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "status": {"type": "string", "x-extensible-enum": ["on", "off"]},
                    "admit": {"type": "string", "enum": ["yes", "no"]},
                    "next": {"$ref": "#/components/schemas/Thing"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                    "size": {"type": "integer"},
                },
                "required": ["id", "status"],
            },
            "Part": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            "NewThing": {
                "type": "object",
                "properties": {
                    "name": {"type": ["string", "null"], "maxLength": 200},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "at": {"type": "string"},
                    "ratio": {"type": "number"},
                },
                "required": ["kind"],
            },
            "SoldOut": {"type": "object", "properties": {"code": {"type": "string", "enum": ["sold_out"]}}},
            "Problem": {"type": "object", "properties": {"code": {"type": "string"}}},
            "Refusal": {"anyOf": [{"$ref": "#/components/schemas/SoldOut"}, {"$ref": "#/components/schemas/Problem"}]},
        },
    },
}  # fmt: skip
GET, POST = ("paths", "/v1/things", "get"), ("paths", "/v1/things", "post")
SCHEMAS = ("components", "schemas")
THING, NEW = (*SCHEMAS, "Thing"), (*SCHEMAS, "NewThing")
GONE = object()


def changed(*edits: tuple[tuple[str | int, ...], Any]) -> dict[str, Any]:
    made = copy.deepcopy(BASE)
    for path, value in edits:
        *steps, last = path
        part: Any = made
        for step in steps:
            part = part[step]
        if value is GONE:
            del part[last]
        else:
            part[last] = value
    return made


BREAKING = {
    "path": ([(("paths", "/v1/others"), GONE)], ["/v1/others: removed path"]),
    "operation": ([(POST, GONE)], ["POST /v1/things: removed operation"]),
    "operation's name": ([((*GET, "operationId"), "getThings")], ["GET /v1/things: renamed from listThings to getThings"]),
    "status": ([((*GET, "responses", "404"), GONE)], ["GET /v1/things: removed status 404"]),
    "header": ([((*GET, "responses", "200", "headers"), {})], ["GET /v1/things 200: removed header ETag"]),
    "media type": (
        [((*POST, "responses", "201", "content"), {"text/csv": {}})],
        ["POST /v1/things 201: removed media type application/json"],
    ),
    "caller": ([((*GET, "security"), BASE["paths"]["/v1/things"]["get"]["security"][1:])], ['GET /v1/things: no longer admits {"customerToken": []}']),
    "role": ([((*GET, "security", 1), {"staffToken": ["manager"]})], ['GET /v1/things: no longer admits {"staffToken": ["agent"]}']),
    "scope": ([((*GET, "security", 2), {"secretKey": ["all:read"]})], ['GET /v1/things: no longer admits {"secretKey": ["things:read"]}']),
    "parameter": ([((*GET, "parameters", 0), GONE)], ["GET /v1/things: removed parameter query limit"]),
    "shared parameter": ([((*GET, "parameters", 1), GONE)], ["GET /v1/things: removed parameter header Accept-Language"]),
    "parameter required": ([((*GET, "parameters", 0, "required"), True)], ["GET /v1/things: newly required parameter query limit"]),
    "new required parameter": (
        [((*GET, "parameters"), [*BASE["paths"]["/v1/things"]["get"]["parameters"], {"name": "q", "in": "query", "required": True, "schema": {}}])],
        ["GET /v1/things: newly required parameter query q"],
    ),
    "parameter narrowed": ([((*GET, "parameters", 0, "schema", "maximum"), 100)], ["GET /v1/things query limit: maximum was 200, is 100"]),
    "body required": ([((*POST, "requestBody", "required"), True)], ["POST /v1/things: newly required body"]),
    "body removed": ([((*POST, "requestBody"), GONE)], ["POST /v1/things: removed body"]),
    "member of an answer": ([((*THING, "properties", "size"), GONE)], ["Thing (answer): removed member size"]),
    "member within": ([((*SCHEMAS, "Part", "properties", "name"), GONE)], ["Part (answer): removed member name"]),
    "member may be absent": ([((*THING, "required"), ["id"])], ["Thing (answer): member status may be absent now"]),
    "answer's type widened": ([((*THING, "properties", "size", "type"), ["integer", "null"])], ["Thing (answer).size: type was integer, is integer or null"]),
    "answer's number": ([((*THING, "properties", "size", "type"), "number")], ["Thing (answer).size: type was integer, is integer or number"]),
    "answer's format": ([((*THING, "properties", "id", "format"), GONE)], ["Thing (answer).id: format was uuid, is None"]),
    "value of an open enumeration": ([((*THING, "properties", "status", "x-extensible-enum"), ["on"])], ["Thing (answer).status: no longer off"]),
    "value of a closed one": ([((*THING, "properties", "admit", "enum"), ["yes"])], ['Thing (answer).admit: no longer "no"']),
    "new value of a closed one": ([((*THING, "properties", "admit", "enum"), ["yes", "no", "maybe"])], ['Thing (answer).admit: may be "maybe" now']),
    "closed one opened": ([((*THING, "properties", "admit"), {"type": "string"})], ["Thing (answer).admit: may be anything now"]),
    "branch": ([((*SCHEMAS, "Refusal", "anyOf"), [{"$ref": "#/components/schemas/Problem"}])], ["Refusal (answer): no longer SoldOut"]),
    "openness": (
        [((*SCHEMAS, "Refusal", "anyOf"), [{"$ref": "#/components/schemas/SoldOut"}])],
        ["Refusal (answer): no longer Problem"],
    ),
    "union of one": (
        [((*POST, "responses", "201", "content", "application/json", "schema"), {"anyOf": [{"$ref": "#/components/schemas/Thing"}, {"$ref": "#/components/schemas/Part"}]})],
        ["POST /v1/things 201: may be Part now"],
    ),
    "member of a request": ([((*NEW, "properties", "at"), GONE)], ["NewThing (request): removed member at"]),
    "required of a request": ([((*NEW, "required"), ["kind", "at"])], ["NewThing (request): newly required member at"]),
    "new required of a request": (
        [((*NEW, "properties", "more"), {"type": "string"}), ((*NEW, "required"), ["kind", "more"])],
        ["NewThing (request): newly required member more"],
    ),
    "request closed": ([((*NEW, "additionalProperties"), False)], ["NewThing (request): further members are refused now"]),
    "request's type narrowed": ([((*NEW, "properties", "name", "type"), "string")], ["NewThing (request).name: type was null or string, is string"]),
    "request's number": ([((*NEW, "properties", "ratio", "type"), "integer")], ["NewThing (request).ratio: type was integer or number, is integer"]),
    "request's value": ([((*NEW, "properties", "kind", "enum"), ["a"])], ['NewThing (request).kind: no longer "b"']),
    "request enumerated": ([((*NEW, "properties", "at", "enum"), ["now"])], ['NewThing (request).at: only "now" now']),
    "request's format": ([((*NEW, "properties", "at", "format"), "date-time")], ["NewThing (request).at: format was None, is date-time"]),
    "request's length": ([((*NEW, "properties", "name", "maxLength"), 100)], ["NewThing (request).name: maxLength was 200, is 100"]),
    "request's least": ([((*NEW, "properties", "ratio", "minimum"), 0)], ["NewThing (request).ratio: minimum was None, is 0"]),
    "request's pattern": ([((*NEW, "properties", "at", "pattern"), "^x$")], ["NewThing (request).at: pattern was None, is ^x$"]),
    "component's name": (
        [((*SCHEMAS, "Item"), BASE["components"]["schemas"]["Part"]), ((*THING, "properties", "parts", "items", "$ref"), "#/components/schemas/Item"), ((*SCHEMAS, "Part"), GONE)],
        ["schema Part: removed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BREAKING)
def test_what_breaks_is_found(kind):
    edits, expected = BREAKING[kind]
    assert breaking_changes(BASE, changed(*edits)) == expected


HARMLESS = {
    "nothing": [],
    "path": [(("paths", "/v1/more"), {"get": {"responses": {}}})],
    "status": [((*POST, "responses", "402"), {})],
    "caller": [((*GET, "security", 0), {"customerToken": []}), ((*POST, "security"), [{"publishableKey": []}])],
    "lower role": [((*GET, "security", 1), {"staffToken": []})],
    "optional parameter": [
        ((*GET, "parameters"), [*BASE["paths"]["/v1/things"]["get"]["parameters"], {"name": "q", "in": "query", "schema": {}}])
    ],
    "member of an answer": [((*THING, "properties", "more"), {"type": "string"}), ((*THING, "required"), ["id", "status", "more"])],
    "answer always has it": [((*THING, "required"), ["id", "status", "size"])],
    "value of an open enumeration": [((*THING, "properties", "status", "x-extensible-enum"), ["on", "off", "broken"])],
    "refusal": [
        ((*SCHEMAS, "Refusal", "anyOf"), [{"$ref": "#/components/schemas/SoldOut"}, {"$ref": "#/components/schemas/Part"}, {"$ref": "#/components/schemas/Problem"}])
    ],
    "optional member of a request": [((*NEW, "properties", "more"), {"type": "string"})],
    "no longer required": [((*NEW, "required"), [])],
    "request's type widened": [((*NEW, "properties", "at", "type"), ["string", "null"])],
    "request's value": [((*NEW, "properties", "kind", "enum"), ["a", "b", "c"])],
    "request's length": [((*NEW, "properties", "name", "maxLength"), 500)],
    "words": [((*GET, "summary"), "Lists"), ((*THING, "description"), "A thing.")],
}  # fmt: skip


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_only_adds_is_not(kind):
    assert breaking_changes(BASE, changed(*HARMLESS[kind])) == []


def test_what_breaks_needs_a_reason_and_a_reason_something_that_breaks():
    new = changed((("paths", "/v1/others"), GONE))
    assert judge(BASE, new, {}) == ["breaks clients: /v1/others: removed path"]
    assert judge(BASE, new, {"/v1/others: removed path": " "}) == ["breaks clients: /v1/others: removed path"]
    assert judge(BASE, new, {"/v1/others: removed path": "Nobody ever called it."}) == []
    assert judge(BASE, BASE, {"/v1/others: removed path": "Nobody ever called it."}) == [
        "argued, but not so: /v1/others: removed path"
    ]


def test_the_published_description_has_what_is_compared():
    """Leaving texts out loses no member, even one that is called as a keyword is."""
    current = json.loads(CURRENT.read_bytes())
    assert breaking_changes(current, without_texts(current)) == []
    assert breaking_changes(without_texts(current), current) == []
    named = {"schemas": {"title": {"properties": {"title": {"type": "string", "title": "T"}, "summary": {}}}}}
    assert without_texts(named) == {"schemas": {"title": {"properties": {"title": {"type": "string"}, "summary": {}}}}}


def test_nothing_breaks_clients_of_the_published_description():
    assert judge(json.loads(PUBLISHED.read_bytes()), json.loads(CURRENT.read_bytes()), read_argued()) == []
