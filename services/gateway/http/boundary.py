"""Around every HTTP call: request id, size of the body, errors in one form, no stack trace."""

import json
import time
from collections.abc import Callable, Coroutine
from math import ceil
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.chassis.errors import InvalidArgumentError
from services.chassis.log import get_logger
from services.chassis.request_id import accept, request_id
from services.gateway.errors import NotFoundError, OverloadedError, UnavailableError
from services.gateway.http.encoding import Json, error_json
from services.gateway.metrics import http_seconds

HEADER = "x-request-id"
MAX_BODY_BYTES = 4 * 1024 * 1024
_STATUS_NAMES = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def json_response(body: Json, code: int = 200) -> Response:
    """A body of plain data, as compact JSON."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(errors="replace"), code, media_type="application/json")


class BoundaryRoute(APIRoute):
    """A route whose handler always ends with a JSON answer."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            current = accept(request.headers.get(HEADER))
            token = request_id.set(current)
            start = time.perf_counter()
            try:
                response = await inner(_LimitedRequest(request.scope, request.receive))
            except Exception as error:  # noqa: BLE001 - the boundary of the process
                response = _error_response(error)
            finally:
                request_id.reset(token)
            response.headers[HEADER] = current
            seconds = time.perf_counter() - start
            http_seconds(self.path_format, response.status_code).observe(seconds)
            return response

        return bounded


class _LimitedRequest(Request):
    """A request whose body has a limit."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            chunks, size = [], 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise InvalidArgumentError("body", f"at most {MAX_BODY_BYTES} bytes")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body


async def unknown_route(request: Request, error: Exception) -> Response:
    """Handler for paths and methods that are not there."""
    response = _error_response(error)
    response.headers[HEADER] = accept(request.headers.get(HEADER))
    return response


def _error_response(error: Exception) -> Response:
    match error:
        case InvalidArgumentError(field=field, message=message):
            return json_response(error_json("INVALID_ARGUMENT", message, field), 400)
        case RequestValidationError():
            field, message = _first_error(error)
            return json_response(error_json("INVALID_ARGUMENT", message, field), 400)
        case NotFoundError(field=field, message=message):
            return json_response(error_json("NOT_FOUND", message, field), 404)
        case UnavailableError():
            return json_response(error_json("UNAVAILABLE", str(error)), 503)
        case HTTPException(__cause__=InvalidArgumentError() as cause):  # from reading the body
            return _error_response(cause)
        case HTTPException(status_code=code, detail=detail, headers=headers):
            status = _STATUS_NAMES.get(code, "INVALID_ARGUMENT")
            response = json_response(error_json(status, str(detail)), code)
            response.headers.update(headers or {})  # Allow: the methods that are there
            return response
    get_logger("http").error("call failed", exc_info=error)
    return json_response(error_json("INTERNAL", "internal error"), 500)


def refusal(error: OverloadedError) -> Response:
    """The header has whole seconds; who can wait shorter reads the body."""
    milliseconds = ceil(error.retry_after * 1000)
    response = json_response(error_json(error.code, str(error), retry_after_ms=milliseconds), 429)
    response.headers["retry-after"] = str(ceil(error.retry_after))
    return response


def _first_error(error: RequestValidationError) -> tuple[str, str]:
    """Field and message of the first thing that could not be read, such as ("k", ...)."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if isinstance(error.body, bytes):  # so it is when it was not declared to be JSON
        return "body", "must be JSON, with the header content-type: application/json"
    if first["type"] == "json_invalid":
        return "body", f"not JSON: {first['ctx']['error']}"
    return ".".join(path[1:]) or path[0], str(first["msg"])
