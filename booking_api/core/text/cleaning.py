"""What a text is once it is in: NFC, trimmed, without characters that mean nothing.

Removed are controls, line breaks where a text has one line, what changes the direction of text around it, and what
nobody sees: those are how a name copied from a PDF, a chat or an address book differs from itself. Kept is what scripts
and emoji need: joiners within words and emoji, selectors of a glyph, the tags of a flag. The standard library knows no
scripts and no grapheme clusters (Unicode Standard Annex 29); what stands here for them is said where it stands.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_JOINERS = {_ZWNJ, _ZWJ}
_CANCEL_TAG = "\U000e007f"
_KEYCAP = "\u20e3"
_MONGOLIAN_SEPARATOR = "\u180e"
_WIDE_BLANKS = {"\u1680", "\u3000"}
"""Blanks that are seen as such: the Ogham space is a line, the ideographic one stands between Japanese names."""
_FILLERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u034f", "\u17b4", "\u17b5", "\u2800", "\ufffc"}
"""Letters, marks and symbols by category that show nothing: an empty name is often made of them."""
_PREPENDED = {
    "\u0600", "\u0601", "\u0602", "\u0603", "\u0604", "\u0605", "\u06dd", "\u070f", "\u0890", "\u0891", "\u08e2",
    "\U000110bd", "\U000110cd",
}  # fmt: skip
"""Format characters that are seen: the signs around Arabic, Syriac and Kaithi numbers."""
_CLEAN_ASCII = re.compile(r"(?:[!-~]+(?: [!-~]+)*)?")
_ASCII_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_BLANKS = re.compile(r" {2,}")
_LINE_BREAK = re.compile(r"\r\n?|[\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_TAGS = re.compile("(\U0001f3f4[\U000e0001-\U000e007e]{1,8}\U000e007f)|[\U000e0000-\U000e007f]")
"""A flag such as Scotland's: a black flag, a few tags, and the one that ends them; else a tag, which nobody sees."""
_JOINING = (
    (0x0610, 0x06EF), (0x0711, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0x1A20, 0x1BFF), (0xA800, 0xABFF),
    (0x10A00, 0x10AFF), (0x11000, 0x11FFF),
)  # fmt: skip
"""Marks of Arabic and its kin; from Devanagari to Sinhala, Tibetan and Myanmar, Khmer and Mongolian, Balinese and its
neighbours, Javanese and the later blocks of India, the historic scripts of Asia and of India."""
_ROUNDS = 8

CODE_POINTS_PER_CHARACTER: Final = 12
"""How many code points there may be for each character of a limit: a family with four skins has eleven. It bounds what
marks heaped upon a letter can take."""


def clean_line(text: str) -> str:
    """A text of one line: line breaks and tabs are blanks, and several blanks are one. Empty if nothing is left."""
    return text if _CLEAN_ASCII.fullmatch(text) else _until_settled(_clean_line, text)


def clean_text(text: str) -> str:
    """A text of several lines: line breaks are `\n`, blanks at the ends of lines and empty lines around it are gone."""
    return text if _CLEAN_ASCII.fullmatch(text) else _until_settled(_clean_lines, text)


def _until_settled(clean: Callable[[str], str], text: str) -> str:
    """What is taken away may leave something beside it without a meaning, which goes in the next round."""
    for _ in range(_ROUNDS):
        if (cleaned := clean(text)) == text:
            break
        text = cleaned
    return text


def _clean_line(text: str) -> str:
    return _BLANKS.sub(" ", _clean(_LINE_BREAK.sub(" ", text))).strip(" \u3000")


def _clean_lines(text: str) -> str:
    return "\n".join(_clean(line).rstrip(" \u3000") for line in _LINE_BREAK.split(text)).strip(" \u3000\n")


def _clean(line: str) -> str:
    if line.isascii():
        return _ASCII_CONTROLS.sub("", line.replace("\t", " "))
    line = _TAGS.sub(lambda found: found[1] or "", unicodedata.normalize("NFC", line))
    return unicodedata.normalize("NFC", _meaningful(line))


def _meaningful(line: str) -> str:
    kept: list[str] = []
    for position, character in enumerate(line):
        if character.isascii() and character.isprintable():
            kept.append(character)
        elif (found := _replacement(line, position, kept)) is not None:
            kept.append(found)
    return _without_idle_joiners(kept)


def _replacement(line: str, position: int, kept: list[str]) -> str | None:
    """What stays of a character that isn't plain ASCII, with what stays before it; None if nothing does."""
    character = line[position]
    category = unicodedata.category(character)
    before = kept[-1] if kept else ""
    if character == "\t" or (category == "Zs" and character not in _WIDE_BLANKS):
        return " "
    if character in _FILLERS or category in {"Cc", "Cs"} or _is_noncharacter(character):
        return None
    if is_selector(character):
        return character if _is_base(before) else None
    if category == "Cf":
        is_kept = character in _JOINERS or character in _PREPENDED or _is_tag(character) or _separates(line, position)
        return character if is_kept else None
    if category[0] == "M":  # A mark without anything to stand on would join whatever is shown before it.
        return character if before and before != " " else None
    return character


def _without_idle_joiners(kept: list[str]) -> str:
    """Joiners stay between two letters of scripts that join, and between two emoji; elsewhere they do nothing."""
    if not _JOINERS.intersection(kept):
        return "".join(kept)
    found: list[str] = []
    for position, character in enumerate(kept):
        if character in _JOINERS:
            after = kept[position + 1] if position + 1 < len(kept) else ""
            if not found or not _joins(character, found[-1], after):
                continue
        found.append(character)
    return "".join(found)


def _joins(joiner: str, before: str, after: str) -> bool:
    if joiner == _ZWJ and _may_end_emoji(before):
        return after != "" and unicodedata.category(after) in {"So", "Sm"}
    return after != "" and _is_of_joining_script(before) and (joiner == _ZWJ or _is_of_joining_script(after))


def _is_of_joining_script(character: str) -> bool:
    """Whether joiners mean something to it: Arabic and its kin by their direction, others by their blocks."""
    return unicodedata.bidirectional(character) == "AL" or any(
        first <= ord(character) <= last for first, last in _JOINING
    )


def _may_end_emoji(character: str) -> bool:
    return (
        unicodedata.category(character) in {"So", "Sm"}
        or is_skin_tone(character)
        or character in {"\ufe0f", _KEYCAP, _CANCEL_TAG}
    )


def is_skin_tone(character: str) -> bool:
    """Whether it colours the emoji before it."""
    return "\U0001f3fb" <= character <= "\U0001f3ff"


def is_selector(character: str) -> bool:
    """Whether it chooses a glyph of the character before it."""
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or "\u180b" <= character <= "\u180d"
        or character == "\u180f"
    )


def _is_base(character: str) -> bool:
    return bool(character) and not character.isspace() and not is_selector(character) and character not in _JOINERS


def _is_tag(character: str) -> bool:
    return "\U000e0001" <= character <= _CANCEL_TAG


def _separates(line: str, position: int) -> bool:
    """The Mongolian vowel separator has a meaning between two Mongolian letters."""
    around = line[position - 1 : position] + line[position + 1 : position + 2]
    return (
        line[position] == _MONGOLIAN_SEPARATOR and len(around) == 2 and all("\u1800" <= c <= "\u18af" for c in around)
    )


def _is_noncharacter(character: str) -> bool:
    point = ord(character)
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def is_visible(text: str) -> bool:
    """Whether a cleaned text shows anything: a letter, a number, a sign or a symbol."""
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


def shows_something(text: str | None) -> bool:
    """The same of a text that may be older than cleaning, or None: fillers are letters by their category."""
    return text is not None and is_visible(clean_line(text))


def count_characters(text: str) -> int:
    """How many characters people see in a cleaned text.

    An approximation of grapheme clusters: marks, selectors, tags, joiners, skin tones, what a joiner ties to an emoji,
    the second half of a flag and the later jamo of a syllable belong to what stands before them.
    """
    if text.isascii():
        return len(text)
    count, before, is_half_flag = 0, "", False
    for character in text:
        joined = before == _ZWJ and unicodedata.category(character) in {"So", "Sm"}
        is_indicator = "\U0001f1e6" <= character <= "\U0001f1ff"
        closes_flag = is_indicator and is_half_flag
        is_half_flag = is_indicator and not closes_flag
        if not (joined or closes_flag or _extends(character)):
            count += 1
        before = character
    return count


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character)[0] == "M"
        or character in _JOINERS
        or _is_tag(character)
        or is_skin_tone(character)
        or "\u1160" <= character <= "\u11ff"
        or "\ud7b0" <= character <= "\ud7fb"
    )
