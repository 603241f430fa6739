"""What every HTTP call has around it."""

import asyncio
import json

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response
from starlette.exceptions import HTTPException

from services.gateway.errors import OverloadedError, UnavailableError
from services.gateway.http.boundary import BoundaryRoute, refusal, unknown_route
from services.gateway.http.server import serving
from services.gateway.settings import GatewaySettings


def failing() -> FastAPI:
    """An application whose only call always fails."""
    app = FastAPI(exception_handlers={HTTPException: unknown_route})
    router = APIRouter(route_class=BoundaryRoute)

    @router.get("/failing")
    async def fails() -> Response:
        raise UnavailableError("recall did not answer")

    app.include_router(router)
    return app


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(failing()), base_url="http://gateway")


def test_a_refusal_names_its_delay() -> None:
    answer = refusal(OverloadedError("too many calls at once", retry_after=0.1201))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert json.loads(bytes(answer.body))["error"] == {
        "status": "RESOURCE_EXHAUSTED",
        "field": "",
        "message": "too many calls at once",
        "retry_after_ms": 121,
    }


async def test_paths_and_methods_that_are_not_there() -> None:
    async with client() as http:
        nowhere = await http.get("/nowhere", headers={"x-request-id": "mine"})
        other = await http.delete("/failing")
    assert (nowhere.status_code, nowhere.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert nowhere.headers["x-request-id"] == "mine"
    assert (other.status_code, other.headers["allow"]) == (405, "GET")
    assert other.headers["x-request-id"]


@pytest.mark.parametrize(
    "sent", [b"\0\1\2\r\n\r\n", b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 66_000)], ids=["noise", "url"]
)
async def test_what_is_no_request_is_answered_in_json(sent: bytes) -> None:
    async with serving(failing(), GatewaySettings(http_port=0)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert json.loads(body)["error"]["status"] == "INVALID_ARGUMENT"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.get("/failing")).status_code == 503  # it serves on
