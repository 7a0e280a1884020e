"""HEAD works wherever GET does, and says the same without the content (RFC 9110 §9.3.2)."""

import asyncio

import httpx
import pytest

from booking_api.capabilities import all_routes
from booking_api.site.openapi import endpoints_of
from tests.bookings.journey import hold, party
from tests.contract.scene import CALLS, Call, Scene
from tests.world import Headers

READS = {endpoint.operation_id: endpoint for endpoint in endpoints_of(all_routes()) if endpoint.method == "GET"}
LASTING = {"getOpenapi", "getDocs", "listProblems", "getProblem", "getProduct", "listPlaces", "getSeatLayout"}
OF_ITS_MOMENT = {"x-request-id", "date", "ratelimit"}


def told(answer: httpx.Response, *but: str) -> tuple[int, dict[str, str]]:
    return answer.status_code, {n: v for n, v in answer.headers.items() if n not in OF_ITS_MOMENT.union(but)}


def reader(scene: Scene, operation_id: str) -> Headers:
    access = READS[operation_id].access
    return scene.customer if access.customer else scene.world.owner if access.staff else {}


async def twice(
    api: httpx.AsyncClient, call: Call, headers: Headers, *but: str
) -> tuple[httpx.Response, httpx.Response]:
    got = await call.send(api, headers)
    head = await Call("HEAD", call.path, call.parameters, call.query, headers=call.headers).send(api, headers)
    assert told(head, *but) == told(got, *but)
    assert head.content == b""
    return got, head


@pytest.mark.parametrize("encoding", ["identity", "br", "gzip"])
async def test_every_get_has_its_head(api, scene, encoding):
    for operation_id in READS:
        headers = {**reader(scene, operation_id), "Accept-Encoding": encoding}
        # What was counted or noted in the meantime is in the second answer, and may be as long and be packed otherwise.
        of_its_moment = operation_id == "getMetrics" or (encoding != "identity" and operation_id not in LASTING)
        but = ("content-length",) if of_its_moment else ()
        got, _ = await twice(api, CALLS[operation_id](scene), headers, *but)
        assert got.status_code in {200, 204}, operation_id
        if etag := got.headers.get("etag"):
            await twice(api, CALLS[operation_id](scene), {**headers, "If-None-Match": etag})


async def test_refusals_have_theirs(api, scene):
    for operation_id, endpoint in READS.items():
        if not endpoint.access.anonymous:
            refused, _ = await twice(api, CALLS[operation_id](scene), {})
            assert refused.status_code == 401
    for path, headers in (
        ("/v1/nowhere", {}), ("/problems/nothing", {}), ("/v1/slots/none", scene.customer),
        ("/v1/availability?from=soon", scene.customer), ("/v1/staff", scene.customer),
    ):  # fmt: skip
        refused, _ = await twice(api, Call("GET", path), headers)
        assert refused.status_code in {400, 403, 404, 422}


@pytest.mark.parametrize(
    ("path", "allow"), [("/v1/staff", "GET, HEAD, OPTIONS, POST"), ("/v1/scans", "OPTIONS, POST"), ("/docs", "GET, HEAD, OPTIONS")]
)  # fmt: skip
async def test_allow_names_it(api, path, allow):
    asked, refused = await api.options(path), await api.request("PUT", path)
    assert (asked.status_code, asked.headers["allow"]) == (204, allow)
    assert (refused.status_code, refused.headers["allow"]) == (405, allow)


async def test_where_nothing_can_be_got_there_is_no_head(api, scene):
    refused, _ = await twice(api, Call("GET", "/v1/scans"), scene.world.agent)
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


async def test_the_head_of_a_stream_ends_at_once(api, world):
    customer = world.customer()
    booking = await hold(api, customer, party(world, "adult"))
    path = f"/v1/bookings/{booking['id']}/stream"
    for _ in range(20):  # More than a customer may have open.
        answer = await asyncio.wait_for(api.head(path, headers=customer), 10)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("text/event-stream")
