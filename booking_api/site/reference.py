"""The reference at /docs, made from the OpenAPI document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from booking_api.core.web.lines import NDJSON
from booking_api.site.markup import coloured, inline, json_text, markdown, page, sample, text
from booking_api.site.schema_markup import body_markup, component_markup, member_markup

TOKENS = {
    "publishableKey": "$PK",
    "customerToken": "$ME",
    "staffToken": "$STAFF",
    "secretKey": "$SK",
}
"""The variables of a shell: as the demo prints them, and `ME` for a customer's access token, as in the README."""
CALLERS = {
    "publishableKey": "app",
    "customerToken": "customer",
    "staffToken": "staff",
    "secretKey": "secret key",
}
Document = dict[str, Any]
Operation = dict[str, Any]


def operations_of(document: Document) -> Iterator[tuple[str, str, Operation]]:
    """Path, method and operation, in the document's order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(document: Document, part: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` stands for."""
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def render_reference(document: Document) -> bytes:
    """The whole reference as one page."""
    info = document["info"]
    by_tag: dict[str, list[tuple[str, str, Operation]]] = {tag["name"]: [] for tag in document["tags"]}
    for found in operations_of(document):
        by_tag[found[2]["tags"][0]].append(found)
    sections = "".join(
        f'<section class="tag" id="tag-{text(tag["name"])}"><h2>{text(tag["name"])}</h2><p>{inline(tag["description"])}</p>'
        + "".join(_operation(document, *found) for found in by_tag[tag["name"]])
        + "</section>"
        for tag in document["tags"]
    )
    schemas = "".join(
        component_markup(name, schema)
        for name, schema in document["components"]["schemas"].items()
        if "allOf" not in schema
    )
    body = (
        '<a class="skip" href="#main">Skip to the content</a><div class="frame">'
        f'<details class="bar"><summary>{text(info["title"])} <span class="version">{text(info["version"])}</span></summary>'
        f'{_contents(by_tag, document["components"]["schemas"])}</details><main id="main"><div class="intro"><h1>{text(info["title"])}</h1>'
        f'<p class="lead">{text(info["summary"])}</p>{_download()}{markdown(info["description"])}</div>{sections}'
        f'<section class="tag" id="schemas"><h2>Schemas</h2><p>What bodies and answers are made of.</p>{schemas}</section></main></div>'
    )
    return page(f"{info['title']} reference", body)


def _download() -> str:
    return (
        '<p><a href="/openapi.json">OpenAPI 3.1 document</a> for generating clients. '
        '<a href="/problems">All problem codes</a>.</p>'
    )


def _contents(by_tag: dict[str, list[tuple[str, str, Operation]]], schemas: Mapping[str, Any]) -> str:
    """The list on the left. Its search also looks into what operations and schemas say, members and codes included."""
    kinds = "".join(
        f'<li data-find="{text(name.lower())}"><a href="#schema-{text(name)}">{text(name)}</a></li>'
        for name, schema in schemas.items()
        if "allOf" not in schema
    )
    groups = [
        f'<div data-group><a class="group" href="#tag-{text(tag)}">{text(tag)}</a><ul>'
        + "".join(
            f'<li data-find="{text(" ".join((method, path, operation["operationId"], operation["summary"])).lower())}">'
            f'<a href="#{text(operation["operationId"])}"><span class="method {method}">{method.upper()}</span>'
            f"<span>{text(operation['summary'])}</span></a></li>"
            for path, method, operation in found
        )
        + "</ul></div>"
        for tag, found in by_tag.items()
    ]
    return (
        '<nav aria-label="Operations"><input type="search" placeholder="Find calls, members, codes" aria-label="Find calls, members and codes" hidden>'
        f'{"".join(groups)}<div data-group><a class="group" href="#schemas">Schemas</a><ul data-found hidden>{kinds}</ul></div><a class="group" href="/problems">Problem codes</a></nav>'
    )


def _operation(document: Document, path: str, method: str, operation: Operation) -> str:
    components = document["components"]["schemas"]
    description, _, _ = operation["description"].partition("**Who may call:**")
    parts = [
        f"<p>{inline(block)}</p>" if "\n" not in block else markdown(block)
        for block in description.strip().split("\n\n")
        if block
    ]
    parts.append(_who(operation))
    parts += _parameters([resolved(document, parameter) for parameter in operation.get("parameters", [])])
    if body := operation.get("requestBody"):
        ((_, content),) = body["content"].items()
        lines = content["schema"].get("x-line-schema")
        kind = ", lines of JSON, each of which is" if lines else "" if body["required"] else ", optional"
        parts.append(f"<h4>Body{kind}</h4>{body_markup(lines or content['schema'], components)}")
    parts += _answers(document, operation)
    address = re.sub(r"\{\w+\}", lambda found: f"<b>{found[0]}</b>", text(path))
    return (
        f'<article class="operation" id="{text(operation["operationId"])}"><h3>{text(operation["summary"])}</h3>'
        f'<p class="address"><span class="method {method}">{method.upper()}</span><span class="path">{address}</span></p>'
        f'<div class="columns"><div>{"".join(parts)}</div>'
        f'<div class="samples">{_samples(document, path, method, operation)}</div></div></article>'
    )


def _described(parameter: dict[str, Any]) -> dict[str, Any]:
    described = {**parameter["schema"], "description": parameter["description"]}
    if parameter["in"] != "path" and "example" in parameter:
        described["examples"] = [parameter["example"]]
    return described


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    """Those of the path and query, and folded away the headers, which are the same for many calls."""

    def rows(found: list[dict[str, Any]]) -> str:
        members = (
            member_markup(
                parameter["name"], _described(parameter),
                required=parameter["required"], where=parameter["in"],
            )
            for parameter in found
        )  # fmt: skip
        return f'<ul class="fields">{"".join(members)}</ul>'

    made: list[str] = []
    if own := [parameter for parameter in parameters if parameter["in"] != "header"]:
        made.append(f"<h4>Parameters</h4>{rows(own)}")
    if headers := [parameter for parameter in parameters if parameter["in"] == "header"]:
        names = ", ".join(text(parameter["name"]) for parameter in headers)
        made.append(f'<details class="more"><summary>Headers: {names}</summary>{rows(headers)}</details>')
    return made


def _who(operation: Operation) -> str:
    made: list[str] = []
    for alternative in operation["security"]:
        for scheme, needed in alternative.items():
            made.append(" · ".join([CALLERS[scheme], *map(text, needed)]))
        if not alternative:
            made.append("anybody" if len(operation["security"]) == 1 else "a signed URL")
    return f'<ul class="who" aria-label="Who may call">{"".join(f"<li>{who}</li>" for who in made)}</ul>'


def _answers(document: Document, operation: Operation) -> list[str]:
    components = document["components"]["schemas"]
    shown: list[dict[str, Any]] = []
    good: list[str] = []
    own: list[str] = []
    shared: list[str] = []
    for status, given in operation["responses"].items():
        response = resolved(document, given)
        content = response.get("content", {})
        if "application/problem+json" in content:
            rows = [
                _problem(document, status, ref)
                for ref in content["application/problem+json"].get("examples", {}).values()
            ]
            (shared if "$ref" in given else own).extend(rows)
            continue
        inside = ""
        schema = content.get("application/json", {}).get("schema")
        if schema is not None and schema in shown:
            inside = '<p class="limits">The same members.</p>'
        elif schema is not None:
            shown.append(schema)
            inside = f'<details class="more"><summary>Members</summary>{body_markup(schema, components)}</details>'
        kinds = "".join(f' <span class="type">{text(kind)}</span>' for kind in content if kind != "application/json")
        good.append(f'<li><span class="status ok">{status}</span>{inline(response["description"])}{kinds}{inside}</li>')
    made = [f'<h4>Answers</h4><ul class="fields answers">{"".join(good)}</ul>']
    if own:
        made.append(f'<h4>Refusals</h4><ul class="fields answers">{"".join(own)}</ul>')
    if shared:
        made.append(
            f'<details class="more"><summary>{"And" if own else "Refusals:"} the {len(shared)} that many calls share</summary>'
            f'<ul class="fields answers">{"".join(shared)}</ul></details>'
        )
    return made


def _problem(document: Document, status: str, ref: dict[str, Any]) -> str:
    example = resolved(document, ref)
    code = example["value"]["code"]
    schemas = document["components"]["schemas"]
    known = schemas["Problem"]["properties"]
    members = [name for name in schemas[f"{ref['$ref'].rsplit('/', 1)[-1]}Problem"]["properties"] if name not in known]
    with_members = f" With {', '.join(f'<code>{text(name)}</code>' for name in members)}." if members else ""
    return (
        f'<li><span class="status bad">{status}</span><a href="/problems/{text(code)}"><code>{text(code)}</code></a> '
        f"{text(example['summary'])}.{with_members}</li>"
    )


def _samples(document: Document, path: str, method: str, operation: Operation) -> str:
    made = [sample("curl", _curl(document, path, method, operation), folds=False)]
    statuses: dict[str, list[str]] = {}
    for status, given in operation["responses"].items():
        content = resolved(document, given).get("content", {}).get("application/json", {})
        if "example" in content:
            statuses.setdefault(json_text(content["example"]), []).append(status)
    made += [
        sample(f"{' or '.join(alike)} answer", coloured(example), is_open=position == 0)
        for position, (example, alike) in enumerate(statuses.items())
    ]
    return "".join(made)


def _curl(document: Document, path: str, method: str, operation: Operation) -> str:
    query: list[str] = []
    for given in operation.get("parameters", []):
        parameter = resolved(document, given)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        elif parameter["in"] == "query" and "example" in parameter:
            query.append(f"{parameter['name']}={quote(str(parameter['example']), safe=':,')}")
    address = f'"$URL{text(path)}{text("?" + "&".join(query)) if query else ""}"'
    lines = [f"curl {address}" if method == "get" else f"curl -X {method.upper()} {address}"]
    schemes = [scheme for alternative in operation["security"] for scheme in alternative]
    if schemes and {} not in operation["security"]:
        lines.append(text(f'-H "Authorization: Bearer {TOKENS[schemes[0]]}"'))
    if any(given.get("$ref", "").endswith("/IdempotencyKey") for given in operation.get("parameters", [])):
        lines.append(text('-H "Idempotency-Key: $(uuidgen)"'))
    if body := operation.get("requestBody"):
        ((kind, given),) = body["content"].items()
        lines.append(text(f"-H 'Content-Type: {kind}'"))
        example = given["example"]
        content = (text(example) if kind == NDJSON else json_text(example)).replace("'", "'\\''")
        lines.append(f"-d '{coloured(content)}'")
    return " \\\n  ".join(lines)
