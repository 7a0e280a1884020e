"""The decisions of identity alone: sessions that have ended, copies of tokens, who may grant what."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from booking_api.core.context import Caller
from booking_api.core.errors import Forbidden, Unprocessable
from booking_api.core.ids import new_id
from booking_api.identity import rules
from booking_api.identity.key_schemas import KeyRow, NewKey
from booking_api.identity.schemas import SCOPES, StaffRow
from booking_api.identity.session_schemas import SessionRow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MADE = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
"""The example of RFC 9562, appendix A.6."""
MADE_AT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
UNTOLD = UUID("919108f7-52d1-4320-9bac-f847db4148a8")


def test_an_id_tells_when_it_was_made():
    assert rules.made_at(MADE) == MADE_AT
    assert rules.made_at(UNTOLD) is None


@pytest.mark.parametrize(
    ("session", "exists", "revoked_at", "others_ended_at", "ended"),
    [
        (MADE, True, NOW, None, True), (MADE, True, None, None, False),
        # A session with a row of its own says itself whether it has ended.
        (MADE, True, None, NOW, False), (MADE, False, None, None, False), (UNTOLD, False, None, None, False),
        (MADE, False, None, MADE_AT, False), (MADE, False, None, MADE_AT + timedelta(milliseconds=1), True),
        (MADE, False, None, MADE_AT - TICK, False), (UNTOLD, False, None, MADE_AT, True),
    ],
)  # fmt: skip
def test_ended_sessions(session, exists, revoked_at, others_ended_at, ended):
    assert rules.is_ended(session, exists=exists, revoked_at=revoked_at, others_ended_at=others_ended_at) is ended


def session(generation: int, *ago: float) -> SessionRow:
    advances = [NOW - timedelta(seconds=seconds) for seconds in ago]
    return SessionRow(
        MADE, MADE, None, None, None, None, None, None, generation, NOW, NOW, None, advances, None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("generation", "row", "reuse"),
    [
        (0, session(0), False), (4, session(5, 60), False), (4, session(5, 60.000001), True),
        (4, session(5, 61, 500), True), (4, session(5, 59, 500), False), (3, session(5, 1, 61), True),
        (3, session(5, 1, 60), False),
        # Of what is older than all that is kept, the oldest that is kept decides.
        (0, session(5, 1, 61), True), (0, session(5, 1, 2), False), (2, session(5, 1, 2, 61, 900), True),
        (2, session(5, 1, 2, 60, 900), False),
    ],
)  # fmt: skip
def test_a_copy_in_other_hands(generation, row, reuse):
    assert rules.is_reuse(generation, row, NOW) is reuse


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (None, None), ("", None), ("\x00é", None), ("Ostwind/4.2 (iPhone; iOS 18.1)", "Ostwind on iPhone"),
        ("curl", "curl"), ("kiosk 3 (Linux)", "kiosk on Linux"), ("a" * 41, "a" * 40),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1 Edg/1", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/17 Safari/1", "Safari on Mac"),
        ("Mozilla/5.0 (iPhone) CriOS/1 Safari/1", "Chrome on iPhone"), ("Mozilla/5.0 (X11; Linux)", "Linux"),
        ("Mozilla/5.0 Firefox/1", "Firefox"), ("Mozilla/5.0", None),
        ("Mozilla/5.0 " + "x" * 381 + "Firefox", "Firefox"), ("Mozilla/5.0 " + "x" * 382 + "Firefox", None),
        ("~/1 tilde", "~"), ("é x/1", "x"),
    ],
)  # fmt: skip
def test_what_a_session_runs_on(agent, device):
    assert rules.device_of(agent) == device


def caller(role: Any = None, *, kind: Any = "staff", scopes=()) -> Caller:
    return Caller(kind, new_id(), role=role, scopes=frozenset(scopes))


def key(kind="secret", scopes=(), revoked_at=None) -> KeyRow:
    return KeyRow(MADE, kind, "k", "web", list(scopes), "abcd", NOW, None, revoked_at)


def may(check, *arguments) -> bool:
    try:
        check(*arguments)
    except Forbidden:
        return False
    return True


def test_nobody_grants_more_than_they_have():
    assert [may(rules.check_role, caller(one), other) for one in ("agent", "manager", "owner") for other in
            ("agent", "manager", "owner")] == [True, False, False, True, True, False, True, True, True]  # fmt: skip
    assert may(rules.check_may, caller(kind="key", scopes=["scan"]), ["scan"])
    assert not may(rules.check_may, caller(kind="key", scopes=["scan"]), ["scan", "gate:read"])
    # The role of a member of staff counts, not scopes that it doesn't carry; a key has no role.
    assert not may(rules.check_may, caller("agent", scopes=SCOPES), ["feedback:read"])
    assert not may(rules.check_may, caller("owner", kind="key"), ["scan"])
    assert not may(rules.check_may, caller(kind="customer"), ["scan"])
    with pytest.raises(Forbidden, match=r"feedback:read, scan:override\."):
        rules.check_may(caller("agent"), ["scan:override", "feedback:read", "scan"])


def test_new_keys_fit_their_kind():
    owner, agent = caller("owner"), caller("agent")
    for new in (NewKey(kind="publishable", name="k", scopes=["scan"]), NewKey(kind="secret", name="k")):
        with pytest.raises(Unprocessable) as refused:
            rules.check_new_key(owner, new)
        assert [error.pointer for error in refused.value.errors or []] == ["/scopes"]
    publishable, scanning = NewKey(kind="publishable", name="k"), NewKey(kind="secret", name="k", scopes=["scan"])
    rules.check_new_key(owner, publishable)
    rules.check_new_key(owner, scanning)
    rules.check_new_key(agent, scanning)
    assert not may(rules.check_new_key, agent, publishable)
    assert not may(rules.check_key, agent, key("publishable"))
    assert may(rules.check_key, agent, key("secret", ["scan"]))
    assert not may(rules.check_key, agent, key("secret", ["feedback:read"]))
    assert may(rules.check_key, caller("manager"), key("publishable"))


def test_what_can_be_done_next():
    def member(*, last: bool, revoked_at: datetime | None = None) -> list[str]:
        return rules.staff_actions(StaffRow(MADE, "A", "a@example.org", "owner", NOW, None, revoked_at, last))

    assert rules.key_actions(key()) == ["change", "revoke"]
    assert rules.key_actions(key(revoked_at=NOW)) == []
    assert member(last=True) == ["rename"]
    assert member(last=False) == ["rename", "change_role", "revoke"]
    assert member(last=False, revoked_at=NOW) == []
