"""How Structs become schemas, and operations a document."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta

from booking_api.core.kinds import kind_of
from booking_api.core.web.http import Access, endpoint
from booking_api.site.glossary import MEMBERS
from booking_api.site.json_schema import make_schemas, paragraphs, sample
from booking_api.site.openapi import Examples, Prose, build_document
from booking_api.site.presence import say_defaults


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Both ways."""

    name: str
    phone: str | None = None


class Outer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer.

    In two paragraphs
    of which the second has two lines.
    """

    id: UUID
    at: datetime | None = None
    """When it was."""
    status: Annotated[str, Meta(description="How it is. x-extensible-enum: on_hold, confirmed")]
    actions: Annotated[list[str], Meta(description="x-extensible-enum: cancel, extend")]
    inner: Inner | None = None
    kind: Literal["a", "b"] | None = None


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    inner: Inner
    text: Annotated[str, Meta(max_length=3, description="Short.")] | None = None
    until: datetime | None = None


def test_an_answer_leaves_out_rather_than_saying_null():
    _, [schema], components = make_schemas([], [Outer])
    outer = components["Outer"]
    assert schema == {"$ref": "#/components/schemas/Outer"}
    assert outer["description"] == "An answer.\n\nIn two paragraphs of which the second has two lines."
    assert outer["required"] == ["id", "status", "actions"]
    assert outer["properties"]["at"] == {"type": "string", "format": "date-time", "description": "When it was."}
    assert outer["properties"]["inner"] == {"$ref": "#/components/schemas/Inner"}
    assert outer["properties"]["kind"] == {"type": "string", "enum": ["a", "b"], "description": MEMBERS["kind"]}


def test_enumerations_of_answers_are_open():
    _, _, components = make_schemas([], [Outer])
    status, actions = (components["Outer"]["properties"][name] for name in ("status", "actions"))
    assert status["x-extensible-enum"] == ["on_hold", "confirmed"]
    assert status["description"] == "How it is. One of `on_hold`, `confirmed`; new values may come."
    assert "enum" not in status
    assert actions["items"]["x-extensible-enum"] == ["cancel", "extend"]
    assert actions["examples"] == [["cancel"]]


def test_a_request_is_closed_and_may_say_null():
    [_], _, components = make_schemas([Wish], [])
    assert components["Wish"]["additionalProperties"] is False
    assert components["Wish"]["properties"]["text"] == {
        "type": ["string", "null"], "maxLength": 3, "description": "Short.",
    }  # fmt: skip
    assert components["Wish"]["properties"]["until"] == {"type": ["string", "null"], "format": "date-time"}


def test_what_reads_differently_in_both_directions_has_two_components():
    _, _, components = make_schemas([Wish], [Outer])
    assert components["Wish"]["properties"]["inner"] == {"$ref": "#/components/schemas/InnerInput"}
    assert components["InnerInput"]["additionalProperties"] is False
    assert components["InnerInput"]["properties"]["phone"]["type"] == ["string", "null"]
    assert "additionalProperties" not in components["Inner"]
    assert components["Inner"]["properties"]["phone"]["type"] == "string"


def test_two_structs_of_one_name_are_refused():
    other = msgspec.defstruct("Inner", [("x", int)])
    with pytest.raises(ValueError, match="both have a Struct Inner"):
        make_schemas([Inner], [other])


def test_samples_fit():
    _, [schema], components = make_schemas([], [Outer])
    value = sample(schema, components)
    assert msgspec.convert(value, Outer, strict=False)
    assert value["status"] == "on_hold"


def test_paragraphs_keep_lists():
    assert paragraphs("One\n    two.\n\n    - a\n    - b\n") == "One two.\n\n- a\n- b"


def an_operation(name: str, tag: str = "Things"):
    async def run(request):
        """Do it.

        Really.
        """

    run.__name__ = name
    return endpoint("GET", f"/v1/{name}", tag=tag, access=Access(customer=True), answers={200: Outer})(run)


PROSE = Prose(title="T", version="1", summary="S", description="D", tags={"Things": "All of them."})


def test_a_tag_without_a_text_is_refused():
    with pytest.raises(ValueError, match="Tags without a description: Others"):
        build_document([an_operation("a", "Others")], PROSE, Examples())


def test_two_operations_of_one_name_are_refused():
    with pytest.raises(ValueError, match="share a name: a"):
        build_document([an_operation("a"), an_operation("a")], PROSE, Examples())


def test_an_operation_says_who_may_call_it():
    document = build_document([an_operation("get_all_things")], PROSE, Examples())
    operation = document["paths"]["/v1/get_all_things"]["get"]
    assert operation["operationId"] == "getAllThings"
    assert (operation["summary"], operation["security"]) == ("Do it", [{"customerToken": []}])
    assert operation["description"] == "Really.\n\n**Who may call:** a customer."
    assert set(operation["responses"]) == {"200", "401", "403", "429", "500", "503"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened."""

    type: str
    id: UUID


@kind_of(Event)
class Arrival(Event, frozen=True, kw_only=True):
    """Somebody came."""

    type: Literal["arrival"]
    name: str


@kind_of(Event)
class Departure(Event, frozen=True, kw_only=True):
    """Somebody left."""

    type: Literal["departure", "no_show"]


EVENTS = make_schemas([], [list[Event]])


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"type": "arrival", "id": str(UUID(int=1)), "name": "Ada"}, "Arrival"),
        ({"type": "no_show", "id": str(UUID(int=1))}, "Departure"),
        ({"type": "departures", "id": str(UUID(int=1)), "more": 1}, "UnknownEvent"),
        ({"type": "arrival", "id": str(UUID(int=1))}, None),
        ({"type": "delay"}, None),
    ],
)
def test_a_union_is_open_and_exactly_one_branch_fits(given, fits):
    _, [schema], components = EVENTS
    assert schema["items"] == {"$ref": "#/components/schemas/Event"}
    document = {"components": {"schemas": components}}
    fitting = [
        branch["$ref"].rpartition("/")[2]
        for branch in components["Event"]["oneOf"]
        if jsonschema_rs.is_valid({**branch, **document}, given)
    ]
    assert fitting == ([fits] if fits else [])
    assert jsonschema_rs.is_valid({**schema, **document}, [given]) is bool(fits)


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What came by post."""

    type: str


@kind_of(Letter)
class Valentine(Letter, frozen=True, kw_only=True):
    """Who knows from whom."""

    type: Literal["valentine"]


def test_a_kind_that_some_clients_would_take_for_an_unknown_one_is_refused():
    with pytest.raises(ValueError, match="take Valentine for UnknownLetter"):
        make_schemas([], [Letter])


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    days: int = 3
    names: list[str] = []


def test_a_default_is_a_sentence():
    """As a keyword it makes generators promise a member that may be absent."""
    _, _, components = make_schemas([Settings], [])
    say_defaults(components.values())
    assert components["Settings"]["properties"]["days"] == {
        "type": "integer", "description": "Absent means `3`.",
    }  # fmt: skip
    assert "default" not in str(components)
