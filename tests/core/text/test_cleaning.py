"""Texts as people write, paste and forge them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.text.cleaning import clean_line, clean_text, count_characters, is_visible
from booking_api.core.text.fields import line

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ASTRONAUT = "\U0001f469\U0001f3fd\u200d\U0001f680"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
KEPT = [
    "Ada Lovelace", "O’Brien", "Jean‑Luc", "Nguyễn Thị Ánh", "Işıl Çelik", "Łukasz Żółć", "Þórður Ægisson", "محمد علی‌پور",
    "שרה לוי", "สมหญิง ใจดี", "क्‍ष", "ශ්‍රී ලංකා", "ক‌্ষ", "王小明", "山田　太郎", "김철수", "ᠮᠣᠩᠭᠣᠯ", FAMILY, ASTRONAUT,
    SCOTLAND, "❤️ & ☎︎", "1️⃣", "🇩🇪🇫🇷", "葛\U000e0100城", "No. ½", "x" * 500,
]  # fmt: skip


@pytest.mark.parametrize("text", KEPT)
def test_what_means_something_stays(text):
    assert clean_line(text) == unicodedata.normalize("NFC", text)
    assert is_visible(clean_line(text))


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("  Ada\u00a0Lovelace\u2003", "Ada Lovelace"),
        ("Ada\r\nLovelace\n", "Ada Lovelace"),
        ("Ada\tKing", "Ada King"),
        ("Ada\x7f\x1b\x07", "Ada"),
        ("Ada\u2028King", "Ada King"),
        ("Jose\u0301", "José"),
        ("Jose\u200b\u0301", "José"),
        ("\u202ecilA\u202c", "cilA"),
        ("\u2067שרה\u2069", "שרה"),
        ("\u200eAda\u200f\u061c", "Ada"),
        ("Do\u00adris", "Doris"),
        ("\ufeffAda", "Ada"),
        ("A\u200dd\u200ca", "Ada"),
        ("علی\u200c", "علی"),
        ("علی\u200c\u200c\u200cپور", "علی\u200cپور"),
        ("A\ufe0f\ufe0fda", "A\ufe0fda"),
        ("\ufe0fAda", "Ada"),
        ("\u0301Ada", "Ada"),
        ("Ada\U000e0041\U000e0042", "Ada"),
        (SCOTLAND[:-1], "\U0001f3f4"),
        ("\U0001f3f4" + "\U000e0061" * 40 + "\U000e007f", "\U0001f3f4"),
        ("A\u034fB\u2060C\ufffc", "ABC"),
        ("Ada\ufdd0\U0001ffff", "Ada"),
        ("Ada    King", "Ada King"),
        ("\u206aAda\ufff9", "Ada"),
        # A mark, a selector, a joiner have nothing to stand on in a blank or in each other.
        ("Ada \u0301King", "Ada King"),
        ("Ada \ufe0fKing", "Ada King"),
        ("Ada\u3000\ufe0fKing", "Ada\u3000King"),
        ("\U0001f469\u200d\ufe0f\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("\U0001f469\u200dAda", "\U0001f469Ada"),
        ("\U0001f469\u200c\U0001f680", "\U0001f469\U0001f680"),
        ("\U0001f469\u200d", "\U0001f469"),
        ("Ada\u200d\U0001f680", "Ada\U0001f680"),
        ("\u200d\U0001f469", "\U0001f469"),
        ("\u0915\u200d", "\u0915"),
        ("\u0915\u200ca", "\u0915a"),
        ("\u0915\u200da", "\u0915\u200da"),
        ("a\u200c\u0915", "a\u0915"),
        ("\u0915\u200d\u200d\u0915", "\u0915\u200d\u0915"),
        # A flag has one tag to eight, and the one that ends them.
        ("\U0001f3f4" + "\U000e0061" * 8 + "\U000e007f", "\U0001f3f4" + "\U000e0061" * 8 + "\U000e007f"),
        ("\U0001f3f4" + "\U000e0061" * 9 + "\U000e007f", "\U0001f3f4"),
        ("\U0001f3f4\U000e007f", "\U0001f3f4"),
        ("\U0001f3f4\U000e0001\U000e007e\U000e007f", "\U0001f3f4\U000e0001\U000e007e\U000e007f"),
        ("\U0001f3f4\U000e0000\U000e007f", "\U0001f3f4"),
        ("A\U000e0061\U000e007f", "A"),
        (SCOTLAND + "\U000e0061\U000e007f", SCOTLAND),
        # The Mongolian separator parts two Mongolian letters, and nothing else.
        ("\u1800\u180e\u18af", "\u1800\u180e\u18af"),
        ("\u18af\u180e\u1800", "\u18af\u180e\u1800"),
        ("\u1820\u1820\u180e\u1820\u1820", "\u1820\u1820\u180e\u1820\u1820"),
        ("\u1820\u180e", "\u1820"),
        ("\u180e\u1820", "\u1820"),
        ("\u1820\u180ea", "\u1820a"),
        ("a\u180e\u1820", "a\u1820"),
        ("\u1820\u00ad\u1820", "\u1820\u1820"),
        ("\ufdcfA\ufdd0B\ufdefC\ufdf0", "\ufdcfABC\ufdf0"),
        ("A\U0010fffeB\U0010ffff\ufffd", "AB\ufffd"),
    ],
)
def test_what_means_nothing_goes(given, cleaned):
    assert clean_line(given) == cleaned


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0x0610, 0x06EF), (0x0711, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0x1A20, 0x1BFF), (0xA800, 0xABFF),
        (0x10A00, 0x10AFF), (0x11000, 0x11FFF),
    ],
)  # fmt: skip
def test_joiners_stay_in_the_blocks_of_scripts_that_join(first, last):
    def stays(point):
        return "\u200c" in clean_line(f"\u0915{chr(point)}\u200c\u0915")

    assert [stays(first), stays(last), stays(last + 1)] == [True, True, False]
    assert stays(first - 1) is (first == 0x0711)  # Before Syriac's first mark stand letters that join.


@pytest.mark.parametrize(
    ("character", "means_something"),
    [
        ("\ufe00", True), ("\ufe0f", True), ("\U000e0100", True), ("\U000e01ef", True), ("\u180b", True), ("\u180d", True),
        ("\u180f", True), ("\u180e", False), ("\ufe10", None), ("\u180a", None), ("\U000e01f0", None),
    ],
)  # fmt: skip
def test_a_selector_chooses_a_glyph_and_is_none_by_itself(character, means_something):
    """None: it is no selector, but a character of its own."""
    assert clean_line(f"a{character}b") == ("ab" if means_something is False else f"a{character}b")
    assert clean_line(f"{character}b") == ("b" if means_something is not None else f"{character}b")
    assert (
        clean_line(f"a{character}\ufe0fb")
        == {True: f"a{character}b", False: "a\ufe0fb", None: f"a{character}\ufe0fb"}[means_something]
    )


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u3164", "\u200b\u200b", "\u2800\u2800", "\u00a0", "\u3000", "\n\t", "\u202e\u202c", "\u0301", "\u200d", "\uffa0\u115f",
     "\ufe0f", "\U000e0020\U000e007f", "\u034f", "\u180e", "\u17b4", "\u00ad"],
)  # fmt: skip
def test_nothing_to_be_seen_is_nothing(text):
    assert not is_visible(clean_line(text))
    assert not is_visible(clean_text(text))


def test_a_text_keeps_its_lines():
    assert clean_text(" Great.  \r\n\r\n- food\u2028- staff\u202e\n\n") == "Great.\n\n- food\n- staff"
    assert clean_text("a\tb") == "a b"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (FAMILY, 1), (ASTRONAUT, 1), (SCOTLAND, 1), ("🇩🇪🇫🇷", 2), ("🇩🇪🇫", 2), ("1️⃣", 1), ("José", 4), ("a\u0323\u0302\u0301", 1),
        ("नमस्ते", 4), ("สี่", 1), ("각", 1), ("\u1100\u1161\u11a8", 1), ("ab", 2), ("", 0), ("Z\u0351\u036b\u0343algo", 5), (FAMILY * 3, 3),
        # The first and the last of what belongs to the character before it, and their neighbours, which don't.
        ("\u1100\u1160", 1), ("\u1100\u11ff", 1), ("\u1100\u115f", 2), ("\u1100\u1200", 2), ("\uac00\ud7b0", 1),
        ("\uac00\ud7fb", 1), ("\uac00\ud7fc", 2), ("\U0001f469\U0001f3fb", 1), ("\U0001f469\U0001f3ff", 1),
        ("\U0001f469\U0001f3fa", 2), ("\U0001f469\U0001f400", 2), ("\U0001f1e6\U0001f1ff", 1), ("\U0001f1e5\U0001f1ff", 2),
        ("\U0001f1e6\U0001f200", 2), ("🇩🇪🇫🇷🇮", 3), ("🇩a🇪", 3), ("\U0001f469\u200da", 2), ("\u0915\u200c\u0915", 2),
        ("♀\u200d♂", 1), ("≠\u200d≠", 1), ("é\U000e0061\U000e007f", 1),
    ],
)  # fmt: skip
def test_lengths_are_what_people_see(text, count):
    assert count_characters(text) == count


def test_marks_heaped_upon_a_letter_are_bounded():
    skins = "\u200d".join(f"{person}\U0001f3fd" for person in "\U0001f468\U0001f469\U0001f467\U0001f466")
    assert count_characters(skins) == 1
    assert (len(skins), line(1).max_length, line(200).max_length) == (11, 12, 2400)


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text):
    for clean in (clean_line, clean_text):
        cleaned = clean(text)
        assert clean(cleaned) == cleaned
        assert unicodedata.is_normalized("NFC", cleaned)
        assert 0 <= count_characters(cleaned) <= len(cleaned)
    assert "\n" not in clean_line(text)


ODD = st.text(
    st.sampled_from(
        "ab \u0301\u200c\u200d\ufe0f\u0627\u0644\u0915\u094d\U0001f468\U0001f3fd\U0001f3f4\U000e0061\U000e007f\u202e\u034f\u3000\t\n\u1100\u1161\u180e\u1820\u0300"
    )
)


@given(ODD)
def test_of_odd_mixtures_too(text):
    for clean in (clean_line, clean_text):
        assert clean(clean(text)) == clean(text)
