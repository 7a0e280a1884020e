"""Which currencies, languages and time zones there are."""

import string
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from iso4217 import Currency

from booking_api.core.standards import canonical_language, find_zone, is_currency


@pytest.mark.parametrize(
    "code",
    ["EUR", "USD", "CHF", "JPY", "BHD", "KWD", "XOF", "XAF", "XPF", "XCD", "XCG", "ISK", "CLP", "ZWG", "VED", "TND"],
)
def test_money(code: str) -> None:
    assert is_currency(code)


@pytest.mark.parametrize(
    "code",
    ["XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA", "XBA", "XAD", "CLF", "UYI", "UYW", "BOV", "CHE", "CHW",
     "COU", "MXV", "USN", "HRK", "BGN", "ANG", "DEM", "ZWL", "BTC", "EUX", "eur", "Eur", "EU", "EURO", "", " EUR", "EUR\n",
     "ＥＵＲ", "€", "978"],
)  # fmt: skip
def test_not_money(code: str) -> None:
    assert not is_currency(code)


def test_only_what_the_standard_lists_is_money() -> None:
    known = {currency.code for currency in Currency}
    found = {code for letters in product(string.ascii_uppercase, repeat=3) if is_currency(code := "".join(letters))}
    assert found < known
    assert len(found) > 140


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("de", "de"), ("EN", "en"), ("de-at", "de-AT"), ("DE-AT", "de-AT"), ("zh-hans-cn", "zh-Hans-CN"), ("es-419", "es-419"),
        ("sr-Latn", "sr-Latn"), ("en-001", "en-001"), ("ca-valencia", "ca-valencia"), ("de-CH-1996", "de-CH-1996"),
        ("gsw", "gsw"), ("fil-PH", "fil-PH"), ("yue-Hant-HK", "yue-Hant-HK"), ("no", "no"), ("nb-NO", "nb-NO"),
        ("sl-rozaj-biske", "sl-rozaj-biske"), ("pt-BR", "pt-BR"), ("ar-EG", "ar-EG"), ("he", "he"),
    ],
)  # fmt: skip
def test_languages(tag: str, written: str) -> None:
    assert canonical_language(tag) == written
    assert canonical_language(written) == written


@pytest.mark.parametrize(
    "tag",
    ["", "-", "xx", "qq", "deu", "ger", "eng", "jp", "cz", "dk", "de_AT", "de-XX", "en-UK", "en-ZZ", "de-", "-de", "de--AT",
     "de-AT-AT", "de-AT-DE", "x-klingon", "i-klingon", "tlh", "C", "POSIX", "english", "deutsch", "iw", "sh", "en-US-u-ca-gregory",
     "de\n", " de", "de AT", "ｄｅ", "de-ÄT", "de-1996-1996", "de-Xxxx", "419", "es-999", "de.UTF-8", "de-AT@euro", "*"],
)  # fmt: skip
def test_what_is_no_language(tag: str) -> None:
    assert canonical_language(tag) is None


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere/Town", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 5_000, "Europe", "Europe/", "europe/berlin", "CEST",
     "GMT+1", "UTC+2", "posix/Europe/Berlin", "right/Europe/Berlin", "Factory", "localtime", "posixrules", "zone.tab",
     "leapseconds", " Europe/Berlin", "Europe/Berlin\n", "Europe/Atlantis", "+01:00"],
)  # fmt: skip
def test_a_zone_that_is_none(name: str) -> None:
    assert find_zone(name) is None


def test_every_other_zone_is_one() -> None:
    assert find_zone("America/New_York") is ZoneInfo("America/New_York")
    assert {name for name in available_timezones() if find_zone(name) is None} <= {"Factory", "localtime", "posixrules"}
