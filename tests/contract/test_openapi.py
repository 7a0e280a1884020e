"""The published description: current, complete, and with examples that are true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import booking_api
from booking_api.capabilities import all_routes
from booking_api.core.errors import known_errors
from booking_api.site.document import document, encode, load_examples
from booking_api.site.markup import CONTENT_SECURITY_POLICY
from booking_api.site.openapi import endpoints_of
from booking_api.site.openapi_problems import errors_of

PUBLISHED = Path(booking_api.__file__).parent.parent / "openapi" / "openapi.json"
DOCUMENT = document(all_routes())
OPERATIONS = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]


def test_the_published_description_is_current():
    assert PUBLISHED.read_bytes() == encode(DOCUMENT), "run `booking-api openapi -o openapi/openapi.json`"


def test_building_it_twice_gives_the_same():
    assert encode(document(all_routes())) == encode(DOCUMENT)


async def test_the_server_serves_the_same(api):
    answer = await api.get("/openapi.json")
    assert answer.content == PUBLISHED.read_bytes()
    again = await api.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_route_is_described(app):
    described = {(endpoint.method, endpoint.path) for endpoint in endpoints_of(all_routes())}
    routed = {
        (method, route.path_format if "{" not in route.path else route.path)
        for route in app.routes
        for method in route.methods
        if method != "OPTIONS"
    }
    assert {method for method, _ in routed} == {method for method, _ in described}
    assert len(routed) == len(described)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_each_operation_reads_well(operation: dict[str, Any]):
    description, _, callers = operation["description"].partition("**Who may call:**")
    assert len(operation["summary"]) <= 60
    assert operation["summary"][0].isupper()
    assert len(description.strip()) >= 10, "its docstring needs a second paragraph"
    assert callers
    assert operation["operationId"].isalnum()
    assert all(
        len(parameter["description"]) > 5 for parameter in operation.get("parameters", []) if "name" in parameter
    )


def test_every_declared_refusal_can_be_told_apart():
    """Two refusals of one operation never share a status and a code without being the same thing to an app."""
    for endpoint in endpoints_of(all_routes()):
        refusals = [(cls.status, cls.code) for cls in errors_of(endpoint)]
        assert len(refusals) == len(set(refusals)), endpoint.operation_id


def test_refusals_are_explained():
    """Each has a page at its `type`, so that it needs a title and, unless that says it all, an explanation."""
    for code, classes in known_errors().items():
        assert code.replace("_", "").isalpha(), code
        assert classes[0].title, code
        assert not classes[0].title.endswith("."), code


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where it stands, its schema, and the example."""
    for operation in OPERATIONS:
        name = operation["operationId"]
        for parameter in map(resolved, operation.get("parameters", [])):
            if "example" in parameter:
                yield f"{name} {parameter['name']}", parameter["schema"], parameter["example"]
        contents = [("body", operation.get("requestBody", {}))]
        contents += [(status, resolved(response)) for status, response in operation["responses"].items()]
        for where, holder in contents:
            for media_type, content in holder.get("content", {}).items():
                if "example" in content:
                    yield f"{name} {where} {media_type}", content["schema"], content["example"]
                for code, example in content.get("examples", {}).items():
                    yield f"{name} {where} {code}", content["schema"], resolved(example)["value"]


def validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]}, validate_formats=True)


def test_every_example_fits_its_schema():
    wrong: list[str] = []
    for where, schema, example in examples():
        wrong += [
            f"{where}: {error.message[:200]} at {error.instance_path}"
            for error in validator(schema).iter_errors(example)
        ]
    assert wrong == []


def test_there_is_a_recorded_example_for_every_operation():
    recorded = load_examples().operations
    assert set(recorded) == {operation["operationId"] for operation in OPERATIONS}, (
        "run `python -m tests.contract.record_examples`"
    )


SCHEMAS = DOCUMENT["components"]["schemas"]


def problems_of(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a refusal of an operation may be, for each status."""
    for response in map(resolved, operation["responses"].values()):
        if content := response.get("content", {}).get("application/problem+json"):
            yield content


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["operationId"])
def test_refusals_are_told_apart_by_their_code_and_open(operation: dict[str, Any]):
    """A named union for each status: branches with a `code` of their own, then any problem. None is put together from
    parts, or has a discriminator, by which generated clients would refuse a code that they don't know."""
    for content in problems_of(operation):
        assert content["schema"]["$ref"].endswith("Refusal")
        union = resolved(content["schema"])
        assert set(union) == {"description", "anyOf"}
        *branches, last = [branch["$ref"].rpartition("/")[2] for branch in union["anyOf"]]
        assert last == "Problem"
        codes = [SCHEMAS[branch]["properties"]["code"]["enum"] for branch in branches]
        assert codes == [[code] for code in content["examples"]]
        for branch in branches:
            assert set(SCHEMAS["Problem"]["required"]) <= set(SCHEMAS[branch]["required"])
            assert set(SCHEMAS[branch]) == {"description", "type", "properties", "required"}


def test_a_refusal_with_an_unknown_code_fits():
    unknown = {
        "type": "https://api.example.org/problems/brand_new", "title": "T", "status": 409, "detail": "D",
        "code": "brand_new", "request_id": "r", "retryable": False, "new_member": 1,
    }  # fmt: skip
    unions = {name for name in SCHEMAS if name.endswith("Refusal")}
    assert len(unions) > 40
    assert all(validator(SCHEMAS[name]).is_valid(unknown) for name in unions)


def test_nothing_has_a_default_but_parameters():
    assert [name for name, schema in SCHEMAS.items() if "default" in str(schema.get("properties", {}))] == []


def test_every_answer_with_a_body_has_a_schema():
    for operation in OPERATIONS:
        for status, response in operation["responses"].items():
            assert all(content.get("schema") for content in resolved(response).get("content", {}).values()), (
                operation["operationId"], status,
            )  # fmt: skip


def test_every_schema_is_valid_and_used():
    text = encode(DOCUMENT).decode()
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
        assert f'"#/components/schemas/{name}"' in text, name


async def test_pages(api):
    docs = await api.get("/docs")
    assert docs.headers["content-type"] == "text/html; charset=utf-8"
    assert docs.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert all(f'id="{operation["operationId"]}"' in docs.text for operation in OPERATIONS)
    assert "http://" not in docs.text.replace("http://127.0.0.1", "").replace("http://localhost", "")
    listed = await api.get("/problems")
    for code in known_errors():
        assert f'href="/problems/{code}"' in listed.text
        page = await api.get(f"/problems/{code}")
        assert page.status_code == 200
        assert f"<code>{code}</code>" in page.text
    again = await api.get("/docs", headers={"If-None-Match": docs.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("code", ["unknown", "..%2fdocs", "%00", "a" * 2000])
async def test_an_unknown_code_is_a_problem(api, code):
    answer = await api.get(f"/problems/{code}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_problem_leads_to_its_page(api):
    problem = (await api.get("/v1/places")).json()
    page = await api.get(problem["type"].removeprefix("http://testserver"))
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
