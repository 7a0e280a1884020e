"""The HTTP application: the lifespan, the mapping of errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from litestar import Litestar
from litestar.datastructures import State
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from booking_api.capabilities import all_metrics, all_routes
from booking_api.core.log import configure_logging
from booking_api.core.runtime import CLOSING
from booking_api.core.settings import Settings, load_settings
from booking_api.core.web.cors import make_preflight
from booking_api.core.web.dispatch import dispatched
from booking_api.core.web.http import options_handlers
from booking_api.core.web.inputs import ApiRequest
from booking_api.core.web.management_port import open_management_port
from booking_api.core.web.metrics import answer_metrics
from booking_api.core.web.middleware import compressed, observe
from booking_api.core.web.problems import answer_exception, refuse_unrouted
from booking_api.identity.authentication import authenticate
from booking_api.run.lifetime import open_runtime

MAX_BODY_BYTES = 256 * 1024


class LeanLitestar(Litestar):
    """Litestar without its plugins for Pydantic and attrs, which it loads wherever these happen to be installed.

    Nothing here speaks of either, and Pydantic alone would cost each process nine megabytes. Should Litestar ask for
    its default plugins in another way one day, they are loaded again and nothing else changes.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def create_app(settings: Settings | None = None) -> Litestar:
    """The application. Its runtime opens with the lifespan, so that making it touches nothing."""
    settings = settings or load_settings()
    configure_logging(settings)
    routes = all_routes()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_runtime(settings) as runtime:
            app.state.runtime = runtime
            asyncio.get_running_loop().add_signal_handler(CLOSING, runtime.closing.set)
            async with AsyncExitStack() as opened:
                if settings.metrics_port:
                    answer = partial(answer_metrics, runtime, all_metrics())
                    opened.push_async_exit(
                        await open_management_port(settings.host, settings.metrics_port, answer, shared=True)
                    )
                yield

    app = LeanLitestar(
        route_handlers=[*options_handlers(routes), *routes],
        guards=[authenticate],
        lifespan=[lifespan],
        state=State({"settings": settings}),
        exception_handlers={Exception: answer_exception},  # type: ignore[dict-item]
        openapi_config=None,
        request_class=ApiRequest,
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
    )
    # Outside of Litestar's routing, so that an unknown path too has a request id, a log line and its metrics.
    served = dispatched(app, authenticate, answer_exception)
    preflight = make_preflight(app.asgi_router.handle_routing, routes)
    app.asgi_handler = observe(served, compressed(served), refuse_unrouted, preflight)
    return app
