"""The same door for calls by HTTP: before routing, and before a body is decoded."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.request_id import accept
from services.gateway.admission.admission import Admission
from services.gateway.admission.body import GoneError, LateError, with_body
from services.gateway.admission.priority import Priority, of_list
from services.gateway.admission.rate import CLIENT_KEY
from services.gateway.errors import OverloadedError
from services.gateway.http.boundary import HEADER, json_response, refusal
from services.gateway.http.encoding import error_json

Headers = Sequence[tuple[bytes, bytes]]

API = "/v1/"
BODY_SECONDS = 5.0
_KEY, _REQUEST_ID = CLIENT_KEY.encode(), HEADER.encode()


def admitted(app: ASGIApp, admission: Admission, body_seconds: float = BODY_SECONDS) -> ASGIApp:
    """The ASGI application behind the door; health, metrics and documentation are before it.

    A call takes a place when its body is there, for which it has `body_seconds`. When there is no
    place, the body is not read.
    """

    async def entered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await app(scope, receive, send)
            return
        priority = priority_of(scope["method"], scope["path"], scope["query_string"])
        key = _header(scope["headers"], _KEY) if admission.rate.on else ""
        try:
            if scope["method"] != "GET":  # no GET of the API reads a body
                admission.check_room(priority)
                receive = await with_body(receive, body_seconds)
            with admission.admitted(priority, key):
                await app(scope, receive, send)
            return
        except OverloadedError as error:
            response = refusal(error)
        except LateError as error:
            response = _late(error)
        except GoneError:
            return
        response.headers[HEADER] = accept(_header(scope["headers"], _REQUEST_ID) or None)
        await response(scope, receive, send)

    return entered


def priority_of(method: str, path: str, query: bytes) -> Priority:
    """What a call of the API is worth; everything that is not a list is a write."""
    if method != "GET":
        return Priority.WRITE
    kind = path.rsplit("/", 1)[-1]
    if kind == "recommendations":
        user = "" if path.startswith(f"{API}sessions/") else "somebody"
        return of_list(user, "given" if _has_page_token(query) else "")
    return {"similar": Priority.SIMILAR, "explain": Priority.EXPLAIN}.get(kind, Priority.WRITE)


def _has_page_token(query: bytes) -> bool:
    """As the application reads it: of several the last counts, and an empty one is none."""
    if b"page_token=" not in query:
        return False
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return bool(dict(pairs).get("page_token"))


def _late(error: LateError) -> Response:
    response = json_response(error_json("DEADLINE_EXCEEDED", str(error), "body"), 408)
    response.headers["connection"] = "close"  # the rest of the body may still come
    return response


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
