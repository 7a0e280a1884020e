"""How a refusal reads in an import's report. Pure."""

import re

from booking_api.core.errors import DomainError, FieldError

_ELEMENT = re.compile(r"/(\w+)/(\d+)")


def say_refusal(refusal: DomainError) -> list[str]:
    """What was refused, mistake by mistake, each as the rest of a sentence that names the line."""
    return [say_error(error) for error in refusal.errors or [FieldError("", refusal.detail)]]


def say_error(error: FieldError) -> str:
    """One mistake, as the rest of a sentence.

    A report's line has no pointer: what is said of `It`, an element of a list, begins with the element.
    """
    text = error.detail.removesuffix(".")
    if text.startswith("It ") and (element := _ELEMENT.match(error.pointer)):
        return f"{element[1]}[{element[2]}]{text.removeprefix('It')}"
    return text[:1].lower() + text[1:]
