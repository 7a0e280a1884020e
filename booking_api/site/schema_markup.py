"""JSON Schemas as lists of members that people can read."""

from collections.abc import Mapping

from booking_api.site.json_schema import Schema
from booking_api.site.markup import inline, json_text, markdown, text

_RANGES = (
    ("minLength", "maxLength", " characters"),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", " of them"),
    ("minProperties", "maxProperties", " of them"),
)
"""The words for a least and a greatest value, and what they count."""


def ref_name(schema: Schema) -> str | None:
    """The component that a schema refers to, also through an array or a union with null."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if isinstance(schema.get("items"), dict):
        return ref_name(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        return ref_name(schema["additionalProperties"])
    named = [name for part in schema.get("anyOf", []) if (name := ref_name(part))]
    return named[0] if len(named) == 1 else None


def type_markup(schema: Schema) -> str:
    """The type in a few words, with a link to the component it names."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#schema-{text(name)}">{text(name)}</a>'
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_markup(option) for option in options)
    if "const" in schema:
        return f"<code>{text(json_text(schema['const']))}</code>"
    kinds = schema.get("type", "anything")
    made: list[str] = []
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind == "array":
            made.append(
                f"array of {type_markup(schema['items'])}" if isinstance(schema.get("items"), dict) else "array"
            )
        elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            made.append(f"map to {_inner(schema['additionalProperties'])}")
        elif kind == "string" and "format" in schema:
            made.append(text(schema["format"]))
        else:
            made.append(text(kind))
    return " or ".join(made)


def _inner(schema: Schema) -> str:
    made = type_markup(schema)
    return f"({made})" if " or " in made else made


def limits_markup(schema: Schema) -> str:
    """Allowed values, bounds, default and an example."""
    made: list[str] = []
    if values := schema.get("enum"):
        made.append(
            "One of "
            + ", ".join(
                f"<code>{text(value if isinstance(value, str) else json_text(value))}</code>" for value in values
            )
        )
    made += [
        f"{_range(schema.get(least), schema.get(most))}{unit}"
        for least, most, unit in _RANGES
        if {least, most} & set(schema)
    ]
    if "pattern" in schema:
        made.append(f"Pattern <code>{text(schema['pattern'])}</code>")
    if schema.get("default") not in (None, [], {}):
        made.append(f"Default <code>{text(json_text(schema['default']))}</code>")
    if (examples := schema.get("examples")) and not {"x-extensible-enum", "enum"} & set(schema):
        made.append(f"For example <code>{text(json_text(examples[0]))}</code>")
    return f'<p class="limits">{". ".join(made)}.</p>' if made else ""


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"At most {most}"
    return f"At least {least}" if most is None else f"{least} to {most}"


def member_markup(name: str, schema: Schema, *, required: bool, where: str = "") -> str:
    """One member of an object or one parameter, with what is inside of it folded away."""
    description = schema.get("description", "")
    nested = ""
    if component := ref_name(schema):
        nested = (
            f'<details class="nest" data-schema="{text(component)}"><summary>Members of {text(component)}</summary>'
            f'<a href="#schema-{text(component)}">See {text(component)}</a></details>'
        )
    return (
        f'<li><span class="name">{text(name)}{"" if required else "?"}</span><span class="type">{type_markup(schema)}</span>'
        + (f'<span class="where">{text(where)}</span>' if where else "")
        + (f'<div class="about">{markdown(description)}</div>' if description else "")
        + f"{limits_markup(schema)}{nested}</li>"
    )


def members_markup(schema: Schema) -> str:
    """The members of an object."""
    required = set(schema.get("required", []))
    rows = [member_markup(name, part, required=name in required) for name, part in schema.get("properties", {}).items()]
    return f'<ul class="fields">{"".join(rows)}</ul>' if rows else ""


def body_markup(schema: Schema, components: Mapping[str, Schema]) -> str:
    """A body or answer: its name, and its members open to the first level."""
    name = ref_name(schema)
    if name is None:
        return f'<p class="type">{type_markup(schema)}</p>{limits_markup(schema)}'
    of_many = "" if "$ref" in schema else f'<p class="type">{type_markup(schema)}</p>'
    return of_many + members_markup(components[name])


def component_markup(name: str, schema: Schema) -> str:
    """A component in the list of all, where every mention of it leads."""
    description = inline(schema.get("description", "")) if "description" in schema else ""
    return (
        f'<article class="operation" id="schema-{text(name)}"><h3>{text(name)}</h3>'
        + (f"<p>{description}</p>" if description else "")
        + (f'<p class="type">{type_markup(schema)}</p>' if {"anyOf", "oneOf"} & set(schema) else "")
        + f"{members_markup(schema)}</article>"
    )
