"""Addresses and numbers as they come out of address books, chats and keyboards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.text.addresses import Unreadable, likely_country, read_email, read_phone, same_email, same_phone
from booking_api.core.text.fields import email, phone


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
        ("(+49) 30 1234567", None, "+49301234567"), ("( +49 )(0)30-1234567", "US", "+49301234567"), ("(0049) 30 1234567", "DE", "+49301234567"), ("(+1)212-555-0100", "DE", "+12125550100"),
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


WHOLE, ONE = "A mail address has a name, an @ and a domain", "A mail address has no blanks and one @"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("ada", WHOLE), ("@example.org", WHOLE), ("ada@", WHOLE), ("", WHOLE), ("a b@example.org", ONE), ("a@b@example.org", ONE),
        ("ada@exa mple.org", ONE), ("x" * 65 + "@example.org", "The part before the @ is too long."),
        ("ö" * 33 + "@example.org", "The part before the @ is too long."), ("a..b@example.org", "The part before the @ has"),
        ("a;b@example.org", "The part before the @ has"), ("a§@example.org", "The part before the @ has"),
        ("ada@-example.org", "What stands after the @ is not the name"), ("ada@localhost", "What stands after the @ is not a whole"),
        ("ada@example.o", "What stands after the @ is not a whole"), ("ada@example.1a", "What stands after the @ is not a whole"),
        ("a@" + ".".join(["x" * 60] * 4) + ".xxxxxxxxx", "The mail address is too long."),
    ],
)  # fmt: skip
def test_each_refusal_says_what_is_wrong(given, sentence):
    with pytest.raises(Unreadable) as refused:
        read_email(given)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    "address",
    [
        # As long as may be: 64 before the @, 254 in all.
        "x" * 64 + "@example.org", "ö" * 32 + "@example.org", "a@" + ".".join(["x" * 60] * 4) + ".xxxxxxxx",
        "a" * 20 + "@" + "x" * 40 + ".org", "a" * 21 + "@" + "x" * 40 + ".org", "ada@example.xn--p1ai", "AdA@example.co", "a٣@example.org",
    ],
)  # fmt: skip
def test_what_is_just_an_address(address):
    assert read_email(address) == address


@pytest.mark.parametrize("hyphen", "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
def test_hyphens_of_a_text_processor_are_hyphens(hyphen):
    assert read_email(f"A{hyphen}b@ex{hyphen}ample.org") == "A-b@ex-ample.org"
    assert read_phone(f"030{hyphen}1234567", "DE") == "+49301234567"


@pytest.mark.parametrize("quote", "'\u2018\u2019\u02bc\uff07")
def test_apostrophes_of_a_text_processor_are_apostrophes(quote):
    assert read_email(f"O{quote}Brien@example.org") == "O'Brien@example.org"


@pytest.mark.parametrize("sign", "\u2016\u2017\u2213\u201a")
def test_other_signs_are_no_hyphens(sign):
    with pytest.raises(Unreadable):
        read_phone(f"030{sign}1234567", "DE")


def test_brackets_are_taken_off_in_pairs():
    assert read_email("< Ada@example.org >") == "Ada@example.org"
    assert read_email("MAILTO:Ada@example.org") == "Ada@example.org"
    for text in ("<ada@example.org", "ada@example.org>"):
        with pytest.raises(Unreadable):
            read_email(text)


@pytest.mark.parametrize(
    ("given", "country", "sentence"),
    [
        ("x", "DE", "A phone number has digits"), ("", None, "A phone number has digits"), ("1", "DE", "There is no phone number"),
        ("+1", None, "There is no phone number"), ("030 1234567", None, "Give the phone number with the code"),
        ("00", None, "Give the phone number with the code"),
    ],
)  # fmt: skip
def test_each_refusal_of_a_number_says_what_is_wrong(given, country, sentence):
    with pytest.raises(Unreadable) as refused:
        read_phone(given, country)
    assert str(refused.value).startswith(sentence)


def test_how_much_may_be_typed():
    assert (phone().max_length, email().max_length) == (64, 254 + 64)


def test_numbers_as_they_are_dialled():
    assert read_phone("(00 49) 30 1234567", None) == "+49301234567"
    assert read_phone("TEL:030 1234567", "DE") == "+49301234567"
    # Where 00 is no way abroad the number may be a national one, and the country's own plan comes first.
    assert read_phone("0049 30 1234567", "DE") == "+49301234567"


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
    # Each of the two is enough; a place that is the only one of its country counts as well.
    assert likely_country("de-AT", "UTC") == "AT"
    assert likely_country("de", "Europe/Vienna") == "AT"
    assert likely_country("de", "UTC") is None
    assert likely_country("de-DE", "Europe/Berlin") == "DE"


def test_addresses_from_before_are_compared_as_they_are():
    assert same_email("Ada@localhost", "ada@LOCALHOST ")
    assert not same_email("ada@localhost", "eve@localhost")
    assert same_phone("٣٠", "30", None)
    assert not same_phone("30", "31", None)
