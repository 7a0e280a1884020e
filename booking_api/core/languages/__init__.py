"""Refusals in other languages than English, in which they are written where they are raised: a language is a file here.

`TITLES` and `SENTENCES` of a file are found by the English text, with `{}` where a value stands; the translation has as
many places, in the same order. `WORDS` are what may stand in such a place and is a word rather than a value. The file's
name is the language's tag, and that it is there is all it takes. A test finds every sentence that the code can raise and
tells which ones a file lacks; until then they are said in English.
"""

import functools
import pkgutil
import re
from collections.abc import Mapping
from importlib import import_module

LONGEST = 1_000
"""Nothing longer is a sentence of ours."""
_PLACE = re.compile(r"\{\d*\}")


class LanguageFile:
    """One file."""

    def __init__(self, titles: Mapping[str, str], sentences: Mapping[str, str], words: Mapping[str, str]) -> None:
        self.titles, self.sentences, self.words = titles, sentences, words
        kinds = sorted((word for word in words if " " in word or word == "null"), key=len, reverse=True)
        kind = "|".join(map(re.escape, kinds)) or "(?!)"
        self._kind = re.compile(kind)
        self._kinds = re.compile(f"(?:{kind})(?: or (?:{kind}))*")
        self.translate = functools.lru_cache(512)(self._translate)

    @functools.cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """The sentences with places, those with most words of their own first."""
        placed = sorted((english for english in self.sentences if "{}" in english), key=lambda english: -len(english))
        return [
            (re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL), self.sentences[english])
            for english in placed
        ]

    def _translate(self, sentence: str) -> str:
        if (known := self.titles.get(sentence) or self.sentences.get(sentence)) is not None:
            return known
        for pattern, translated in self._patterns:
            if found := pattern.fullmatch(sentence):
                values = [self._word(value) for value in found.groups()]
                parts = _PLACE.split(translated)
                return parts[0] + "".join(value + part for value, part in zip(values, parts[1:], strict=True))
        return sentence

    def _word(self, value: str) -> str:
        """A value, or words joined by `or`, as they stand in a sentence of the language."""
        if value in self.words:
            return self.words[value]
        if not self._kinds.fullmatch(value):
            return value
        translated = self._kind.sub(lambda found: self.words[found[0]], value)
        return translated.replace(" or ", f" {self.words.get('or', 'or')} ")


def load_languages() -> dict[str, LanguageFile]:
    """The files of this folder by their names."""
    found = {}
    for file in pkgutil.iter_modules(__path__):
        said = import_module(f"{__name__}.{file.name}")
        found[file.name] = LanguageFile(said.TITLES, said.SENTENCES, said.WORDS)
    return found


LANGUAGES = load_languages()


def translate(sentence: str, language: str) -> str:
    """A sentence of ours in one of our languages; what isn't known stays as it is."""
    known = LANGUAGES.get(language)
    return sentence if known is None or len(sentence) > LONGEST else known.translate(sentence)
