"""How callers are held to their limits."""

import httpx
import msgspec
import pytest

from booking_api.core.ids import new_id
from booking_api.identity import codes
from booking_api.identity.rate_limits import client_address
from tests.world import bearer


def with_limits(settings, **limits):
    return msgspec.structs.replace(settings, **limits)


def from_address(app, address):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://testserver")


async def code(api, headers, text="WRONG-00000"):
    return await api.post("/v1/tokens", json={"grant": "code", "code": text}, headers=headers)


async def keys(api, headers):
    return await api.get("/v1/keys", headers=headers)


def assert_limited(answer, policy):
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert answer.json()["retryable"] is True
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["ratelimit-policy"].startswith(f'"{policy}"')
    assert f'"{policy}";r=0;' in answer.headers["ratelimit"]


class TestSubjects:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(
            settings, rate_limit_per_minute=3, key_rate_limit_per_minute=1, address_rate_limit_per_minute=1
        )

    async def test_a_customer_has_a_limit_over_all_their_sessions(self, api, world):
        customer_id = new_id()
        for left in (2, 1, 0):
            answer = await keys(api, world.customer(customer_id))
            assert answer.status_code == 403
            assert answer.headers["ratelimit-policy"] == '"subject";q=3;w=60'
            assert answer.headers["ratelimit"].startswith(f'"subject";r={left};t=')
        assert_limited(await keys(api, world.customer(customer_id)), "subject")
        # Somebody else at the same address isn't concerned.
        assert (await keys(api, world.customer())).status_code == 403

    async def test_so_has_a_member_of_staff(self, api, world):
        for _ in range(3):
            assert (await keys(api, world.owner)).status_code == 200
        assert_limited(await keys(api, world.owner), "subject")
        assert (await keys(api, world.manager)).status_code == 403


class TestKeys:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(settings, key_rate_limit_per_minute=4, address_rate_limit_per_minute=3)

    async def test_addresses_have_a_limit_under_a_publishable_key(self, app, api, world):
        for _ in range(3):
            answer = await code(api, world.app)
            assert answer.status_code == 401
        assert answer.headers["ratelimit-policy"] == '"address";q=3;w=60, "key";q=4;w=60'
        assert_limited(await code(api, world.app), "address")
        # What an address was refused didn't use up the key, which another address shares until it is used up too.
        async with from_address(app, "10.0.0.2") as other:
            assert (await code(other, world.app)).status_code == 401
            refused = await code(other, world.app)
            assert refused.status_code == 429
            assert '"key";r=0' in refused.headers["ratelimit"]

    async def test_a_secret_key_has_none(self, api, world):
        for _ in range(20):
            answer = await keys(api, world.key)
            assert answer.status_code == 200
        assert "ratelimit" not in answer.headers
        assert "ratelimit-policy" not in answer.headers


class TestSecretKeys:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(settings, secret_key_rate_limit_per_minute=2)

    async def test_one_may_be_set(self, api, world):
        for _ in range(2):
            assert (await keys(api, world.key)).status_code == 200
        assert_limited(await keys(api, world.key), "key")


class TestNone:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(
            settings, rate_limit_per_minute=0, key_rate_limit_per_minute=0, address_rate_limit_per_minute=0,
            failure_rate_limit_per_minute=0, code_rate_limit_per_minute=0,
        )  # fmt: skip

    async def test_zero_sets_no_limit(self, api, world):
        for headers in (world.owner, world.app, bearer("nonsense"), world.customer()):
            answer = await code(api, headers)
            assert answer.status_code in {401, 403}
            assert "ratelimit" not in answer.headers


class TestFailures:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(settings, failure_rate_limit_per_minute=3, credential_cache_seconds=60.0)

    @pytest.mark.parametrize("credential", ["sk_test_" + "A" * 48, "a.b.c", "pk_live_x"])
    async def test_guessing_from_one_address_is_limited(self, app, api, world, credential):
        assert (await keys(api, world.owner)).status_code == 200
        for _ in range(3):
            assert (await keys(api, bearer(credential))).status_code == 401
        assert_limited(await keys(api, bearer(credential)), "failures")
        # What is right passes, known or not: a school and a guesser may share an address.
        assert (await keys(api, world.key)).status_code == 200
        assert (await keys(api, world.owner)).status_code == 200
        assert (await keys(api, world.manager)).status_code == 403
        assert_limited(await keys(api, bearer(credential)), "failures")
        async with from_address(app, "10.0.0.2") as other:
            assert (await keys(other, world.key)).status_code == 200
        assert (await keys(api, world.key)).status_code == 200

    async def test_expired_and_revoked_tokens_are_no_guesses(self, api, world):
        headers = world.customer()
        await api.delete("/v1/tokens", headers=headers)
        for _ in range(5):
            assert (await keys(api, headers)).json()["code"] == "token_revoked"


class TestCodes:
    @pytest.fixture
    def settings(self, settings):
        return with_limits(settings, code_rate_limit_per_minute=3)

    async def make(self, world):
        async with world.runtime.pool.acquire() as db:
            ctx = world.context(db)
            return await codes.make_code(db, world.org.org_id, "resume", new_id(), None, ctx.now, 600)

    async def test_wrong_codes_are_limited_by_address(self, app, api, world):
        right = await self.make(world)
        for _ in range(3):
            assert (await code(api, world.app)).status_code == 401
        assert_limited(await code(api, world.app), "codes")
        assert (await code(api, world.app, right)).status_code == 200
        right = await self.make(world)
        async with from_address(app, "10.0.0.2") as other:
            assert (await code(other, world.app, right)).status_code == 200

    async def test_right_codes_are_not(self, api, world):
        for _ in range(6):
            assert (await code(api, world.app, await self.make(world))).status_code == 200

    async def test_recoveries_of_many_bookings_from_one_address_are_not(self, api, world):
        """An airport's Wi-Fi shares one address; how many messages are sent is bounded for each booking."""

        async def recover(number, headers):
            body = {"reference": f"K7QM4{number}", "email": "ada@example.org"}
            return await api.post("/v1/tokens/recover", json=body, headers=headers)

        for number in range(3):
            assert (await recover(number, world.app)).status_code == 202
        assert (await recover(9, world.app)).status_code == 202
        assert (await recover(9, world.key)).status_code == 202


@pytest.mark.parametrize(
    ("client", "forwarded", "proxies", "expected"),
    [
        (("10.0.0.1", 5), [], 0, "10.0.0.1"),
        (None, [], 0, "unknown"),
        (("10.0.0.1", 5), ["1.2.3.4"], 0, "10.0.0.1"),
        (("10.0.0.1", 5), ["1.2.3.4"], 1, "1.2.3.4"),
        (("10.0.0.1", 5), ["6.6.6.6, 1.2.3.4"], 1, "1.2.3.4"),
        (("10.0.0.1", 5), ["6.6.6.6", "1.2.3.4,10.0.0.9"], 2, "1.2.3.4"),
        (("10.0.0.1", 5), ["1.2.3.4"], 5, "1.2.3.4"),
        (("10.0.0.1", 5), [], 1, "10.0.0.1"),
        (("2001:db8:0:1::1", 5), [], 0, "2001:0db8:0000:0001"),
        (("2001:db8:0:1:ffff::9", 5), [], 0, "2001:0db8:0000:0001"),
        (("::ffff:1.2.3.4", 5), [], 0, "1.2.3.4"),
        (("10.0.0.1", 5), ["not:an:address"], 1, "not:an:address"),
        (("10.0.0.1", 5), ["x" * 500], 1, "x" * 64),
        (("10.0.0.1", 5), ["6.6.6.6, 1.2.3.4:50123"], 1, "1.2.3.4"),
        (("10.0.0.1", 5), ["[2001:db8:0:1::9]:443"], 1, "2001:0db8:0000:0001"),
        (("10.0.0.1", 5), ["[2001:db8:0:1::a]"], 1, "2001:0db8:0000:0001"),
        (("10.0.0.1", 5), ["2001:DB8:0:1:0:0:0:443"], 1, "2001:0db8:0000:0001"),
        (("10.0.0.1", 5), ["[::ffff:1.2.3.4]:80"], 1, "1.2.3.4"),
        (("10.0.0.1", 5), ["unknown:80"], 1, "unknown"),
        (("10.0.0.1", 5), [""], 1, ""),
    ],
)
def test_where_a_request_came_from(client, forwarded, proxies, expected):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    assert client_address({"client": client, "headers": headers}, proxies) == expected


class TestAnonymous:
    """What needs no credential is held to an address, except where a credential is given."""

    @pytest.fixture
    def settings(self, settings):
        return with_limits(
            settings, anonymous_rate_limit_per_minute=3, webhook_rate_limit_per_minute=2, trusted_proxies=1
        )

    @pytest.mark.parametrize(
        "path", ["/docs", "/openapi.json", "/problems", "/problems/sold_out", "/.well-known/jwks.json"]
    )
    async def test_pages_and_keys(self, api, path):
        for _ in range(3):
            assert (await api.get(path)).status_code == 200
        for other in ("/docs", "/openapi.json", "/problems/gone", "/.well-known/jwks.json", path):
            assert_limited(await api.get(other), "anonymous")

    async def test_each_probe_by_itself(self, api):
        for path in ("/healthz", "/readyz", "/metrics"):
            for _ in range(3):
                assert (await api.get(path)).status_code == 200
            assert_limited(await api.get(path), "anonymous")
        assert (await api.get("/problems")).status_code == 200

    async def test_webhooks_by_themselves(self, api):
        for _ in range(2):
            assert (await api.post("/v1/payments/webhooks/test", content=b"{}")).status_code != 429
        assert_limited(await api.post("/v1/payments/webhooks/test", content=b"{}"), "webhooks")
        assert (await api.get("/problems")).status_code == 200

    async def test_another_address_and_a_credential_are_not_concerned(self, api, world):
        for _ in range(4):
            last = await api.get("/problems", headers={"X-Forwarded-For": "2001:db8:1:1::7"})
        assert_limited(last, "anonymous")
        assert_limited(await api.get("/problems", headers={"X-Forwarded-For": "2001:db8:1:1:ffff::"}), "anonymous")
        assert (await api.get("/problems", headers={"X-Forwarded-For": "2001:db8:1:2::7"})).status_code == 200
        assert (
            await api.get("/v1/places", headers={**world.app, "X-Forwarded-For": "2001:db8:1:1::7"})
        ).status_code == 200

    async def test_zero_sets_no_limit(self, api, app, settings):
        app.state.runtime.settings = with_limits(
            settings, anonymous_rate_limit_per_minute=0, webhook_rate_limit_per_minute=0
        )
        for _ in range(10):
            assert "ratelimit" not in (await api.get("/problems")).headers
            assert (await api.post("/v1/payments/webhooks/test", content=b"{}")).status_code != 429
