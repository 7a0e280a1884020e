"""How far a session reaches: which addresses are one, which digests are believed, what a restricted session sees."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from booking_api.core.context import Caller, Organisation, Restriction
from booking_api.core.secrets import Vault
from booking_api.identity import reach

SECRET, OLDER = "vN3pQ8xR1mK6tW9zB4yH7cL2sD5fG0jA", "hJ2kS9dF4gL7qW1eR6tY3uI8oP5aZ0xC"
VAULT = Vault(SECRET)
ORG = Organisation(UUID(int=1), "Ostwind", "Europe/Berlin", "EUR", "de", False, None)
MAIL, PHONE = "ada@example.org", "+49301234567"
CUSTOMER, SESSION, BOOKING, OTHER = (UUID(int=number) for number in range(2, 6))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def digest(kind: Any = "email", address: str = MAIL, vault: Vault = VAULT) -> bytes:
    return reach.digests(vault, ORG, kind, address)[0]


def test_a_digest_that_is_kept_stays_readable():
    assert len(digest()) == 20
    assert digest().hex() == "a4fadf1016a89f8beb207f5eeeeacaa14614e339"


def test_one_address_has_one_digest_and_no_other_has():
    assert digest(address="Ada@EXAMPLE.org ") == digest()
    assert digest("phone", "030 1234567") == digest("phone", PHONE)
    different = {digest(), digest(address="eve@example.org"), digest("phone", PHONE), digest("phone", "030 1234568")}
    different |= {
        reach.digests(VAULT, msgspec.structs.replace(ORG, org_id=OTHER), "email", MAIL)[0],
        digest("phone", MAIL),
    }
    assert len(different) == 6


def test_digests_of_an_older_secret_are_believed_while_it_is_there():
    both, newer = Vault(SECRET, OLDER), VAULT
    old = digest(vault=Vault(OLDER))
    assert reach.digests(both, ORG, "email", MAIL) == [digest(), old]
    assert [reach.is_readable(vault, old) for vault in (both, newer, Vault(OLDER))] == [True, False, True]
    assert [reach.matches(vault, ORG, old, MAIL, None) for vault in (both, newer)] == [True, False]
    assert not reach.is_readable(both, b"")
    # The mark alone tells whether it can be read; what follows is the address.
    assert reach.is_readable(newer, digest()[:4] + bytes(16))
    assert not reach.is_readable(newer, bytes(4) + digest()[4:])


@pytest.mark.parametrize(
    ("email", "phone", "found"),
    [
        (MAIL, None, True), ("ADA@example.org", PHONE, True), ("eve@example.org", None, False), (None, None, False),
        ("", "", False), (None, MAIL, False), ("eve@example.org", PHONE, False),
    ],
)  # fmt: skip
def test_which_contact_a_digest_is_of(email: str | None, phone: str | None, found: bool):
    assert reach.matches(VAULT, ORG, digest(), email, phone) is found
    assert reach.matches(VAULT, ORG, digest("phone", PHONE), MAIL, PHONE)


def test_what_is_no_number_reaches_nothing():
    nothing = digest("phone", "---")
    assert not reach.matches(VAULT, ORG, nothing, None, "---")
    assert not reach.matches(VAULT, ORG, nothing, None, "+")


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ((MAIL, None), ("Ada@Example.org", None), True), ((MAIL, None), (MAIL, PHONE), True),
        ((MAIL, PHONE), (MAIL, None), False), ((MAIL, None), (None, PHONE), False), ((MAIL, None), ("eve@example.org", None), False),
        ((None, None), (None, None), True), ((None, None), (MAIL, PHONE), True), (("", None), (None, None), True),
        ((None, PHONE), (None, "+49 30 1234567"), True), ((None, PHONE), (None, "+49 30 1234568"), False),
    ],
)  # fmt: skip
def test_a_contact_that_gains_an_address_is_still_reached(before: Any, after: Any, same: bool):
    assert reach.same_addresses(before, after) is same


def seen(restriction: Restriction | None, *, made_by: UUID | None = None, email: str | None = None) -> bool:
    caller = Caller("customer", SESSION, CUSTOMER, restriction=restriction)
    ctx: Any = SimpleNamespace(caller=caller, vault=VAULT, org=ORG)
    return reach.reaches(ctx, BOOKING, made_by, email, None)


def test_what_a_session_sees():
    address = Restriction(address=digest())
    assert seen(None)
    assert seen(address, email=MAIL)
    assert not seen(address, email="eve@example.org")
    assert not seen(address)
    # What it made itself it sees, whatever the contact is; what another restricted one made it doesn't.
    assert seen(address, made_by=SESSION)
    assert not seen(address, made_by=OTHER)
    assert seen(Restriction(booking_id=BOOKING))
    assert not seen(Restriction(booking_id=OTHER))
    # One booking is one booking, also where the address would fit.
    assert not seen(Restriction(booking_id=OTHER, address=digest()), email=MAIL)
    assert not seen(Restriction(), email=MAIL)


def test_a_sync_position_ends_with_what_a_session_sees():
    def scope(restriction: Restriction | None = None, session: UUID = SESSION, customer: UUID | None = CUSTOMER) -> int:
        return reach.scope_of(Caller("customer", session, customer, restriction=restriction))

    assert scope() == scope(session=OTHER) != scope(customer=OTHER)
    assert scope(customer=None) == scope(customer=SESSION)
    restricted = [
        Restriction(), Restriction(address=digest()), Restriction(address=digest("phone", PHONE)), Restriction(booking_id=BOOKING),
        Restriction(booking_id=OTHER), Restriction(narrowed_at=NOW), Restriction(narrowed_at=NOW + timedelta(microseconds=1)),
    ]  # fmt: skip
    scopes = {scope(), *(scope(one) for one in restricted), *(scope(one, OTHER) for one in restricted)}
    assert len(scopes) == 2 * len(restricted) + 1
    # It travels as six bytes.
    assert 2**40 < max(scopes) < 2**48
