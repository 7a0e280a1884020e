"""The document and the pages over HTTP."""

import asyncio
import gzip
from typing import Any

import brotli
import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from booking_api import __version__
from booking_api.core.errors import NotFound, known_errors
from booking_api.core.per_process import PerProcess
from booking_api.core.secrets import content_etag
from booking_api.core.web.headers import base_url_of, choose_encoding, header
from booking_api.core.web.http import Access, Binary, endpoint
from booking_api.core.web.middleware import ENCODED
from booking_api.core.web.replies import JSON, BytesResponse, etag_matches, runtime_of
from booking_api.site.document import document, encode
from booking_api.site.markup import CONTENT_SECURITY_POLICY
from booking_api.site.problem_pages import render_problem, render_problem_list
from booking_api.site.reference import render_reference

TAG = "Operations"
ANYBODY = Access(anonymous=True)
BROTLI_QUALITY = 9
"""A tenth larger than the best, made in a twentieth of the time: the first reader waits for it."""
PAGE = Binary("text/html", "The page.", is_text=True)


class Page(msgspec.Struct, frozen=True):
    """A page as it is sent: plain and compressed, each with its ETag (RFC 9110 §8.8.3: strong, and so different)."""

    forms: dict[str | None, tuple[bytes, str]]
    """Content and ETag by encoding."""


class Site(msgspec.Struct, frozen=True):
    """Every page, made once in the life of a process."""

    document: Page
    reference: Page
    problem_list: Page
    problems: dict[str, Page]


def build_site(handlers: list[HTTPRouteHandler]) -> Site:
    made = document(handlers)
    errors = known_errors()
    return Site(
        document=_page(encode(made)),
        reference=_page(render_reference(made)),
        problem_list=_page(render_problem_list(errors)),
        problems={code: _page(render_problem(made, classes)) for code, classes in errors.items()},
    )


def _page(content: bytes) -> Page:
    forms = {
        None: content,
        "br": brotli.compress(content, quality=BROTLI_QUALITY),
        "gzip": gzip.compress(content, mtime=0),
    }
    return Page({encoding: (form, content_etag(form)) for encoding, form in forms.items()})


def _make_site(request: Request[Any, Any, Any]) -> asyncio.Future[Site]:
    handlers = [handler for route in request.app.routes for handler in getattr(route, "route_handlers", ())]
    return asyncio.get_running_loop().run_in_executor(runtime_of(request).threads, build_site, handlers)


SITE = PerProcess(_make_site)


async def site_of(request: Request[Any, Any, Any]) -> Site:
    """The pages of this process; the first to ask makes them, off the event loop, and the others wait for them.

    Never twice at once: CPython 3.11's parser counts its depth for all threads together, and fails.
    """
    caches = runtime_of(request).caches
    try:
        return await asyncio.shield(SITE.of(caches, request))
    except Exception:
        caches.pop(SITE, None)
        raise


def answer(request: Request[Any, Any, Any], page: Page, media_type: str) -> Response[bytes]:
    """The page, compressed as its reader likes best; nothing where they have it already, in whichever form."""
    encoding = choose_encoding(header(request.scope, b"accept-encoding") or "")
    content, etag = page.forms[encoding]
    headers = {"ETag": etag, "Cache-Control": "public, no-cache", "Vary": "Accept-Encoding, Origin"}
    given = header(request.scope, b"if-none-match")
    if any(etag_matches(given, known) for _, known in page.forms.values()):
        return BytesResponse(b"", 304, headers)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
        request.scope[ENCODED] = True  # type: ignore[typeddict-unknown-key]
    if media_type == PAGE.media_type:
        headers |= {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Content-Language": "en",
            "Referrer-Policy": "no-referrer",
        }
    return BytesResponse(
        content, 200, headers, f"{media_type}; charset=utf-8" if media_type == PAGE.media_type else JSON
    )


@endpoint(
    "GET", "/openapi.json", tag=TAG, access=ANYBODY, answers={200: dict[str, Any]},
    answer_descriptions={200: "An OpenAPI 3.1 document."}, conditional=True,
)  # fmt: skip
async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Get this description.

    The OpenAPI 3.1 document of this installation, made from its code. Generate clients from it.
    """
    return answer(request, (await site_of(request)).document, JSON)


@endpoint("GET", "/docs", tag=TAG, access=ANYBODY, answers={200: PAGE}, conditional=True)
async def get_docs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read the reference.

    Every operation with who may call it, its parameters, bodies, answers, refusals and examples, as one page that
    loads nothing from anywhere.
    """
    return answer(request, (await site_of(request)).reference, PAGE.media_type)


@endpoint("GET", "/problems", tag=TAG, access=ANYBODY, answers={200: PAGE}, conditional=True)
async def list_problems(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the problem codes.

    A page with every code that a problem document may carry.
    """
    return answer(request, (await site_of(request)).problem_list, PAGE.media_type)


@endpoint(
    "GET", "/problems/{code:str}", tag=TAG, access=ANYBODY, answers={200: PAGE}, errors=(NotFound,), conditional=True
)
async def get_problem(request: Request[Any, Any, Any], code: str) -> Response[bytes]:
    """Explain a problem code.

    Where the `type` of every problem document leads: what the code means, what to do about it, and what it carries.
    """
    page = (await site_of(request)).problems.get(code)
    if page is None:
        raise NotFound("No problem of this server has this code.")
    return answer(request, page, PAGE.media_type)


class Index(msgspec.Struct, frozen=True):
    """Where to go on from the server's own address."""

    title: str
    version: str
    description_url: str
    """The OpenAPI document."""
    reference_url: str
    """The reference, for people."""
    problems_url: str
    """A page for each refusal."""
    public_keys_url: str
    """The keys that verify passes."""


@endpoint(
    "GET", "/", tag=TAG, access=ANYBODY, answers={200: Index, 303: None},
    answer_descriptions={303: "For a browser: to the reference."},
)  # fmt: skip
async def get_index(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Find the way.

    A browser is led to the reference; whatever doesn't ask for HTML gets the addresses of what there is to read.
    """
    headers = {"Vary": "Accept, Origin", "Cache-Control": "no-cache"}
    if "text/html" in (header(request.scope, b"accept") or "").lower():
        return BytesResponse(b"", 303, {**headers, "Location": "/docs"}, PAGE.media_type)
    base = base_url_of(runtime_of(request).settings, request.scope)
    index = Index(
        title="Booking API", version=__version__, description_url=f"{base}/openapi.json", reference_url=f"{base}/docs",
        problems_url=f"{base}/problems", public_keys_url=f"{base}/.well-known/jwks.json",
    )  # fmt: skip
    return BytesResponse(msgspec.json.encode(index), 200, headers)


ROUTES = [get_index, get_openapi, get_docs, list_problems, get_problem]
