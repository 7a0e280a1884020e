"""Which webhooks are believed to be the provider's."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booking_api.core.secrets import Vault
from booking_api.payments.webhooks import WebhookForged, check_signature, sign, sign_headers, webhook_secrets

NOW = datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC)
AT = int(NOW.timestamp())
SECRET, OTHER, BODY = b"secret", b"other", b'{"a":1}'
GOOD = sign_headers(SECRET, "msg_1", BODY, NOW)


def refusal(headers: Any, body: bytes = BODY, now: datetime = NOW, secrets: Any = (SECRET,)) -> str | None:
    try:
        check_signature(secrets, headers, body, now)
    except WebhookForged as forged:
        return str(forged.detail)
    return None


def test_a_signature_is_that_of_the_specification():
    # The example that libraries of Standard Webhooks are tested with.
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert GOOD["webhook-timestamp"] == str(AT)
    assert refusal(GOOD) is None
    assert (WebhookForged.status, "within 5 minutes" in WebhookForged.explanation) == (401, True)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_each_of_the_three_headers_is_needed(name: str, value: str | None):
    headers = {**GOOD, name: value} if value is not None else {key: one for key, one in GOOD.items() if key != name}
    assert "are needed" in (refusal(headers) or "")


@pytest.mark.parametrize("time", ["soon", "-1", "1.5", "٣", "²", "1" * 13, "9" * 500])
def test_a_time_is_a_number_of_seconds(time: str):
    assert "are needed" in (refusal({**GOOD, "webhook-timestamp": time}) or "")
    assert "doesn't fit" in (refusal({**GOOD, "webhook-timestamp": "9" * 12}) or "")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"webhook-id": "msg_2"}, BODY), ({"webhook-timestamp": str(AT - 1)}, BODY), ({"webhook-signature": "v1,AAAA"}, BODY),
        ({"webhook-signature": GOOD["webhook-signature"][3:]}, BODY), ({}, BODY + b" "), ({"webhook-signature": "ä"}, BODY),
    ],
)  # fmt: skip
def test_what_was_not_signed_so_is_forged(headers: dict[str, str], body: bytes):
    assert refusal({**GOOD, **headers}, body) == "The signature doesn't fit the body."


def test_one_right_signature_among_ten_is_enough():
    right = GOOD["webhook-signature"]
    for wrong in (0, 1, 9):
        assert refusal({**GOOD, "webhook-signature": " ".join(["v1,AA"] * wrong + [right])}) is None
        assert refusal({**GOOD, "webhook-signature": " ".join([right] + ["v1,AA"] * wrong)}) is None
    assert refusal({**GOOD, "webhook-signature": " ".join(["v1,AA"] * 10 + [right])}) is not None
    # Two right ones are no contradiction, and one of several secrets is enough as well.
    assert refusal({**GOOD, "webhook-signature": f"{right} {right}"}) is None
    for secrets in ((SECRET, OTHER), (OTHER, SECRET)):
        assert refusal(GOOD, secrets=secrets) is None
    assert refusal(GOOD, secrets=(OTHER,)) is not None


@pytest.mark.parametrize(("seconds", "stale"), [(300, False), (300.000001, True), (-300, False), (-300.000001, True)])
def test_a_webhook_is_good_for_five_minutes(seconds: float, stale: bool):
    now = datetime.fromtimestamp(AT, UTC) + timedelta(seconds=seconds)
    assert (refusal(GOOD, now=now) is not None) is stale


def test_the_secret_is_the_configured_one_or_derived():
    vault = Vault("vN3pQ8xR1mK6tW9zB4yH7cL2sD5fG0jA")
    configured: Any = type("Settings", (), {"webhook_secret": "whsec"})
    nothing: Any = type("Settings", (), {"webhook_secret": ""})
    assert webhook_secrets(configured, vault) == [b"whsec"]
    assert webhook_secrets(nothing, vault) == vault.keys_for("webhooks")
