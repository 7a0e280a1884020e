"""Publishable keys that are bound to pages or apps, and keys with a rate of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.context import Binding
from booking_api.identity.origin_rules import NoOrigin, read_origin
from tests.world import bearer, build_world

SHOP, OTHER = "https://shop.example", "https://other.example"
NEW = {"kind": "publishable", "name": "Shop"}


async def make(api, world, **changes):
    answer = await api.post("/v1/keys", json={**NEW, **changes}, headers=world.owner)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def status(api, key, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await api.get("/v1/products", headers={**bearer(key), **named})).status_code


async def test_a_key_is_good_for_its_pages_alone(api, world):
    made = await make(api, world, allowed_origins=["HTTPS://Shop.Example:443/", "capacitor://localhost"])
    assert made["allowed_origins"] == ["capacitor://localhost", SHOP]
    answer = await api.get("/v1/products", headers={**bearer(made["key"]), "Origin": SHOP})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "Origin" in answer.headers["vary"]
    refused = await api.get("/v1/products", headers={**bearer(made["key"]), "Origin": OTHER})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "access-control-allow-origin" not in refused.headers
    for foreign in ("null", "http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example"):
        assert await status(api, made["key"], Origin=foreign) == 403
    assert await status(api, made["key"], Origin="capacitor://localhost") == 200
    # No page at all, and a page of this very server, for which browsers leave the origin out.
    assert await status(api, made["key"]) == 403
    assert await status(api, made["key"], Sec_Fetch_Site="same-origin") == 403
    assert await status(api, (await make(api, world))["key"], Origin=OTHER) == 200


async def test_a_page_of_this_server_is_known_without_its_origin(api, world):
    made = await make(api, world, allowed_origins=["http://testserver"])
    assert await status(api, made["key"], Sec_Fetch_Site="same-origin") == 200
    assert await status(api, made["key"], Sec_Fetch_Site="same-site") == 403


async def test_a_key_is_good_for_its_apps_alone(api, world):
    made = await make(api, world, allowed_apps=["example.ostwind.app"])
    assert await status(api, made["key"], App_Id="example.ostwind.app") == 200
    assert await status(api, made["key"], App_Id="example.ostwind") == 403
    assert await status(api, made["key"]) == 403
    both = await make(api, world, allowed_apps=["example.ostwind.app"], allowed_origins=[SHOP])
    assert await status(api, both["key"], App_Id="example.ostwind.app") == 200
    assert await status(api, both["key"], Origin=SHOP) == 200
    assert await status(api, both["key"], Origin=OTHER, App_Id="example.ostwind.app") == 403


async def test_what_it_opened_is_not_bound(api, world):
    """A customer's token is a secret of theirs; which page they go on with is up to them."""
    answer = await api.get("/v1/sync", headers={**world.customer(), "Origin": OTHER})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_it_is_changed_while_it_is_in_use(api, world):
    made = await make(api, world)
    assert await status(api, made["key"], Origin=OTHER) == 200
    path = f"/v1/keys/{made['id']}"
    changed = await api.patch(path, json={"allowed_origins": [SHOP], "name": "Web shop"}, headers=world.owner)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["allowed_origins"], changed.json()["name"]) == ([SHOP], "Web shop")
    assert await status(api, made["key"], Origin=OTHER) == 403
    again = await api.patch(path, json={"allowed_origins": []}, headers=world.owner)
    assert "allowed_origins" not in again.json()
    assert await status(api, made["key"], Origin=OTHER) == 200
    noted = (await api.get("/v1/audit", params={"action": "key.changed"}, headers=world.owner)).json()["items"]
    assert [entry["object"]["id"] for entry in noted] == [made["id"]] * 2
    # Said again, it is as it is already, and nothing is noted.
    await api.patch(path, json={"allowed_origins": []}, headers=world.owner)
    noted = (await api.get("/v1/audit", params={"action": "key.changed"}, headers=world.owner)).json()["items"]
    assert len(noted) == 2
    await api.delete(path, headers=world.owner)
    assert (await api.patch(path, json={"name": "Late"}, headers=world.owner)).status_code == 409


async def test_a_rate_of_its_own(api, world):
    slow, usual = await make(api, world, rate_limit_per_minute=2), await make(api, world)
    assert [await status(api, slow["key"]) for _ in range(3)] == [200, 200, 429]
    assert await status(api, usual["key"]) == 200
    answer = await api.get("/v1/products", headers=bearer(slow["key"]))
    assert '"key";q=2;w=60' in answer.headers["ratelimit-policy"]
    secret = await make(api, world, kind="secret", scopes=["catalog:read"], rate_limit_per_minute=1)
    assert [await status(api, secret["key"]) for _ in range(2)] == [200, 429]
    freed = await api.patch(f"/v1/keys/{slow['id']}", json={"rate_limit_per_minute": None}, headers=world.owner)
    assert "rate_limit_per_minute" not in freed.json()
    assert await status(api, slow["key"]) == 200


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"allowed_origins": ["*"]}, 422, "/allowed_origins/0"),
        ({"allowed_origins": [SHOP, "null"]}, 422, "/allowed_origins/1"),
        ({"allowed_origins": [f"{SHOP}/path"]}, 422, "/allowed_origins/0"),
        ({"allowed_origins": ["shop.example"]}, 422, "/allowed_origins/0"),
        ({"allowed_origins": [""]}, 400, "/allowed_origins/0"),
        ({"allowed_origins": SHOP}, 400, "/allowed_origins"),
        ({"allowed_origins": [f"https://{n}.example" for n in range(51)]}, 400, "/allowed_origins"),
        ({"allowed_apps": ["an app"]}, 400, "/allowed_apps/0"),
        ({"rate_limit_per_minute": 0}, 400, "/rate_limit_per_minute"),
        ({"rate_limit_per_minute": "9"}, 400, "/rate_limit_per_minute"),
        ({"kind": "secret", "scopes": ["scan"], "allowed_origins": [SHOP]}, 422, "/allowed_origins"),
        ({"kind": "secret", "scopes": ["scan"], "allowed_apps": ["a.b"]}, 422, "/allowed_apps"),
    ],
)
async def test_what_does_not_fit_is_refused(api, world, changes, code, pointer):
    refused = await api.post("/v1/keys", json={**NEW, **changes}, headers=world.owner)
    assert refused.status_code == code, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_another_organisations_key_is_none(api, world, runtime):
    made = await make(api, world)
    other = await build_world(runtime)
    assert (await api.patch(f"/v1/keys/{made['id']}", json={"name": "Mine"}, headers=other.owner)).status_code == 404


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://shop.example", SHOP),
        (" https://shop.example/ ", SHOP),
        ("https://Müller.example", "https://xn--mller-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("ionic://localhost", "ionic://localhost"),
    ],
)
def test_origins_are_written_as_browsers_do(written, origin):
    assert read_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    ["", "*", "null", "shop", "//shop.example", "https://", "https://a b", "https://u@shop.example", "https://x:99999", "https://x?y",
     "https://x#y", "https://*.example", "https://x:port", "javascript:alert(1)", "https://[::1", "https://xn--a\u0301\u200b.example"],
)  # fmt: skip
def test_what_is_no_origin(written):
    with pytest.raises(NoOrigin):
        read_origin(written)


@given(st.text(max_size=40))
def test_an_origin_read_again_is_the_same(text):
    try:
        origin = read_origin(f"https://{text}")
    except NoOrigin:
        return
    assert read_origin(origin) == origin
    assert origin.isascii()


def test_binding():
    free, pages, apps = Binding(), Binding(origins=frozenset({SHOP})), Binding(apps=frozenset({"a.b"}))
    said = [(None, None), (OTHER, "x"), (SHOP, None), (None, "a.b"), (OTHER, "a.b")]
    assert [free.fits(*one) for one in said] == [True, True, True, True, True]
    assert [pages.fits(*one) for one in said] == [False, False, True, False, False]
    assert [apps.fits(*one) for one in said] == [False, False, False, True, True]
