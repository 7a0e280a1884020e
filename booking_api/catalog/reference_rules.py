"""How paths name what is in the catalogue: by id or by code. Pure."""

from typing import NamedTuple
from uuid import UUID

from booking_api.core.errors import NotFound, unprocessable
from booking_api.core.ids import read_id
from booking_api.core.text import fields

LONGEST_CODE = 64


class CatalogueReference(NamedTuple):
    """One of both."""

    id: UUID | None
    code: str | None


def read_reference(text: str) -> CatalogueReference:
    """An id where the text reads as one, else a code. Raises `NotFound` for what no code can be."""
    if (id_ := read_id(text)) is not None:
        return CatalogueReference(id_, None)
    try:
        return CatalogueReference(None, fields.treat(text, fields.code(LONGEST_CODE)))
    except fields.Unfit:
        raise NotFound from None


def check_code(code: str) -> None:
    """Raises `Unprocessable` for a code that reads as an id: paths take either."""
    if read_id(code) is not None:
        raise unprocessable("/code", "A code can't be a UUID, because paths take ids as well.")
