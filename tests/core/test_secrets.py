"""Master secrets: which ones could be guessed, and what is read and believed after a change."""

import random
import secrets
import string

import pytest
from cryptography.fernet import InvalidToken

from booking_api.core.secrets import Vault
from booking_api.core.web.guessing import LEAST_BITS, measured_bits, why_guessable
from tests.conftest import SECRET

OLD, NEW, OTHER = (secrets.token_hex(32) for _ in range(3))

GUESSABLE = [
    "", "short", "k" * 31, "a" * 64, "ab" * 20, "abc" * 12, " " * 40, "0" * 31 + "1", "changeme" * 4,
    "change-me-change-me-change-me-change-me", "12345678901234567890123456789012", "98765432109876543210987654321098",
    "abcdefghijklmnopqrstuvwxyz123456", "zyxwvutsrqponmlkjihgfedcba987654", "qwertyuiopasdfghjklzxcvbnm123456",
    "QWERTZUIOPASDFGHJKLYXCVBNM123456", "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y", "0123456789abcdef" * 4, "deadbeef" * 8,
    "00ff" * 16, "secret" * 6, "my-very-secret-key-my-very-secret-key", "your-secret-key-of-at-least-32-characters",
    "please change this secret key before production", "django-insecure-change-me-please-1234567",
    "Passw0rd!Passw0rd!Passw0rd!Passw0rd!", "correct horse battery staple correct horse", "пароль" * 6, "🔑" * 40,
    "11111111112222222222333333333344444", "admin123" * 5, "booking-api-secret-key-booking-api-secret-key",
]  # fmt: skip


@pytest.mark.parametrize("secret", GUESSABLE)
def test_a_secret_that_could_be_guessed_is_refused_with_the_way_to_a_better_one(secret):
    with pytest.raises(ValueError, match=r"^BOOKING_SECRET_KEY .*; make one with `openssl rand -hex 32`$") as refused:
        Vault(secret)
    assert len(secret) < 6 or secret not in str(refused.value)


MADE = {
    "openssl rand -hex 32": lambda: secrets.token_hex(32),
    "openssl rand -hex 16": lambda: secrets.token_hex(16),
    "token_urlsafe": lambda: secrets.token_urlsafe(24),
    "capitals": lambda: "".join(random.choice(string.ascii_uppercase) for _ in range(40)),
    "a sentence of one's own": lambda: SECRET,
    "letters of another script": lambda: "".join(chr(random.randint(0x4E00, 0x9FFF)) for _ in range(32)),
}


@pytest.mark.parametrize("how", MADE)
def test_a_secret_that_was_made_by_chance_is_taken(how):
    for _ in range(300):
        assert why_guessable(MADE[how]()) is None


def test_the_measure_grows_with_what_is_new_and_not_with_length():
    assert measured_bits("") == measured_bits("x") == measured_bits("x" * 1000) == 0
    assert measured_bits("abcdefgh") == 0, "counting up is nothing new"
    assert measured_bits("hgfedcba") == 0
    assert measured_bits("kdufmwq") == measured_bits("kdufmwq"[::-1]) > 0
    once = measured_bits("kdufmwqzt")
    assert measured_bits("kdufmwqzt" * 50) < once * 1.3 < LEAST_BITS


def test_an_older_secret_is_believed_for_as_long_as_it_is_configured():
    old, new = Vault(OLD), Vault(NEW)
    sealed, signed = old.encrypt(b"private"), old.sign("image", "message")
    for both in (Vault(NEW, OLD), Vault(f"{NEW},{OLD}"), Vault(NEW, f"{OTHER}, {OLD} ,"), Vault(OLD, NEW)):
        assert both.decrypt(sealed) == b"private"
        assert both.verify("image", "message", signed)
        assert both.has_previous
    assert not new.verify("image", "message", signed)
    assert not new.can_open(sealed)
    with pytest.raises(InvalidToken):
        new.decrypt(sealed)
    assert not new.has_previous
    assert not Vault(NEW, NEW).has_previous


def test_what_is_new_is_made_under_the_current_secret():
    both = Vault(NEW, OLD)
    assert Vault(NEW).decrypt(both.encrypt(b"x")) == b"x"
    assert Vault(NEW).verify("image", "message", both.sign("image", "message"))
    assert both.keys_for("tokens")[0] == Vault(NEW).keys_for("tokens")[0]


def test_resealing_brings_under_the_current_secret_once():
    sealed = Vault(OLD).encrypt(b"private")
    both = Vault(NEW, OLD)
    fresh = both.reseal(sealed)
    assert fresh is not None
    assert Vault(NEW).decrypt(fresh) == b"private"
    assert both.reseal(fresh) is None
    assert Vault(OLD).reseal(sealed) is None
    with pytest.raises(InvalidToken):
        Vault(NEW, OTHER).reseal(sealed)


def test_a_bad_secret_can_be_changed_for_a_good_one():
    assert Vault(NEW, "x" * 40).has_previous
