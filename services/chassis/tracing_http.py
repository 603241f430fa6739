"""The span of each HTTP call that a service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.chassis import tracing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.chassis.tracing_spans import Tracing


def traced(app: ASGIApp, prefix: str) -> ASGIApp:
    """The ASGI application; its paths that start with `prefix` have spans if there are traces."""
    active = tracing.active()
    return app if active is None else _TracedApp(app, prefix, active)


class _TracedApp:
    """The span says which route was taken, never the path: that may hold the id of a user."""

    def __init__(self, app: ASGIApp, prefix: str, tracing: Tracing) -> None:
        self._app = app
        self._prefix = prefix
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        with self._tracing.server(scope["method"], headers) as span:
            span.set_attribute("http.request.method", scope["method"])

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        self._tracing.failed(span, str(message["status"]))
                await send(message)

            try:
                await self._app(scope, receive, answer)
            finally:
                route = getattr(scope.get("route"), "path", "")
                span.set_attribute("http.route", route)
                span.update_name(f"{scope['method']} {route}".strip())
