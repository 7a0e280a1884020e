"""Pictures of passes over HTTP: who may see them, until when, and what comes back."""

import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
import zxingcpp
from PIL import Image

from booking_api.core.ids import new_id
from booking_api.passes import operations as passes
from booking_api.passes.schemas import PassRequest
from tests.world import build_world


async def issue(world, *, customer_id=None, minutes=(-5, 60), item_id=None, now=None):
    moment = now or datetime.now(UTC)
    request = PassRequest(
        item_id or new_id(),
        new_id(),
        customer_id or new_id(),
        moment + timedelta(minutes=minutes[0]),
        moment + timedelta(minutes=minutes[1]),
    )
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db, now=moment)
        (row,) = await passes.issue(ctx, [request])
        return row, passes.pass_answer(ctx, row, True)


async def test_picture_leads_back_to_the_holder_with_nothing_but_the_jwks(api, world):
    row, answer = await issue(world)
    picture = await api.get(answer.png_url)
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"].startswith("private")
    text = zxingcpp.read_barcode(Image.open(io.BytesIO(picture.content))).text
    assert text == row.code == answer.code

    jwks = jwt.PyJWKSet.from_json((await api.get("/.well-known/jwks.json")).text)
    claims = jwt.decode(text, jwks[jwt.get_unverified_header(text)["kid"]], algorithms=["EdDSA"])
    assert list(claims) == ["sub", "slot", "iat", "nbf", "exp"]
    assert claims["iat"] == row.issued_at.timestamp()
    assert claims["exp"] == row.valid_until.timestamp()


@pytest.mark.parametrize(("image_format", "media_type"), [("svg", "image/svg+xml"), ("png", "image/png")])
async def test_unchanged_picture_is_304(api, world, image_format, media_type):
    _, answer = await issue(world)
    url = getattr(answer, f"{image_format}_url")
    first = await api.get(url)
    assert first.headers["content-type"].startswith(media_type)
    assert first.headers["content-language"]
    again = await api.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await api.get(url, headers={"If-None-Match": '"something else"'})
    assert other.content == first.content


async def test_signed_url_dies_with_the_pass(api, world):
    row, answer = await issue(world)
    ended, ended_answer = await issue(world, minutes=(-60, -1))
    assert (await api.get(ended_answer.svg_url)).status_code == 404
    assert (await api.get(answer.svg_url)).status_code == 200
    async with world.runtime.pool.acquire() as db:
        assert await passes.revoke(db, world.org.org_id, [row.item_id], datetime.now(UTC)) == 1
        assert await passes.revoke(db, world.org.org_id, [row.item_id], datetime.now(UTC)) == 0
        assert await passes.find_passes(db, world.org.org_id, [row.item_id, ended.item_id]) == {ended.item_id: ended}
    dead = await api.get(answer.svg_url)
    assert (dead.status_code, dead.json()["code"]) == (404, "not_found")


async def test_signature_fits_one_picture_only(api, world):
    _, answer = await issue(world)
    _, other = await issue(world)
    signature = answer.svg_url.partition("?s=")[2]
    forged = [
        f"{other.svg_url.partition('?')[0]}?s={signature}", f"{answer.png_url.partition('?')[0]}?s={signature}",
        answer.svg_url[:-1] + ("A" if answer.svg_url[-1] != "A" else "B"), f"{answer.svg_url.partition('?')[0]}?s=",
        f"{answer.svg_url.partition('?')[0]}?s=é", f"/v1/passes/{uuid4()}/qr.svg?s={signature}",
    ]  # fmt: skip
    for url in forged:
        refused = await api.get(url)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated"), url
    assert (await api.get(f"{answer.svg_url}&extra=1")).status_code == 400
    assert (await api.get(f"{answer.svg_url.partition('?')[0]}?s={'A' * 5000}")).status_code == 400


async def test_without_signature_a_token_is_needed(api, world):
    customer_id = new_id()
    row, _ = await issue(world, customer_id=customer_id)
    neighbour = await build_world(world.runtime, "Neighbour")
    url = f"/v1/passes/{row.id}/qr.svg"
    expected = [
        (None, 401), (world.app, 403), (world.customer(customer_id), 200), (world.customer(), 404), (world.agent, 200),
        (world.key, 200), (neighbour.agent, 404), (neighbour.key, 404), (neighbour.customer(customer_id), 404),
        ({"Authorization": "Bearer nonsense"}, 401),
    ]  # fmt: skip
    for headers, status in expected:
        answer = await api.get(url, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
    assert (await api.get("/v1/passes/nonsense/qr.svg")).status_code == 404
    assert (await api.get(f"/v1/passes/{uuid4()}/qr.svg", headers=world.agent)).status_code == 404


async def test_reissue_within_a_second_raises_iat_and_revokes(world):
    item_id, moment = new_id(), datetime(2026, 5, 1, 12, 0, 0, 900_000, tzinfo=UTC)
    rows = [(await issue(world, item_id=item_id, now=moment))[0] for _ in range(3)]
    issued = [int(row.issued_at.timestamp()) for row in rows]
    assert issued == [int(moment.timestamp()) + n for n in range(3)]
    async with world.runtime.pool.acquire() as db:
        live = await passes.find_passes(db, world.org.org_id, [item_id])
        assert live == {item_id: rows[-1]}
        verified = await passes.verify(world.context(db), rows[0].code)
        assert verified is not None
        assert (verified.org_id, verified.item_id, verified.slot_id) == (world.org.org_id, item_id, rows[0].slot_id)
        assert (verified.issued_at, verified.valid_from, verified.valid_until) == (
            rows[0].issued_at,
            rows[0].valid_from,
            rows[0].valid_until,
        )
        assert await passes.verify(world.context(db), rows[0].code[:-4] + "AAAA") is None


async def test_many_at_once_and_none(world):
    now = datetime.now(UTC)
    async with world.runtime.pool.acquire() as db, db.transaction():
        ctx = world.context(db)
        assert await passes.issue(ctx, []) == []
        assert await passes.find_passes(db, world.org.org_id, []) == {}
        assert await passes.revoke(db, world.org.org_id, [], now) == 0
        requests = [PassRequest(new_id(), new_id(), new_id(), now, now + timedelta(hours=1)) for _ in range(20)]
        rows = await passes.issue(ctx, requests)
        assert [row.item_id for row in rows] == [request.item_id for request in requests]
        assert await passes.find_passes(db, world.org.org_id, [row.item_id for row in rows]) == {
            row.item_id: row for row in rows
        }


async def test_neighbours_pass_is_genuine_but_theirs(world):
    neighbour = await build_world(world.runtime, "Neighbour")
    row, _ = await issue(neighbour)
    async with world.runtime.pool.acquire() as db:
        verified = await passes.verify(world.context(db), row.code)
    assert verified is not None
    assert verified.org_id == neighbour.org.org_id != world.org.org_id
    assert verified.item_id == row.item_id
