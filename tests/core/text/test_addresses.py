"""Addresses and numbers as they come out of address books, chats and keyboards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.text.addresses import Unreadable, likely_country, read_email, read_phone, same_email, same_phone


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a@b.co\n", "a@b.co"), (" ada@example.org ", "ada@example.org"), ("Ada.K@EXAMPLE.org", "Ada.K@example.org"),
        ("ada@münchen.de", "ada@xn--mnchen-3ya.de"), ("ada@XN--MNCHEN-3YA.de", "ada@xn--mnchen-3ya.de"), ("ada@mu\u0308nchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada\u200b@example.org", "ada@example.org"), ("\u202aada@example.org\u202c", "ada@example.org"), ("mailto:ada@example.org", "ada@example.org"),
        ("<ada@example.org>", "ada@example.org"), ("ada@exam‑ple.org", "ada@exam-ple.org"), ("o’brien@example.org", "o'brien@example.org"),
        ("ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ada@example.org"), ("ada@例え。jp", "ada@xn--r8jz45g.jp"), ("ada@example.org.", "ada@example.org"),
        ("ada+tag@example.org", "ada+tag@example.org"), ("jörg@example.org", "jörg@example.org"), ("a@b.travel", "a@b.travel"),
        ("first.last@sub.sub.example.museum", "first.last@sub.sub.example.museum"), ("x!#$%&'*+/=?^_`{|}~-@example.org", "x!#$%&'*+/=?^_`{|}~-@example.org"),
    ],
)  # fmt: skip
def test_addresses_are_mended(given, kept):
    assert read_email(given) == kept
    assert read_email(kept) == kept
    assert same_email(given.upper(), kept)


@pytest.mark.parametrize(
    "given",
    ["ada", "@example.org", "ada@", "ada@localhost", "a b@example.org", "ada@exa mple.org", "a@b@example.org", "ada@example..org", ".ada@example.org",
     "ada.@example.org", "a..b@example.org", "ada@127.0.0.1", "ada@[127.0.0.1]", "Ada <ada@example.org>", "ada@example.org, bob@example.org",
     "ada@-example.org", "ada@example.o", "ada@exa_mple.org", '"a b"@example.org', "ada\n@example.org", "a\nBcc: b@example.org", "ada@example.org;", "x" * 65 + "@example.org",
     "ada@" + "x" * 64 + ".org", "ada@" + ".".join(["x" * 60] * 5) + ".org", "ada@example.org>", "ada(home)@example.org", "ada@💩.la"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_words(given):
    with pytest.raises(Unreadable, match=r"^[A-Z].*\.$"):
        read_email(given)


@pytest.mark.parametrize(
    ("given", "country", "kept"),
    [
        ("030 1234567", "DE", "+49301234567"), ("+49 30 1234567", None, "+49301234567"), ("+49‑30‑1234567 ", "US", "+49301234567"),
        ("0049 30 1234567", None, "+49301234567"), ("0049 30 1234567", "US", "+49301234567"), ("011 49 30 1234567", "US", "+49301234567"),
        ("+49 (0)30/1234567", None, "+49301234567"), ("(212) 555-0100", "US", "+12125550100"), ("tel:+1-212-555-0100", None, "+12125550100"),
        ("\u202d+41 44 668 18 00\u202c", None, "+41446681800"), ("06 698 1234", "IT", "+39066981234"), ("٠٣٠١٢٣٤٥٦٧", "DE", "+49301234567"),
        ("＋４９３０１２３４５６７", None, "+49301234567"), ("+44\u00a020\u00a07946\u00a00958", None, "+442079460958"), ("+49.30.1234567\n", None, "+49301234567"),
        ("07911 123456", "GB", "+447911123456"), ("8 (912) 345-67-89", "RU", "+79123456789"),
    ],
)  # fmt: skip
def test_numbers_become_e164(given, country, kept):
    assert read_phone(given, country) == kept
    assert read_phone(kept, None) == kept
    assert same_phone(given, kept, country)


@pytest.mark.parametrize(
    ("given", "country"),
    [("030 1234567", None), ("1-800-FLOWERS", "US"), ("+1 212 555 0100 x5", None), ("+", None), ("", "DE"), ("1", "DE"), ("+999 1234567", None),
     ("+49 30 1234567 call me", "DE"), ("+4930123456789012345", None), ("🔢", "DE"), ("--------", "DE"), ("+49\n\n+1", None), ("ring 030 1234567", "DE")],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_words(given, country):
    with pytest.raises(Unreadable, match=r"^[A-Z].*\.$"):
        read_phone(given, country)


def test_numbers_from_before_are_compared_by_what_they_mean():
    assert same_phone("030/1234567", "+49 30 1234567", "DE")
    assert same_phone("030-1234567", "030 1234567", None)
    assert not same_phone("030 1234567", "030 1234568", "DE")
    assert not same_phone("", "", "DE")
    assert not same_phone("---", "+", None)


@given(st.text())
def test_nothing_that_is_typed_breaks_it(text):
    for read in (read_email, lambda typed: read_phone(typed, "DE"), lambda typed: read_phone(typed, None)):
        try:
            kept = read(text)
        except Unreadable:
            continue
        assert read(kept) == kept
    assert same_email(text, text)


def test_the_country_where_there_is_no_doubt():
    assert likely_country("de", "Europe/Berlin") == "DE"
    assert likely_country("de-AT", "Europe/Vienna") == "AT"
    assert likely_country("pt_BR", "America/Sao_Paulo") == "BR"
    assert likely_country("en-US", "Europe/Berlin") is None
    assert likely_country("en", "UTC") is None
    assert likely_country("zh-Hant-TW", "Asia/Taipei") == "TW"
    assert likely_country("de-XX", "UTC") is None
