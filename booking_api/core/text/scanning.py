"""What a hand-held scanner adds to a code: its settings differ, the code doesn't."""

import re
import unicodedata

_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""An AIM symbology identifier (ISO/IEC 15424), such as `]Q3` for a QR code."""
_MARK_READ_AS_LATIN = "ï»¿"
"""A byte-order mark in UTF-8, read by a device as if it were Latin-1."""


def read_scan(text: str) -> str:
    """A code without what stands around it: line ends, blanks, tabs, other controls, a byte-order mark and a symbology
    prefix, in any order. Nothing within it changes, so that what somebody altered stays altered."""
    start, end = 0, len(text)
    while start < end:
        if _means_nothing(text[start]):
            start += 1
        elif text.startswith(_MARK_READ_AS_LATIN, start) or _SYMBOLOGY.match(text, start):
            start += 3
        else:
            break
    while end > start and _means_nothing(text[end - 1]):
        end -= 1
    return text[start:end]


def _means_nothing(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zs"}
