"""Every text of every request says what kind of text it is, so that no new field is left as people typed it."""

from typing import Annotated, Any

import msgspec
import pytest

from booking_api.capabilities import all_routes
from booking_api.core.text import fields
from booking_api.site.openapi import endpoints_of

ENDPOINTS = {endpoint.operation_id: endpoint for endpoint in endpoints_of(all_routes())}
AS_THEY_COME = {"receivePaymentWebhook": "the provider's own document, whose signature covers each byte"}


@pytest.mark.parametrize("operation_id", sorted(ENDPOINTS))
def test_every_text_of_a_request_is_declared(operation_id):
    endpoint = ENDPOINTS[operation_id]
    if operation_id in AS_THEY_COME:
        return
    for into in (endpoint.body, endpoint.query):
        if into is not None:
            assert fields.undeclared_texts(into) == [], (
                "declare what kind of text these are: Annotated[str, fields.line(200)] and so on, see core/text/fields.py"
            )


def test_exceptions_are_still_needed():
    assert all(fields.undeclared_texts(ENDPOINTS[operation_id].body) for operation_id in AS_THEY_COME)


class Inner(msgspec.Struct):
    plain: str
    line: Annotated[str, fields.line(5)]


class Forgetful(msgspec.Struct):
    bare: str
    limited: Annotated[str, msgspec.Meta(max_length=5)] | None
    inner: list[Inner]
    by_code: dict[str, Annotated[str, fields.text(5)]]
    anything: Any
    chosen: Annotated[str, fields.code(5)]
    number: int


def test_what_is_forgotten_is_found():
    assert fields.undeclared_texts(Forgetful) == ["/anything", "/bare", "/by_code/(key)", "/inner/*/plain", "/limited"]
