"""Both clients against a real gateway server that is scripted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc

from recstack import AsyncClient, Client
from recstack.client import (
    ClientError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    ServerFailedError,
    UnavailableError,
)
from recstack.reflection import CallFailedError, ReflectionCaller
from tests.redis import free_port


class Scripted(gateway_pb2_grpc.RecommendationServiceServicer):
    """Fails with the codes in `script`, one a call, then answers."""

    def __init__(self) -> None:
        self.script: list[grpc.StatusCode] = []
        self.calls = 0

    async def Recommend(self, request: Any, context: Any) -> Any:  # noqa: N802 - an rpc
        self.calls += 1
        if self.script:
            await context.abort(self.script.pop(0), "as scripted")
        items = [gateway_pb2.RecommendedItem(item_id=request.user_id)]
        return gateway_pb2.RecommendResponse(items=items)


class Gateway:
    """The server, and what it was told to do."""

    def __init__(self, port: int, servicer: Scripted) -> None:
        self.address = f"127.0.0.1:{port}"
        self.servicer = servicer

    async def ask(self, kind: type[Client] | type[AsyncClient]) -> list[str]:
        """Ids of the list that a client gets; the blocking one runs on a thread."""
        if kind is Client:

            def blocking() -> list[str]:
                with Client(self.address) as client:
                    return [item.item_id for item in client.recommend("7").items]

            return await asyncio.to_thread(blocking)
        async with AsyncClient(self.address) as client:
            return [item.item_id for item in (await client.recommend("7")).items]


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    server = grpc.aio.server()
    servicer = Scripted()
    gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Gateway(port, servicer)
    await server.stop(None)


BOTH = pytest.mark.parametrize("kind", [Client, AsyncClient])


@BOTH
async def test_one_refused_connection_is_tried_again(gateway: Gateway, kind: Any) -> None:
    gateway.servicer.script = [grpc.StatusCode.UNAVAILABLE]
    assert await gateway.ask(kind) == ["7"]
    assert gateway.servicer.calls == 2


@BOTH
@pytest.mark.parametrize(
    ("code", "error", "calls"),
    [
        (grpc.StatusCode.UNAVAILABLE, UnavailableError, 2),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, UnavailableError, 1),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequestError, 1),
        (grpc.StatusCode.NOT_FOUND, NotFoundError, 1),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceededError, 1),
        (grpc.StatusCode.INTERNAL, ServerFailedError, 1),
    ],
)
async def test_each_code_is_an_error_of_its_own(
    gateway: Gateway, kind: Any, code: grpc.StatusCode, error: type[ClientError], calls: int
) -> None:
    gateway.servicer.script = [code, code]
    with pytest.raises(error, match="as scripted"):
        await gateway.ask(kind)
    assert gateway.servicer.calls == calls


@BOTH
async def test_nobody_there_is_unavailable(kind: Any) -> None:
    with pytest.raises(UnavailableError):
        await Gateway(free_port(), Scripted()).ask(kind)


async def test_reflection_needs_somebody_there() -> None:
    def services() -> list[str]:
        with grpc.insecure_channel(f"127.0.0.1:{free_port()}") as channel:
            return ReflectionCaller(channel, timeout=0.2).services()

    with pytest.raises(CallFailedError, match="nobody answers"):
        await asyncio.to_thread(services)
