"""How clients by HTTP are told that a gateway ends soon."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.boundary import json_response
from services.gateway.http.encoding import error_json

READINESS = "/readyz"
_CLOSE = (b"connection", b"close")


def leaving(app: ASGIApp, is_leaving: Callable[[], bool]) -> ASGIApp:
    """The ASGI application; from when it leaves, each answer closes its connection.

    A client then opens another one for its next call, which another process may take. Readiness is
    503, for load balancers.
    """

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and is_leaving():
                message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        if is_leaving() and scope["path"] == READINESS:
            response = json_response(error_json("UNAVAILABLE", "it ends soon"), 503)
            await response(scope, receive, closing)
        else:
            await app(scope, receive, closing)

    return answered
