"""What a scanner adds to a code, and what it can't add."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.text.scanning import read_scan

CODE = "eyJ.abc_-.xyz"


@pytest.mark.parametrize(
    "scanned",
    [
        CODE, f"{CODE}\r\n", f"\t {CODE} ", f"\ufeff{CODE}", f"ï»¿{CODE}", f"]Q3{CODE}", f"]d2{CODE}\r", f"]C1]Q3{CODE}",
        f"\ufeff]Q3 {CODE}\n", f"]Q3ï»¿\x02{CODE}\x03", f"\u00a0\u200b{CODE}\u3000", f"ï»¿ï»¿{CODE}",
    ],
)  # fmt: skip
def test_what_stands_around_a_code_goes(scanned):
    assert read_scan(scanned) == CODE


@pytest.mark.parametrize(
    "scanned",
    ["a b", "a]Q3", "a\u200bb", "aï»¿", "]Q", "]3Q", "]Q-x", "[Q3", "ï»", "x"],
)
def test_what_belongs_to_a_code_stays(scanned):
    assert read_scan(scanned) == scanned


@pytest.mark.parametrize("scanned", ["", " ", "\r\n", "\ufeff", "]Q3", "ï»¿ \n", "]Q3]Q3"])
def test_nothing_is_nothing(scanned):
    assert read_scan(scanned) == ""


@given(st.text())
def test_a_scan_is_a_part_of_what_was_sent(text):
    found = read_scan(text)
    assert found in text
    assert read_scan(found) == found
