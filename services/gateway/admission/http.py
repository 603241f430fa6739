"""The same door for calls by HTTP: before routing, and before a body is read."""

import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from services.chassis.request_id import accept
from services.gateway.admission.admission import Admission
from services.gateway.admission.priority import Priority, of_list
from services.gateway.admission.rate import CLIENT_KEY
from services.gateway.errors import OverloadedError
from services.gateway.http.boundary import HEADER, json_response
from services.gateway.http.encoding import error_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

API = "/v1/"
_KEY, _REQUEST_ID = CLIENT_KEY.encode(), HEADER.encode()


def admitted(app: App, admission: Admission) -> App:
    """The ASGI application behind the door; health, metrics and documentation are before it."""

    async def entered(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await app(scope, receive, send)
            return
        priority = priority_of(scope["method"], scope["path"], scope["query_string"])
        key = _header(scope["headers"], _KEY) if admission.rate.on else ""
        try:
            with admission.admitted(priority, key):
                await app(scope, receive, send)
        except OverloadedError as error:
            await _refused(scope["headers"], error)(scope, receive, send)

    return entered


def priority_of(method: str, path: str, query: bytes) -> Priority:
    """What a call of the API is worth; everything that is not a list is a write."""
    if method != "GET":
        return Priority.WRITE
    kind = path.rsplit("/", 1)[-1]
    if kind == "recommendations":
        user = "" if path.startswith(f"{API}sessions/") else "somebody"
        return of_list(user, "given" if b"page_token=" in query else "")
    return {"similar": Priority.SIMILAR, "explain": Priority.EXPLAIN}.get(kind, Priority.WRITE)


def _refused(headers: Headers, error: OverloadedError) -> App:
    milliseconds = round(error.retry_after * 1000)
    body = error_json(error.code, str(error), retry_after_ms=milliseconds)
    response = json_response(body, 429)
    response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    response.headers[HEADER] = accept(_header(headers, _REQUEST_ID) or None)
    return response


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
