"""What calls answer, for OpenAPI; the answers themselves are built as plain data."""

from typing import Any, Final, Literal

from fastapi import Response

from services.gateway.http.encoding import Json, error_json
from services.gateway.http.models import ErrorResponse

_DELAY: Final = 120  # milliseconds, in the example
Status = int | Literal["default"]
_FAILURES: Final[dict[Status, tuple[str, Json]]] = {
    400: (
        "A field is wrong; `field` names it. Asking again the same way does not help.",
        error_json("INVALID_ARGUMENT", "must be 1 to 100, not 0", "k"),
    ),
    404: (
        "There is no such item or user.",
        error_json("NOT_FOUND", "neither the release nor the item table has this item", "item_id"),
    ),
    408: (
        "The request's body did not come in 5 seconds; nothing was done.",
        error_json("DEADLINE_EXCEEDED", "it did not come in 5 s", "body"),
    ),
    429: (
        "Refused before anything was done, by the rate limit of the client key or for lack of "
        "capacity: ask again after the delay.",
        error_json("RESOURCE_EXHAUSTED", "too many calls at once", retry_after_ms=_DELAY),
    ),
    503: (
        "Cannot be answered now, or the gateway is about to end: ask again, or another gateway.",
        error_json("UNAVAILABLE", "recall did not answer (TIMEOUT)"),
    ),
    "default": (
        "500: a defect; the log has it under the request id.",
        error_json("INTERNAL", "internal error"),
    ),
}
_REQUEST_ID: Final = {
    "x-request-id": {
        "description": "What the logs of the services have the call under.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    }
}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds, rounded up; `retry_after_ms` is exact.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
OF_ALL: Final[tuple[Status, ...]] = (400, 408, 429, 503, "default")


def answers(model: type[Any], *also: Status) -> Json:
    """Arguments of a route whose answers have the form of `model`; `also`: further statuses."""
    good = {"model": model, "description": "It is done.", "headers": _REQUEST_ID}
    failures = {code: _failure(code) for code in (*OF_ALL, *also)}
    return {"response_model": None, "responses": {200: good, **failures}}


def operation(model: type[Any]) -> Json:
    """The same for those who run it, whose calls are never refused."""
    good = {"model": model, "description": "It is so.", "headers": _REQUEST_ID}
    return {"response_model": None, "responses": {200: good, "default": _failure("default")}}


def text(media_type: str) -> Json:
    """Arguments of a route that answers with text."""
    content = {media_type: {"schema": {"type": "string"}}}
    good = {"description": "As text.", "content": content, "headers": _REQUEST_ID}
    return {"response_class": Response, "responses": {200: good, "default": _failure("default")}}


def _failure(code: Status) -> Json:
    description, example = _FAILURES[code]
    headers = {**_REQUEST_ID, **(_RETRY_AFTER if code == 429 else {})}
    content = {"application/json": {"example": example}}
    return {
        "model": ErrorResponse,
        "description": description,
        "headers": headers,
        "content": content,
    }
