"""Texts in several languages: which one a reader gets."""

import functools
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from booking_api.core.languages import LANGUAGES

Texts = Annotated[dict[str, str], msgspec.Meta(description="Language tag (BCP 47) → text.")]

OURS = ("en", *LANGUAGES)
"""The languages that this server's own sentences are written in."""


def accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` header (RFC 9110 §12.5.4), most wanted first."""
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")[:20]):
        tag, _, parameters = part.strip().partition(";")
        weight = 1.0
        if (name := parameters.strip()).startswith("q="):
            try:
                weight = float(name[2:])
            except ValueError:
                continue
        if tag and tag != "*" and weight > 0:
            weighted.append((-weight, position, tag.replace("_", "-").split("-")[0].lower()))
    return [tag for _, _, tag in sorted(weighted)]


def choose_language(header: str, default: str) -> str:
    """One of our languages: the most wanted, else the organisation's, else English."""
    for tag in [*accepted(header), default.split("-", maxsplit=1)[0].lower()]:
        if tag in OURS:
            return tag
    return "en"


@functools.lru_cache(512)
def languages_of(header: str, default: str) -> tuple[str, tuple[str, ...]]:
    """For an `Accept-Language` header: which of our languages to use, and all that the reader wants, an
    organisation's own last. The same few headers come with every request."""
    return choose_language(header, default), (*accepted(header), default.split("-", maxsplit=1)[0].lower())


def pick(texts: Mapping[str, str], languages: Sequence[str]) -> str:
    """The text in the first of the languages that it exists in, else in English, else in any."""
    for language in (*languages, "en"):
        if language in texts:
            return texts[language]
    return next(iter(texts.values()), "")
