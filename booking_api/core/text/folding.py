"""One comparison form for the names of people and places.

Case, marks, ligatures, width, typographic signs, repeated blanks and the order of words don't matter. The German and
Nordic letters meet both of their spellings: Müller, Mueller and Muller are one, and so are Ødegård, Oedegaard and
Odegard. That makes some names one that aren't (Michael and Michal), which costs whoever searches one more line to read;
the other way round somebody stands at the gate and isn't found.

A text that can be searched for is stored as words (`search_words`), each in the forms in which it may be asked for. A
query (`search_query`) asks for the beginning of each of its words, so that one character is enough.
"""

import re
import unicodedata
from typing import Final

from booking_api.core.text.cleaning import clean_line

WORDS: Final = 32
"""Of a text with more words the first ones count."""
WORD_LENGTH: Final = 64
LONGEST: Final = 600
"""Of a text with more code points the first ones count: three for each character that people see in the longest name.
More are marks heaped on letters, which would keep the slots of their bookings locked while they are looked at."""
SUFFIXES: Final = 16
"""How many of the later characters of a word without blanks, such as 王小明, can be asked for by themselves."""

_APOSTROPHES = "'`´‘’‚‛′‵ʹʻʼʽˈˊˋʾʿ׳＇·‧ـ"
"""Signs within a word that don't part it: O’Brien, Col·lell, the Arabic tatweel."""
_LETTERS = {
    "ı": "i", "ł": "l", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "ŋ": "n", "ĸ": "k", "ƀ": "b",
    "ɓ": "b", "ɖ": "d", "ɗ": "d", "ɛ": "e", "ƒ": "f", "ɣ": "g", "ɩ": "i", "ɨ": "i", "ƙ": "k", "ɔ": "o", "ɵ": "o",
    "ʉ": "u", "ʊ": "u", "ƴ": "y", "ƶ": "z", "ʒ": "z", "æ": "ae", "œ": "oe", "ꞌ": "", "ґ": "г", "ك": "ک", "ي": "ی",
    "ى": "ی", "ة": "ه", "ٱ": "ا",
}  # fmt: skip
"""Letters that Unicode doesn't take apart, lower case, and the Arabic ones that keyboards of neighbours write otherwise."""
_EXPANDED = {"ø": "oe", "đ": "dj", "ə": "e"}
_PLAIN = {"ø": "o", "đ": "d", "ə": "a"}
"""Letters that are written in two other ways: Ødegård, Đorđe, Əliyev."""
_UMLAUTS = {("a", "\u0308"): "ae", ("o", "\u0308"): "oe", ("u", "\u0308"): "ue", ("a", "\u030a"): "aa"}
_DIGRAPH = re.compile(r"a[ae]+|oe+|ue+|dj+")
_FINAL_DIGRAPH = re.compile(r"(?:a[ae]+|oe+|ue+|dj+)$")
_TO_KATAKANA = 0x60
"""From hiragana: readings of names are asked for in both, and forms want either."""
_ASCII_WORDS = re.compile(r"[a-z0-9]+")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "'" not in text and "-" not in text and "`" not in text


def _is_mark_of_no_weight(character: str) -> bool:
    """Accents, Hebrew points, Arabic vowels, Thai and Lao tones, the nukta. Vowel signs of India and of Thailand and the
    voicing of kana are letters to their readers and stay: their combining classes tell them apart."""
    weight = unicodedata.combining(character)
    return weight in {1, 7, 107, 122} or 10 <= weight < 84 or weight >= 202


def _groups(text: str, *, apostrophe: str = "\0") -> list[list[tuple[str, str]]]:
    """The words of a text, each as its plain and its expanded form (`muller`, `mueller`); those that only a sign parts,
    as in Jean-Luc or O'Brien, in one group. `apostrophe` stands for each: empty, it parts nothing."""
    if _is_plain(text):
        return [[(word[:WORD_LENGTH], word[:WORD_LENGTH])] for word in _ASCII_WORDS.findall(text.lower())[:WORDS]]
    text = unicodedata.normalize("NFKD", _part(clean_line(text[:LONGEST]), apostrophe).casefold())
    text = unicodedata.normalize("NFKD", text.casefold())
    found: list[list[tuple[str, str]]] = []
    for chunk in text.split():
        group = [word for part in chunk.split("\0") if any(word := _word(part))]
        if group:
            found.append(group)
    return found[:WORDS]


def _part(text: str, apostrophe: str) -> str:
    """Words parted by blanks, what a sign holds together by NUL."""
    text = unicodedata.normalize("NFC", text)
    parted: list[str] = []
    for character in text:
        if character in _APOSTROPHES:
            parted.append(apostrophe)
        elif unicodedata.category(character) == "Pd" or character == "\u2212":
            parted.append("\0")
        elif _is_of_words(character):
            parted.append(character)
        elif character in "\u200c\u200d":
            continue
        else:
            parted.append(" ")
    return "".join(parted)


def _is_of_words(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LNM" or category == "So"


def _word(part: str) -> tuple[str, str]:
    plain: list[str] = []
    expanded: list[str] = []
    for position, character in enumerate(part):
        if _is_mark_of_no_weight(character) or not _is_of_words(character) or character in _APOSTROPHES:
            continue
        digit = unicodedata.decimal(character, None)
        letter = _LETTERS.get(character, character) if digit is None else str(digit)
        if "\u3041" <= letter <= "\u3096":
            letter = chr(ord(letter) + _TO_KATAKANA)
        plain.append(_PLAIN.get(letter, letter))
        marks = part[position + 1 : position + 4]
        umlaut = next((_UMLAUTS[letter, mark] for mark in marks[: _marks(marks)] if (letter, mark) in _UMLAUTS), None)
        expanded.append(umlaut or _EXPANDED.get(letter, letter))
    if all(unicodedata.category(letter[0])[0] == "M" for letter in plain if letter):
        return "", ""  # Marks that stand by themselves are no word, and a second folding would take them for blanks.
    return _compose(plain), _compose(expanded)


def _marks(following: str) -> int:
    """How many marks follow a letter before the next one."""
    return next(
        (index for index, character in enumerate(following) if not unicodedata.combining(character)), len(following)
    )


def _compose(letters: list[str]) -> str:
    return unicodedata.normalize("NFC", "".join(letters))[:WORD_LENGTH]


def _contract(word: str) -> str:
    return _DIGRAPH.sub(lambda found: found[0][0], word)


def fold(text: str) -> str:
    """The comparison form of a name: equal for all ways of writing it. Empty if it has no letter, number or symbol."""
    words = [_contract(expanded) for group in _groups(text, apostrophe="") for _, expanded in group]
    return " ".join(sorted(words))


def fold_beginning(text: str) -> str:
    """The comparison form of how a name begins: as `fold`, in the order of the words."""
    return " ".join(_contract(expanded) for group in _groups(text, apostrophe="") for _, expanded in group)


def search_words(text: str) -> list[str]:
    """The words under which a text is found, each once, in the order of the alphabet. They contain no blank."""
    if _is_plain(text):
        return _search_plain_words(_ASCII_WORDS.findall(text.lower())[:WORDS])
    found: set[str] = set()
    groups = _groups(text)
    for group in groups:
        for word in group:
            found |= _joined([word])
        found |= _joined(group)
    found |= _joined([word for group in groups for word in group])
    for word in list(found):
        if not word.isascii() and _is_written_together(word):
            found.update(word[start:] for start in range(1, min(len(word), SUFFIXES)))
    return sorted(found - {""})


def _search_plain_words(words: list[str]) -> list[str]:
    """The same for what most names are, in a fifth of the time."""
    cut = [word[:WORD_LENGTH] for word in words]
    found = {*cut, "".join(cut)[:WORD_LENGTH]}
    return sorted((found | {_contract(word) for word in found if _DIGRAPH.search(word)}) - {""})


def _joined(words: list[tuple[str, str]]) -> set[str]:
    """Words written as one, in each of their forms: who looks for JeanLuc means Jean-Luc."""
    plain = "".join(word for word, _ in words)[:WORD_LENGTH]
    expanded = "".join(word for _, word in words)[:WORD_LENGTH]
    return {plain, expanded, _contract(expanded)}


def _is_written_together(word: str) -> bool:
    """Whether family and given name stand together without a blank: Chinese characters, kana, Hangul. Of a folded word:
    what Unicode takes apart isn't there any more."""
    return all(
        "\u309d" <= character <= "\u30fd" or "\u3400" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3"
        or "\ufa0e" <= character <= "\ufa29" or character >= "\U00020000"
        for character in word
    )  # fmt: skip


def words_of(*texts: str | None) -> str | None:
    """The words of these texts as they are handed to the database, parted by blanks; None where there is no text."""
    given = [text for text in texts if text is not None]
    if not given:
        return None
    if len(given) == 1:
        return " ".join(search_words(given[0]))
    return " ".join(sorted({word for text in given for word in search_words(text)}))


def search_query(text: str) -> str | None:
    """A query of PostgreSQL's text search for words that begin so; None for a text without a letter, number or symbol.

    All words must be found, each in one of its forms. A final `ae`, `oe`, `ue` or `aa` may also be the short form of a
    whole word, but not of the beginning of one: Joe is Jo and not John.
    """
    groups = _groups(text)
    if not groups:
        return None
    every = " & ".join(_ask_group(group) for group in groups)
    if len(groups) == 1:
        return every
    together = [word for group in groups for word in group]
    return f"({every}) | {_ask_joined(together)}"


def _ask_group(group: list[tuple[str, str]]) -> str:
    each = " & ".join(_ask(plain, expanded) for plain, expanded in group)
    return each if len(group) == 1 else f"(({each}) | {_ask_joined(group)})"


def _ask_joined(words: list[tuple[str, str]]) -> str:
    return _ask("".join(word for word, _ in words)[:WORD_LENGTH], "".join(word for _, word in words)[:WORD_LENGTH])


def _ask(plain: str, expanded: str) -> str:
    beginnings = [plain, expanded]
    final = _FINAL_DIGRAPH.search(expanded)
    beginnings.append(_contract(expanded[: final.start()]) + final[0] if final else _contract(expanded))
    asked = [f"'{word}':*" for word in dict.fromkeys(beginnings)]
    if final and (whole := _contract(expanded)) not in beginnings:
        asked.append(f"'{whole}'")
    return asked[0] if len(asked) == 1 else f"({' | '.join(asked)})"
