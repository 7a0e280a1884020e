"""What every page is made of: escaped text, Markdown, coloured JSON, and a frame that loads nothing from anywhere."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec

_HERE = Path(__file__).parent
STYLE = (_HERE / "site.css").read_text(encoding="utf-8")
SCRIPT = (_HERE / "site.js").read_text(encoding="utf-8")
_JSON_PART = re.compile(
    r'(?P<k>"(?:[^"\\]|\\.)*"(?=:))|(?P<s>"(?:[^"\\]|\\.)*")|(?P<n>\b(?:true|false|null)\b|-?\d[\d.eE+-]*)'
)


@cache
def _renderer() -> Any:
    # Imported with the first page, which few processes are ever asked for.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _digest(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing but the page's own style and script, which stand in it and are named by their digests."""


def text(value: Any) -> str:
    """Any value as text that is safe in HTML, in attributes too."""
    return escape(str(value), quote=True)


def markdown(source: str) -> str:
    return (
        _renderer()
        .render(source)
        .replace("<table>", '<div class="table"><table>')
        .replace("</table>", "</table></div>")
    )


def inline(source: str) -> str:
    """Markdown of one sentence, without a paragraph around it."""
    return _renderer().renderInline(source)


def json_text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def coloured(source: str) -> str:
    """JSON, or a command with JSON in it, as HTML with its keys, strings and numbers marked."""
    made: list[str] = []
    position = 0
    for found in _JSON_PART.finditer(source):
        made.append(text(source[position : found.start()]))
        made.append(f'<span class="{found.lastgroup}">{text(found[0])}</span>')
        position = found.end()
    return "".join(made) + text(source[position:])


def sample(title: str, content: str, *, is_open: bool = True, folds: bool = True) -> str:
    """An example with a button that copies it. `content` is HTML."""
    copy = '<button type="button" class="copy" hidden>Copy</button>'
    if not folds:
        return f'<div class="sample"><div class="caption">{title}{copy}</div><pre tabindex="0">{content}</pre></div>'
    return (
        f'<details class="sample"{" open" if is_open else ""}><summary>{title}{copy}</summary>'
        f'<pre tabindex="0">{content}</pre></details>'
    )


def page(title: str, body: str) -> bytes:
    """A whole page. Its `Content-Security-Policy` is `CONTENT_SECURITY_POLICY`."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    ).encode()
