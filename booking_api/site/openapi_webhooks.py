"""`webhooks` of the OpenAPI document: what is posted to an organisation's servers, one entry for each public event."""

from collections.abc import Sequence
from typing import Any

from booking_api.core.queue.events import Fact
from booking_api.core.web.replies import JSON
from booking_api.site.json_schema import Schema, make_schemas, paragraphs, sample

HEADERS = {
    "webhook-id": "The event's id, the same with each try: what came before is a repeat.",
    "webhook-timestamp": "When it was sent, in seconds since 1970. Refuse what is older than five minutes.",
    "webhook-signature": "`v1,` and an HMAC-SHA-256, one for each secret that is valid: see Standard Webhooks.",
}
EXAMPLE_ID = "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15"
EXAMPLE_TIME = "2026-03-01T09:00:00Z"


def add_webhooks(document: dict[str, Any], events: Sequence[type[Fact]]) -> dict[str, Any]:
    """The document with the events that are public."""
    public = [event for event in events if event.is_public]
    _, told, schemas = make_schemas([], public)
    document["webhooks"] = {
        event.type: {"post": _operation(event, schema, schemas)} for event, schema in zip(public, told, strict=True)
    }
    known = document["components"]["schemas"]
    document["components"]["schemas"] = dict(sorted({**schemas, **known}.items()))
    return document


def _operation(event: type[Fact], data: Schema, schemas: dict[str, Schema]) -> dict[str, Any]:
    summary, _, more = paragraphs(event.__doc__ or "").partition("\n\n")
    about_booking = event.about == "booking"
    properties: dict[str, Any] = {
        "type": {"type": "string", "const": event.type, "description": "What happened."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "order_key": {
            "type": "string", "format": "uuid", "description": "Events with the same key come in their order.",
        },
        "data": data,
    }  # fmt: skip
    if about_booking:
        properties["booking"] = {
            "description": "With `full` payloads: the booking as it is when this is sent. Compare its `version`.",
            "$ref": "#/components/schemas/Booking",
        }
    example = {
        "type": event.type, "timestamp": EXAMPLE_TIME, "order_key": EXAMPLE_ID, "data": sample(data, schemas),
    }  # fmt: skip
    return {
        "operationId": "on" + "".join(word.capitalize() for word in event.type.replace("_", ".").split(".")),
        "tags": ["Webhooks"],
        "security": [],
        "summary": summary.rstrip("."),
        "description": "\n\n".join(filter(None, [more, f"About: {event.about}. Sent to webhooks that want it."])),
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "type": "object", "properties": properties,
                        "required": ["type", "timestamp", "order_key", "data"],
                    },
                    "example": example,
                }
            },
        },
        "responses": {
            "2XX": {"description": "Taken. Its body isn't read."},
            "410": {"description": "Nothing more is wanted: the webhook is paused."},
            "default": {"description": "Tried again, for three days."},
        },
    }  # fmt: skip
