"""The OpenAPI document of this installation, and the file it is published as."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from booking_api.capabilities import all_events
from booking_api.site.openapi import Examples, build_document
from booking_api.site.openapi_webhooks import add_webhooks
from booking_api.site.prose import prose

EXAMPLES = Path(__file__).parent / "examples.json"


def load_examples() -> Examples:
    """Calls recorded from a real server by `python -m tests.contract.record_examples`."""
    return msgspec.json.decode(EXAMPLES.read_bytes(), type=Examples)


def document(handlers: Iterable[HTTPRouteHandler]) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    return add_webhooks(build_document(handlers, prose(), load_examples()), all_events())


def encode(made: dict[str, Any]) -> bytes:
    """The document as it is checked in: indented, so that a difference can be read."""
    return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


def write(handlers: Iterable[HTTPRouteHandler], path: Path) -> bool:
    """Writes the document where it is published; whether that changed anything."""
    content = encode(document(handlers))
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True
