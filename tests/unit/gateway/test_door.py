"""What a client is told when the door is shut, by gRPC and by HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.gateway.admission.admission import Admission, AdmissionSettings
from services.gateway.admission.http import admitted
from services.gateway.admission.lag import LoopLag
from services.gateway.admission.limit import LimitSettings
from services.gateway.admission.priority import Priority
from services.gateway.admission.rate import RateSettings
from services.gateway.http.boundary import MAX_BODY_BYTES
from services.gateway.http.leaving import leaving
from services.gateway.http.server import serving
from services.gateway.mount import MANY, SOME
from services.gateway.servicer import NAME, Door, RecommendationServicer
from services.gateway.settings import GatewaySettings
from tests.unit.gateway.world import World

KEY = "x-client-key"


def small(rate: float = 0.0) -> Admission:
    """Room for one call; half as much for similar items."""
    settings = AdmissionSettings(LimitSettings(least=1, most=1), RateSettings(rate, burst=1))
    return Admission(settings, time.monotonic, LoopLag(time.monotonic), lambda: 0.5)


@asynccontextmanager
async def stub_of(
    world: World, admission: Admission
) -> AsyncIterator[gateway_pb2_grpc.RecommendationServiceStub]:
    async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        servicer = RecommendationServicer(world.gateway, Door(admission))
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(servicer, server)
        return [NAME]

    async with (
        started("t", ServerSettings(port=0, drain_seconds=0.0), mount) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield gateway_pb2_grpc.RecommendationServiceStub(channel)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An application that says 200."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def length(scope: Any, receive: Any, send: Any) -> None:
    """An application that says how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


@asynccontextmanager
async def half_sent(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """A POST whose body stops in the middle; the server says 100 when it begins to read it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/events HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    try:
        yield reader
    finally:
        writer.close()


def http(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_a_refused_rpc_says_when_to_come_again(world: World) -> None:
    admission = small()
    async with stub_of(world, admission) as stub:
        with admission.admitted(Priority.WRITE):
            for call in (
                stub.Recommend(pb.RecommendRequest(user_id="1")),
                stub.SimilarItems(pb.SimilarItemsRequest(item_id="1")),
                stub.RecordEvents(pb.RecordEventsRequest()),
                stub.Explain(pb.ExplainRequest()),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert dict(refused.value.trailing_metadata() or ())["retry-after-ms"] == "100"
        await stub.Recommend(pb.RecommendRequest(user_id="1"))
    assert admission.in_flight == 0


async def test_a_client_key_has_its_rate(world: World) -> None:
    async with stub_of(world, small(rate=0.1)) as stub:
        for key in ("a", "b"):
            await stub.Recommend(pb.RecommendRequest(user_id="1"), metadata=((KEY, key),))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Recommend(pb.RecommendRequest(user_id="1"), metadata=((KEY, "a"),))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        delay = dict(refused.value.trailing_metadata() or ())["retry-after-ms"]
        assert 0 < int(delay) <= 10_000


async def test_a_refusal_by_http() -> None:
    admission = small()
    async with http(admitted(answer, admission)) as client:
        with admission.admitted(Priority.WRITE):
            refused = await client.post("/v1/events", headers={"x-request-id": "r1"}, content=b"{")
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["x-request-id"] == "r1"
            error = refused.json()["error"]
            assert (error["status"], error["retry_after_ms"]) == ("RESOURCE_EXHAUSTED", 100)
            for path in ("/healthz", "/metrics", "/stats"):
                assert (await client.get(path)).status_code == 200
        assert (await client.post("/v1/events")).status_code == 200


async def test_a_client_key_by_http() -> None:
    async with http(admitted(answer, small(rate=0.1))) as client:
        codes = [
            (await client.get("/v1/users/1/recommendations", headers={KEY: key})).status_code
            for key in ("a", "b", "a")
        ]
    assert codes == [200, 200, 429]


async def test_who_leaves_closes_connections_and_is_not_ready() -> None:
    left = False
    async with http(leaving(answer, lambda: left)) as client:
        assert "connection" not in (await client.get("/v1/x")).headers
        assert (await client.get("/readyz")).status_code == 200
        left = True
        assert (await client.get("/v1/x")).headers["connection"] == "close"
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_half_a_body_takes_no_place() -> None:
    admission = small()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            serving(admitted(length, admission), GatewaySettings(http_port=0))
        )
        for _ in range(3):
            reader = await stack.enter_async_context(half_sent(port))
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert admission.in_flight == 0
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address) as client:
            answer = await client.post("/v1/events", content=b"x" * 70_000)
        assert (answer.status_code, answer.text) == (200, "70000")
    assert not admission.refused


async def test_half_a_body_has_its_time() -> None:
    app = admitted(length, small(), body_seconds=0.01)
    async with serving(app, GatewaySettings(http_port=0)) as port, half_sent(port) as reader:
        sent = await reader.read()  # up to the end of the connection
        assert b"\r\n\r\nHTTP/1.1 408 Request Timeout\r\n" in sent
        assert b"x-request-id: " in sent
        assert b'"status":"DEADLINE_EXCEEDED"' in sent


async def test_where_there_is_no_place_no_body_is_read() -> None:
    admission = small()
    app = admitted(length, admission)
    async with serving(app, GatewaySettings(http_port=0)) as port:
        with admission.admitted(Priority.WRITE):
            async with half_sent(port) as reader:
                assert await reader.readline() == b"HTTP/1.1 429 Too Many Requests\r\n"


async def test_of_a_body_that_is_too_long_the_rest_is_not_read() -> None:
    sent = 0

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 2**20
        return {"type": "http.request", "body": bytes(2**20), "more_body": True}

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "headers": []}
    await admitted(length, small())(scope, receive, send)
    assert MAX_BODY_BYTES < sent <= MAX_BODY_BYTES + 2**20
    assert int(answers[1]["body"]) == sent, "the application sees that it is too long"


def test_all_calls_that_many_make_are_taken_together() -> None:
    assert {*MANY, *SOME} == {"Recommend", "RecordEvents", "SimilarItems"}
