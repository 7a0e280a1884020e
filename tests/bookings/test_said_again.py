"""A request that is sent again by something that writes JSON in another way."""

import json
from uuid import uuid4

import pytest

from booking_api.core.ids import new_id
from booking_api.core.secrets import fingerprint
from tests.bookings.journey import CONTACT, owner_of, visit

PAY = {"payment": {"method": "on_site"}}


def otherwise(body: dict) -> bytes:
    """The same said with other bytes."""
    turned = {name: body[name] for name in reversed(body)}
    return json.dumps(turned, indent=1, ensure_ascii=True).replace("A", "\\u0041").encode()


async def post(api, headers, path, content, key=None):
    more = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    return await api.post(path, content=content, headers={**headers, **more})


@pytest.mark.parametrize("confirm", [False, True])
async def test_a_key_belongs_to_what_was_said(api, world, confirm):
    wish = visit(world, "adult", contact=CONTACT, **({"confirm": True, **PAY} if confirm else {}))
    key = str(uuid4())
    first = await post(api, world.app, "/v1/bookings", json.dumps(wish), key)
    again = await post(api, world.app, "/v1/bookings", otherwise(wish), key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    for other in ({**wish, "answers": None}, {**wish, "confirm": not confirm}, {**wish, "expected_total": None}):
        refused = await post(api, world.app, "/v1/bookings", json.dumps(other), key)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")


async def test_an_id_belongs_to_what_was_said(api, world):
    for path, wish in (
        ("/v1/bookings", visit(world, "adult", id=str(new_id()))),
        ("/v1/orders", {"id": str(new_id()), "bookings": [visit(world, "adult")]}),
    ):
        first = await post(api, world.app, path, json.dumps(wish))
        again = await post(api, world.app, path, otherwise(wish))
        assert (first.status_code, again.status_code) == (201, 200), again.text
        other = await post(api, world.app, path, json.dumps({**wish, "contact": CONTACT}))
        assert (other.status_code, other.json()["code"]) == (409, "id_taken")


async def test_an_answer_from_before_an_upgrade_is_still_the_answer(api, world):
    wish, key = json.dumps(visit(world, "adult")), str(uuid4())
    first = await post(api, world.app, "/v1/bookings", wish, key)
    path, confirm_key = f"/v1/bookings/{first.json()['id']}/confirm", str(uuid4())
    sent = json.dumps({"contact": CONTACT, **PAY})
    confirmed = await post(api, owner_of(first.json()), path, sent, confirm_key)
    assert confirmed.status_code == 200, confirmed.text
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update idempotency_key set fingerprint = $1 where status = 201", fingerprint(b"", wish.encode())
        )
        await db.execute(
            "update idempotency_key set fingerprint = $1 where status = 200", fingerprint(b"", sent.encode())
        )
    again = await post(api, world.app, "/v1/bookings", wish, key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    again = await post(api, owner_of(first.json()), path, sent, confirm_key)
    assert (again.status_code, again.content) == (200, confirmed.content)
    refused = await post(
        api, owner_of(first.json()), path, json.dumps({"contact": {**CONTACT, "name": "Eve"}, **PAY}), confirm_key
    )
    assert refused.json()["code"] == "idempotency_mismatch"
