"""Staff hand over: what they book for a walk-up goes on on the customer's own phone, by a code or its picture."""

import io
from datetime import timedelta

import httpx
import pytest
import zxingcpp
from PIL import Image

from booking_api.bookings import handover
from booking_api.core.clock import utc_now
from booking_api.core.errors import NotFound
from tests.bookings.journey import hold, visit
from tests.bookings.test_reach import opened, seen
from tests.world import World


def read(picture: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    return found.text


async def test_a_walk_up_goes_on_on_their_own_phone(api: httpx.AsyncClient, world: World):
    held = await hold(api, world.agent, visit(world, "adult"))
    answer = await api.post(f"/v1/bookings/{held['id']}/resume-code", headers=world.agent)
    assert answer.status_code == 201, answer.text
    code = answer.json()
    assert code["svg_url"].startswith("http://testserver/v1/resume-codes/qr.svg?s=")
    picture = await api.get(code["png_url"])
    assert (picture.status_code, picture.headers["content-type"], picture.headers["cache-control"]) == (
        200, "image/png", "no-store",
    )  # fmt: skip
    assert read(picture.content) == code["code"]
    drawn = await api.get(code["svg_url"])
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert code["code"] not in code["png_url"]
    assert code["code"] not in drawn.text
    phone = await opened(api, world, read(picture.content))
    assert await seen(api, phone) == {held["id"]}
    again = await api.post("/v1/tokens", json={"grant": "code", "code": code["code"]}, headers=world.app)
    assert again.status_code == 401


async def test_a_picture_ends_with_its_code_and_can_not_be_made_up(api: httpx.AsyncClient, world: World):
    vault, now = world.runtime.vault, utc_now()
    sealed = handover.seal_code(vault, "7K4QM-2X9VB", now + timedelta(seconds=1))
    assert handover.open_code(vault, sealed, now) == "7K4QM-2X9VB"
    with pytest.raises(NotFound):
        handover.open_code(vault, sealed, now + timedelta(seconds=1))
    for other in (vault.encrypt(b'["pass","7K4QM-2X9VB","2099-01-01T00:00:00Z"]'), vault.encrypt(b"{}")):
        with pytest.raises(NotFound):
            handover.open_code(vault, other.decode(), now)
    for forged in ("x", sealed[:-2] + "AA", "%00", "ä", "A" * 1025):
        answer = await api.get("/v1/resume-codes/qr.png", params={"s": forged})
        assert answer.status_code in (400, 404), forged
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("/v1/resume-codes/qr.png")).status_code == 400
