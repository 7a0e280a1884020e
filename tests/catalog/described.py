"""A product as somebody describes it, in which something may differ."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from booking_api.catalog.layout_schemas import LayoutSize
from booking_api.catalog.schemas import Place
from booking_api.catalog.write_schemas import ProductInput
from booking_api.core.errors import Unprocessable
from booking_api.importing.rules import say_refusal

PLACES = {code: Place(id=UUID(int=n), code=code, name=code, time_zone="Europe/Berlin") for n, code in enumerate("ABC")}
LAYOUTS = {"hall": LayoutSize(UUID(int=9), "hall", 40)}
OPTION = {
    "code": "day", "title": {"en": "Day"}, "conditions": {"refundable": True, "changeable": True}, "quota": 8,
    "admission": {
        "opens_before_minutes": 5, "closes_after_minutes": 5, "closes_relative_to": "start", "reentry": False,
    },
}  # fmt: skip
ADULT = {"code": "adult", "title": {"en": "Adult"}}
PRICE = {"option": "day", "unit": "adult", "amount": 100}


def product(**more: Any) -> ProductInput:
    given = {
        "code": "museum", "kind": "entry", "title": {"en": "Museum"}, "venue": "A", "duration_minutes": 60,
        "options": [OPTION], "units": [ADULT], "prices": [PRICE],
    }  # fmt: skip
    return msgspec.convert({**given, **more}, ProductInput)


def refused(check: Callable[..., Any], *given: Any) -> list[tuple[str, str]]:
    """Pointer and sentence of everything that a rule refuses, as an import says it."""
    try:
        check(*given)
    except Unprocessable as refusal:
        pointers = [error.pointer for error in refusal.errors or ()] or [""]
        return list(zip(pointers, say_refusal(refusal), strict=True))
    return []
