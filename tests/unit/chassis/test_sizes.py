"""Requests that are too large: refused with both sizes, before anything reads them."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.gateway.http.boundary import MAX_BODY_BYTES
from services.gateway.settings import GatewaySettings

LIMIT = 2048


class Servicer(rerank_pb2_grpc.RerankServiceServicer):  # type: ignore[misc]
    async def Rerank(self, request: Any, context: Any) -> rerank_pb2.RerankResponse:  # noqa: N802
        return rerank_pb2.RerankResponse()


async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
    rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(), server)
    return []


def of_size(size: int) -> rerank_pb2.RerankRequest:
    """A request of so many bytes."""
    query = rerank_pb2.RerankQuery(release="x" * (size - 6))
    request = rerank_pb2.RerankRequest(queries=[query])
    assert request.ByteSize() == size
    return request


async def test_a_request_has_a_limit() -> None:
    settings = ServerSettings(port=0, drain_seconds=0.0, max_request_bytes=LIMIT)
    async with (
        started("t", settings, mount) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = rerank_pb2_grpc.RerankServiceStub(channel)
        await stub.Rerank(of_size(LIMIT))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Rerank(of_size(LIMIT + 1))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert f"({LIMIT + 1} vs. {LIMIT})" in (refused.value.details() or "")
        await stub.Rerank(of_size(LIMIT))  # the connection is still good


def test_the_gateway_takes_as_much_by_grpc_as_by_http() -> None:
    assert GatewaySettings().max_request_bytes == MAX_BODY_BYTES
