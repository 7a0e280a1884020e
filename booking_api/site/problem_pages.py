"""The page that a problem's `type` leads to, and the list of all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from booking_api.core.errors import DomainError
from booking_api.site.markup import coloured, inline, json_text, page, sample, text
from booking_api.site.reference import Document, operations_of, resolved
from booking_api.site.schema_markup import members_markup

PROBLEM = "application/problem+json"


def _raised_by(document: Document, code: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, method, operation in operations_of(document)
        if any(
            code in resolved(document, response).get("content", {}).get(PROBLEM, {}).get("examples", {})
            for response in operation["responses"].values()
        )
    ]


def _statuses(classes: Sequence[type[DomainError]]) -> str:
    return " or ".join(str(status) for status in sorted({cls.status for cls in classes}))


def render_problem(document: Document, classes: Sequence[type[DomainError]]) -> bytes:
    """What a code means, what to do about it, what it carries, and which operations know it."""
    cls = classes[0]
    schemas, examples = document["components"]["schemas"], document["components"]["examples"]
    own = schemas.get(f"{cls.__name__}Problem", {})
    members = {name: part for name, part in own.get("properties", {}).items() if name in cls.member_types}
    carried = members_markup({"properties": members, "required": own.get("required", [])}).replace(
        'href="#', 'href="/docs#'
    )
    example = examples.get(cls.__name__)
    raised_by = _raised_by(document, cls.code)
    operations = "".join(
        f'<li><a href="/docs#{text(operation["operationId"])}">{text(operation["summary"])}</a></li>'
        for _, _, operation in raised_by
    )
    shared = len(raised_by) > len(list(operations_of(document))) * 0.6
    body = (
        '<main class="narrow"><p class="back"><a href="/problems">All problem codes</a></p>'
        f'<h1>{text(cls.title)}</h1><p class="lead">{inline(cls.explanation or cls.title + ".")}</p>'
        f'<dl class="facts"><dt>code</dt><dd><code>{text(cls.code)}</code></dd>'
        f"<dt>status</dt><dd>{_statuses(classes)}</dd>"
        f"<dt>repeat it?</dt><dd>{'The very same request can succeed later.' if cls.retryable else 'The very same request meets the same answer.'}</dd></dl>"
        + (f"<h2>What it carries</h2>{carried}" if carried else "")
        + (sample("Example", coloured(json_text(example["value"])), folds=False) if example else "")
        + (
            f"<h2>Who answers with it</h2>{'<p>Almost every call.</p>' if shared else f'<ul>{operations}</ul>'}"
            if raised_by
            else ""
        )
        + "</main>"
    )
    return page(cls.title, body)


def render_problem_list(errors: Mapping[str, Sequence[type[DomainError]]]) -> bytes:
    """Every code there is, by status."""
    rows = "".join(
        f'<li><span class="status bad">{_statuses(classes)}</span><a href="/problems/{text(code)}"><code>{text(code)}</code></a> '
        f"{text(classes[0].title)}.</li>"
        for code, classes in sorted(errors.items(), key=lambda found: (found[1][0].status, found[0]))
    )
    return page(
        "Problem codes",
        '<main class="narrow"><p class="back"><a href="/docs">Reference</a></p><h1>Problem codes</h1>'
        '<p class="lead">Every refusal is a problem document (RFC 9457). Apps branch on its <code>code</code>.</p>'
        f'<ul class="fields answers">{rows}</ul></main>',
    )
