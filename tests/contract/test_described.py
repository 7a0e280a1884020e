"""Every member says what it is."""

import msgspec

from booking_api.site.document import encode
from booking_api.site.glossary import MEMBERS
from tests.contract.test_openapi import DOCUMENT, SCHEMAS


def test_every_member_is_described():
    """At the field, or where the word means the same everywhere, in the glossary."""
    bare = [
        f"{name}.{member}"
        for name, schema in SCHEMAS.items()
        for member, part in schema.get("properties", {}).items()
        if len(part.get("description", "")) < 8
    ]
    assert bare == []


def test_the_glossary_has_no_word_that_nothing_is_called():
    text = encode(DOCUMENT).decode()
    assert [key for key, sentence in MEMBERS.items() if encode_text(sentence) not in text] == []


def encode_text(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]
