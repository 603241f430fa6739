"""What a call answers, for OpenAPI; the answer itself is built as plain data."""

from typing import Any

from services.gateway.http.models import ErrorResponse


def answers(model: type[Any]) -> dict[str, Any]:
    """Arguments of a route whose answers have the form of `model`."""
    error = {
        "model": ErrorResponse,
        "description": "400: a field is wrong, `field` names it; 404: there is no such item or "
        "user; 503: cannot be answered now, try again later.",
    }
    return {"response_model": None, "responses": {200: {"model": model}, "default": error}}
