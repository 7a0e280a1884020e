"""Texts of a catalogue are what texts of a request are: cleaned on entry, refused in words."""

import json

import pytest

from booking_api.catalog.layout_schemas import LayoutInput
from booking_api.catalog.write_schemas import NewPlace
from booking_api.core.text.fields import undeclared_texts
from booking_api.importing.catalogue_files import csv_elements, json_elements, read_document
from booking_api.importing.formats import CatalogueDocument, ProductElement
from booking_api.inventory.write_schemas import SlotElement

ELEMENTS = {"places": NewPlace, "seat_layouts": LayoutInput, "products": ProductElement, "slots": SlotElement}
PLACE = {"code": "ZRH", "name": "Zürich HB", "time_zone": "Europe/Zurich"}
PRODUCT = {
    "code": "tour", "kind": "entry", "title": {"en": "Tour"}, "venue": "ZRH", "prices": [{"option": "day", "unit": "adult", "amount": 1}],
    "options": [{"code": "day", "title": {"en": "Day"}, "conditions": {"refundable": True, "changeable": True},
                 "admission": {"opens_before_minutes": 5, "closes_after_minutes": 5, "closes_relative_to": "start", "reentry": False}}],
    "units": [{"code": "adult", "title": {"en": "Adult"}}],
}  # fmt: skip
SLOT = {"product": "tour", "starts_at": "2027-01-01T10:00", "capacity": 5}


@pytest.mark.parametrize("element", [*ELEMENTS.values(), CatalogueDocument])
def test_every_text_of_an_element_is_declared(element):
    assert undeclared_texts(element) == []


def read(kind, element):
    content = json.dumps({kind: [element]}).encode()
    file = read_document("one.json", content)
    ((_, _, found),) = json_elements(file, getattr(file.document, kind), ELEMENTS[kind])
    return found


def test_names_and_titles_are_cleaned():
    place = read(
        "places",
        {
            **PLACE,
            "code": "ZRH\u200b",
            "name": " Zu\u0308rich\u00a0 HB\r\n",
            "address": "\u202eBahnhof\u202c  \r\nZürich",
        },
    )
    assert (place.code, place.name, place.address) == ("ZRH", "Zürich HB", "Bahnhof\nZürich")
    question = {
        "code": "cafe\u0301",
        "type": "choice",
        "label": {"de": "Kaffee\u00ad?\n"},
        "choices": [{"value": "cre\u0300me ", "label": {"de": "\ufeffSahne"}}],
    }
    product = read("products", {**PRODUCT, "title": {"en": "Tour\u2028of it\u200d"}, "questions": [question]})
    assert product.title == {"en": "Tour\nof it"}
    (asked,) = product.questions
    assert (asked.code, asked.label, asked.choices[0].value, asked.choices[0].label) == (
        "café",
        {"de": "Kaffee?"},
        "crème",
        {"de": "Sahne"},
    )
    slot = read("slots", {**SLOT, "gate": "\ufeffNorth ", "resource": "Dr\u00a0Ada", "quotas": {"cafe\u0301": 3}})
    assert (slot.gate, slot.resource, slot.quotas) == ("North", "Dr Ada", {"café": 3})
    layout = read(
        "seat_layouts",
        {
            "code": "bus\n",
            "decks": [{"columns": ["A\u200b"], "rows": [{"number": 1, "seats": [{"code": "1A\u2060"}]}]}],
        },
    )
    assert (layout.code, layout.decks[0].columns, layout.decks[0].rows[0].seats[0].code) == ("bus", ["A"], "1A")


def test_tables_are_cleaned_too(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text(
        "code,name,time_zone\nZRH,Zu\u0308rich\u200b\u00a0HB ,Europe/Zurich\nBLK,\u3164,Europe/Zurich\n",
        encoding="utf-8-sig",
    )
    first, second = (found for _, _, found in csv_elements(path, NewPlace))
    assert first.name == "Zürich HB"
    assert second == "This has no character that can be seen. - at `$.name`"


@pytest.mark.parametrize(
    ("kind", "element", "pointer"),
    [
        ("places", {**PLACE, "name": "\u3164"}, "$.name"), ("places", {**PLACE, "code": "\u2800\u200b"}, "$.code"), ("places", {**PLACE, "name": "é" * 201}, "$.name"),
        ("products", {**PRODUCT, "title": {"en": "\u202e"}}, "$.title.en"), ("products", {**PRODUCT, "title": {"en\n": "Tour"}}, "$.title"),
        ("products", {**PRODUCT, "media": [{"url": "http://x.example", "type": "image/png"}]}, "$.media.0.url"), ("products", {**PRODUCT, "media": [{"url": "https://x.example/a b", "type": "image/png"}]}, "$.media.0.url"),
        ("products", {**PRODUCT, "schedules": [{"days": ["mon"], "valid_from": "2027-01-01", "valid_until": "2027-01-02", "times": ["09:00\n"], "capacity": 1}]}, "$.schedules.0.times"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_words(kind, element, pointer):
    found = read(kind, element)
    assert isinstance(found, str), found
    assert pointer in found.replace("[", ".").replace("]", "")
    assert not any(sign in found for sign in ("^", "\\", "regex")), found
