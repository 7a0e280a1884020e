"""What a schema says of members that may be absent."""

from collections.abc import Iterable

import msgspec

from booking_api.site.json_schema import Schema


def say_defaults(components: Iterable[Schema]) -> None:
    """What an absent member means, as a sentence. The keyword `default` makes some generators promise the member, in
    requests that may leave it out and in answers that do."""
    for schema in components:
        for part in schema.get("properties", {}).values():
            if "default" in part:
                value = msgspec.json.encode(part.pop("default")).decode()
                part["description"] = f"{part.get('description', '')} Absent means `{value}`.".strip()


def without_null(schema: Schema) -> Schema:
    """The same for what is absent rather than null."""
    made = dict(schema)
    if isinstance(made.get("type"), list):
        kinds = [kind for kind in made["type"] if kind != "null"]
        made["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "anyOf" in made:
        made["anyOf"] = [part for part in made["anyOf"] if part != {"type": "null"}]
        if len(made["anyOf"]) == 1:
            made.update(made.pop("anyOf")[0])
    if "enum" in made:
        made["enum"] = [value for value in made["enum"] if value is not None]
    return made
