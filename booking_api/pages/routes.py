"""The document and the pages over HTTP."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from booking_api.core.errors import NotFound, known_errors
from booking_api.core.http import Access, Binary, endpoint
from booking_api.core.replies import JSON, etag_matches, runtime_of
from booking_api.core.secrets import content_etag
from booking_api.pages.document import document, encode
from booking_api.pages.markup import CONTENT_SECURITY_POLICY
from booking_api.pages.problem_pages import render_problem, render_problem_list
from booking_api.pages.reference import render_reference

TAG = "Operations"
SITE = "pages.site"
ANYBODY = Access(anonymous=True)
PAGE = Binary("text/html", "The page.", is_text=True)


class Page(msgspec.Struct, frozen=True):
    content: bytes
    etag: str


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
    return Page(content, content_etag(content))


async def site_of(request: Request[Any, Any, Any]) -> Site:
    """The pages of this process; the first to ask makes them, off the event loop, and the others wait for them.

    Never twice at once: CPython 3.11's parser counts its depth for all threads together, and fails.
    """
    runtime = runtime_of(request)
    making: asyncio.Future[Site] | None = runtime.caches.get(SITE)
    if making is None:
        handlers = [handler for route in request.app.routes for handler in getattr(route, "route_handlers", ())]
        making = asyncio.get_running_loop().run_in_executor(runtime.threads, build_site, handlers)
        runtime.caches[SITE] = making
    try:
        return await asyncio.shield(making)
    except Exception:
        runtime.caches.pop(SITE, None)
        raise


def answer(request: Request[Any, Any, Any], page: Page, media_type: str) -> Response[bytes]:
    headers = {"ETag": page.etag, "Cache-Control": "public, no-cache"}
    if etag_matches(request.headers.get("if-none-match"), page.etag):
        return Response(b"", status_code=304, headers=headers)
    if media_type == PAGE.media_type:
        headers |= {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Content-Language": "en",
            "Referrer-Policy": "no-referrer",
        }
    return Response(page.content, headers=headers, media_type=media_type)


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


ROUTES = [get_openapi, get_docs, list_problems, get_problem]
