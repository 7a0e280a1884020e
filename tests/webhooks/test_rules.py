"""How often a message is tried, and who is to blame."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from booking_api.capabilities import all_events
from booking_api.core.ids import new_id
from booking_api.webhooks import rules
from booking_api.webhooks.delivery_schemas import DeliveryRow
from booking_api.webhooks.rules import PAUSES, Tried, judge
from booking_api.webhooks.schemas import EndpointRow

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
ENDPOINT = EndpointRow(
    id=new_id(), url="https://example.org/", description=None, events=[], payload="thin", status="active",
    paused_because=None, secret_sealed=b"", previous_sealed=None, previous_until=None, failures=1, failing_since=NOW,
    retry_at=None, succeeded_at=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip
DELIVERY = DeliveryRow(
    event_id=new_id(), type="booking.held", order_key=new_id(), status="waiting", tries=1, due_at=NOW, created_at=NOW,
    tried_at=NOW, first_failed_at=None, delivered_at=None, answer_status=None, failure=None,
)  # fmt: skip
REFUSED = Tried(500, "answered")


def endpoint(**more) -> EndpointRow:
    return msgspec.structs.replace(ENDPOINT, **more)


def delivery(**more) -> DeliveryRow:
    return msgspec.structs.replace(DELIVERY, **more)


def test_tries_are_spread_over_three_days_and_never_all_at_once():
    total = sum(PAUSES, timedelta())
    assert timedelta(days=2, hours=23) < total < timedelta(days=3, hours=1)
    assert list(PAUSES) == sorted(PAUSES)
    assert rules.jittered(timedelta(hours=1), 0) < rules.jittered(timedelta(hours=1), 1)
    assert rules.jittered(timedelta(hours=1), 0.5) == timedelta(hours=1)
    for tries, pause in enumerate(PAUSES, 1):
        found = judge(endpoint(), delivery(tries=tries), REFUSED, NOW, 0.5)
        assert found == (NOW + pause, None, None)


def test_the_message_is_given_up_where_others_were_taken_meanwhile():
    last = delivery(tries=len(PAUSES) + 1, first_failed_at=NOW - timedelta(days=3))
    assert judge(endpoint(succeeded_at=NOW - timedelta(hours=1)), last, REFUSED, NOW, 0.5).due_at is None
    blamed = judge(endpoint(succeeded_at=NOW - timedelta(days=4)), last, REFUSED, NOW, 0.5)
    assert (blamed.due_at is None, blamed.pause) == (False, "failing")
    assert judge(endpoint(), last, REFUSED, NOW, 0.5).pause == "failing"


@pytest.mark.parametrize(("days", "paused"), [(2.9, None), (3, "failing"), (10, "failing")])
def test_an_endpoint_is_paused_after_three_days_whatever_is_tried(days, paused):
    since = NOW - timedelta(days=days)
    assert judge(endpoint(failing_since=since), delivery(), REFUSED, NOW, 0.5).pause == paused


def test_gone_pauses_at_once_and_keeps_the_message():
    found = judge(endpoint(), delivery(), Tried(410, "answered"), NOW, 0.5)
    assert found.pause == "gone"
    assert found.due_at is not None


def test_an_endpoint_that_fails_is_probed_more_and_more_rarely_but_not_too_rarely():
    probes = [judge(endpoint(failures=n), delivery(), REFUSED, NOW, 0.5).probe_at for n in range(1, 40)]
    assert probes[:4] == [None] * 4
    pauses = [probe - NOW for probe in probes[4:] if probe is not None]
    assert pauses[0] == timedelta(seconds=5)
    assert pauses == sorted(pauses)
    assert pauses[-1] == rules.LONGEST_PROBE_PAUSE


@pytest.mark.parametrize(
    ("said", "read"), [("120", 120), ("0", 0), (None, None), ("", None), ("-1", None), ("1.5", None), ("Sun, 1 Mar", None), ("9" * 30, None), ("١٢", None)],
)  # fmt: skip
def test_retry_after(said, read):
    assert rules.read_retry_after(said) == (None if read is None else timedelta(seconds=read))


def test_a_receiver_cannot_put_us_off_for_long():
    found = judge(endpoint(), delivery(), Tried(503, "answered", timedelta(days=100)), NOW, 0.5)
    assert found.due_at == NOW + timedelta(days=1)


def test_public_events_hold_neither_secrets_nor_what_people_say():
    """By the names and kinds of their fields: ids, flags, numbers, codes."""
    for event in all_events():
        if event.is_public:
            for field in msgspec.structs.fields(event):
                assert field.name not in {
                    "contact",
                    "name",
                    "email",
                    "phone",
                    "secret",
                    "token",
                    "code",
                    "text",
                    "language",
                }, event
    assert not any(event.is_public for event in all_events() if "contact" in event.__struct_fields__)
    assert {event.type for event in all_events() if event.about == "booking" and not event.is_public} == set()
