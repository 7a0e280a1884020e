"""What a page of another origin may call and read."""

import re

import msgspec
import pytest

from booking_api.capabilities import all_routes
from booking_api.core.web.cors import lines_of
from booking_api.site.openapi import endpoints_of
from tests.bookings.journey import hold, owner_of, party

PAGE = {"Origin": "https://shop.example"}
CONTRACT = {
    "Date", "ETag", "Retry-After", "Location", "Content-Language", "Idempotency-Replayed", "RateLimit",
    "RateLimit-Policy",
}  # fmt: skip


def asks(method, headers="authorization,content-type,idempotency-key"):
    return {**PAGE, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


def words(answer, name):
    return {word.strip().lower() for word in answer.headers[name].split(",")}


def is_readable(answer):
    exposed = {name.strip() for name in answer.headers.get("access-control-expose-headers", "").split(",")}
    return answer.headers.get_list("access-control-allow-origin") == ["*"] and exposed >= CONTRACT


def path_of(endpoint):
    return re.sub(r"\{[^}]+\}", "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15", endpoint.path)


@pytest.mark.parametrize("endpoint", endpoints_of(all_routes()), ids=lambda one: one.operation_id)
async def test_pages_may_call_what_apps_and_customers_may_and_nothing_else(api, endpoint):
    access = endpoint.access
    may = access.app or access.customer or access.is_public
    path = path_of(endpoint)
    preflight = await api.options(path, headers=asks(endpoint.method))
    assert preflight.status_code == 204
    assert ("access-control-allow-methods" in preflight.headers) is may
    assert ("access-control-allow-origin" in preflight.headers) is may
    if may:
        assert endpoint.method.lower() in words(preflight, "access-control-allow-methods")
        assert words(preflight, "access-control-allow-headers") >= {"authorization", "content-type", "idempotency-key"}
        assert int(preflight.headers["access-control-max-age"]) > 600
        assert "authorization" not in preflight.headers.get("vary", "").lower()
    answer = await api.request(endpoint.method, path, headers=PAGE)
    assert is_readable(answer) is may, (answer.status_code, answer.headers)
    assert "access-control-allow-credentials" not in answer.headers


async def test_refusals_can_be_read(api, world):
    app = {**world.app, **PAGE}
    refused = {
        400: await api.post("/v1/bookings", content=b"{", headers={**app, "Content-Type": "application/json"}),
        401: await api.get("/v1/products", headers=PAGE),
        403: await api.get("/v1/sync", headers=app),
        404: await api.get("/v1/nothing/here", headers=app),
        405: await api.delete("/v1/products", headers=app),
        413: await api.post(
            "/v1/bookings", content=b"x" * 300_000, headers={**app, "Content-Type": "application/json"}
        ),
        414: await api.get("/v1/products?q=" + "x" * 9_000, headers=app),
        415: await api.post("/v1/bookings", content=b"x", headers={**app, "Content-Type": "text/plain"}),
        431: await api.get("/v1/products", headers={**app, "X-Long": "x" * 40_000}),
    }
    for status, answer in refused.items():
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert is_readable(answer), status


async def test_a_page_is_told_that_a_path_or_method_is_none(api):
    for path, method in (("/v1/nothing/here", "GET"), ("/v1/products", "DELETE"), ("/v1/bookings/no-id", "PATCH")):
        preflight = await api.options(path, headers=asks(method))
        assert preflight.status_code == 204
        assert method.lower() in words(preflight, "access-control-allow-methods")
    for path in ("/v1//products", "/v1/products/"):
        assert "access-control-allow-origin" in (await api.options(path, headers=asks("GET"))).headers


class TestLimited:
    @pytest.fixture
    def settings(self, settings):
        return msgspec.structs.replace(settings, key_rate_limit_per_minute=1)

    async def test_who_is_refused_for_asking_too_often_can_read_it(self, api, world):
        await api.get("/v1/products", headers={**world.app, **PAGE})
        answer = await api.get("/v1/products", headers={**world.app, **PAGE})
        assert answer.status_code == 429
        assert is_readable(answer)
        assert answer.headers["retry-after"]


async def test_a_stream_can_be_read(app, api, world):
    held = await hold(api, world.app, party(world, "adult", option="flex"))
    # HEAD has the headers of the stream, and not the stream.
    stream = await api.head(f"/v1/bookings/{held['id']}/stream", headers={**owner_of(held), **PAGE})
    assert stream.status_code == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert is_readable(stream)


async def test_without_an_origin_nothing_is_said_of_it(api, world):
    answer = await api.get("/v1/products", headers=world.app)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    plain = await api.options("/v1/products", headers=PAGE)
    assert plain.headers["allow"] == "GET, HEAD, OPTIONS"
    # What a cache keeps of a request without an origin isn't given to a page.
    assert "Origin" in (await api.get("/v1/products", headers=world.app)).headers.get("vary", "Origin")
    assert "origin" in words(await api.get("/.well-known/jwks.json"), "vary")


def test_a_refusal_before_any_routing_is_for_everybody():
    assert dict(lines_of({}, b"https://shop.example"))[b"access-control-allow-origin"] == b"*"
