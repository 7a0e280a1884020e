"""The journey through a running server, by nothing but the description: its links, paths and examples."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx

from booking_api.core.clock import utc_now
from tests.bookings.journey import CONTACT
from tests.contract.test_openapi import DOCUMENT, resolved
from tests.world import bearer

OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


class Walker:
    """A client that knows the description and the last answer."""

    def __init__(self, api: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self._api, self._headers = api, headers
        self.at = ""
        """The operation that answered last, and its answer."""
        self.answer: httpx.Response

    async def start(self, operation_id: str, **query: str) -> Any:
        return await self._call(operation_id, {}, None, query)

    async def follow(self, name: str, **known: Any) -> Any:
        """Goes on by a link of the last answer. `known` is what the customer adds to the request."""
        _, _, operation = OPERATIONS[self.at]
        link = operation["responses"][str(self.answer.status_code)]["links"][name]
        body = self._filled(link["x-request-body"]) if "x-request-body" in link else None
        parameters = {key: self._filled(value) for key, value in link.get("parameters", {}).items()}
        return await self._call(link["operationId"], parameters, body if body is None else {**body, **known}, {})

    async def _call(self, operation_id: str, parameters: dict[str, str], body: Any, query: dict[str, str]) -> Any:
        method, path, _ = OPERATIONS[operation_id]
        answer = await self._api.request(
            method.upper(), path.format(**parameters), params=query, json=body, headers=self._headers
        )
        assert answer.is_success, (operation_id, answer.text)
        self.at, self.answer = operation_id, answer
        if "json" not in answer.headers["content-type"]:
            return answer.content
        shown = answer.json()
        if "access_token" in shown:
            self._headers = bearer(shown["access_token"])
        return shown

    def _filled(self, part: Any) -> Any:
        if isinstance(part, dict):
            return {key: self._filled(value) for key, value in part.items()}
        if isinstance(part, list):
            return [self._filled(value) for value in part]
        if isinstance(part, str) and part.startswith("$response.body#/"):
            found = self.answer.json()
            for step in part.partition("#/")[2].split("/"):
                found = found[int(step)] if isinstance(found, list) else found[step]
            return found
        return part


async def test_the_journey_follows_the_links(api, world):
    walker = Walker(api, world.app)
    found = await walker.start(
        "searchAvailability", product_id=str(world.tower.id), to=str(utc_now().date() + timedelta(days=2))
    )
    held = await walker.follow("hold")
    assert held["slot"]["id"] == found["items"][0]["slot_id"]
    # A card would need the provider's form.
    method = next(one["method"] for one in held["payment"]["methods"] if not one["needs"])
    confirmed = await walker.follow("confirm", contact=CONTACT, payment={"method": method})
    assert confirmed["status"] == "confirmed"
    confirmation = walker.at, walker.answer
    assert (await walker.follow("pass")).startswith(b"<svg")
    walker.at, walker.answer = confirmation
    said = await walker.follow("say", kind="csat", score=5)
    assert said["booking_id"] == held["id"]
    walker.at, walker.answer = confirmation
    assert (await walker.follow("cancel"))["status"] == "cancelled"
    assert (await walker.follow("show"))["status"] == "cancelled"


def links() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Where it stands, the link, and the answer that it leads on from."""
    for operation_id, (_, _, operation) in OPERATIONS.items():
        for status, response in operation["responses"].items():
            for name, link in response.get("links", {}).items():
                yield f"{operation_id} {status} {name}", link, response["content"]["application/json"]["schema"]


def expressions(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from expressions(one)
    elif isinstance(part, str) and part.startswith("$"):
        yield part


def leads_to(schema: dict[str, Any], pointer: str) -> bool:
    """Whether a pointer is of something that the schema describes."""
    for step in pointer.split("/"):
        schema = resolved(schema)
        schema = schema["items"] if step.isdigit() else schema.get("properties", {}).get(step)
        if schema is None:
            return False
    return True


def test_every_link_leads_somewhere():
    found = list(links())
    assert len(found) > 15
    for where, link, answer in found:
        _, _, operation = OPERATIONS[link["operationId"]]
        needed = {one["name"] for one in map(resolved, operation.get("parameters", [])) if one["in"] == "path"}
        assert set(link.get("parameters", {})) == needed, where
        assert ("x-request-body" in link) <= ("requestBody" in operation), where
        for expression in expressions([link.get("parameters", {}), link.get("x-request-body", {})]):
            assert leads_to(answer, expression.removeprefix("$response.body#/")), (where, expression)
        if "x-request-body" in link:
            members = resolved(operation["requestBody"]["content"]["application/json"]["schema"])["properties"]
            assert set(link["x-request-body"]) <= set(members), where
