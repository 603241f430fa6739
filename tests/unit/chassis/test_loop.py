"""The loop and the intake of a gRPC server whose turns are long."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from services.chassis import intake, loop
from services.chassis.channel import open_channel
from services.chassis.server import started
from services.chassis.settings import ServerSettings

CALLS = 64
COPIES = 16
TURN_SECONDS = 0.002
SERVICE = rerank_pb2.DESCRIPTOR.services_by_name["RerankService"].full_name


class Servicer(rerank_pb2_grpc.RerankServiceServicer):  # type: ignore[misc]
    """Answers at once."""

    async def Rerank(self, request: Any, context: Any) -> rerank_pb2.RerankResponse:  # noqa: N802
        return rerank_pb2.RerankResponse()


async def turns_for(calls: int, many: bool) -> int:
    """Turns of a loop that is busy in each, until so many calls at once are answered, twice."""

    async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        if many:
            intake.take_many(server, SERVICE, ["Rerank"])
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(), server)
        return [SERVICE]

    async with (
        started("t", ServerSettings(port=0), mount) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = rerank_pb2_grpc.RerankServiceStub(channel)
        await stub.Rerank(rerank_pb2.RerankRequest())

        async def ask() -> None:
            for _ in range(2):
                await asyncio.gather(
                    *(stub.Rerank(rerank_pb2.RerankRequest()) for _ in range(calls))
                )

        asked, turns = asyncio.create_task(ask()), 0
        while not asked.done():
            turns += 1
            time.sleep(TURN_SECONDS)
            await asyncio.sleep(0)
        await asked
        return turns


def test_calls_that_come_together_are_taken_together() -> None:
    """As gRPC has it, 2 x 64 calls take at least 4 turns each."""
    few = loop.run(turns_for(CALLS, many=True))
    assert few < 2 * CALLS
    assert loop.run(turns_for(CALLS, many=False)) > 4 * CALLS


def test_copies_cannot_be_called() -> None:
    async def codes() -> set[grpc.StatusCode]:
        server = intake.make_server(interceptors=[intake.TrueNames()])
        intake.take_many(server, SERVICE, ["Rerank"])
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        seen = set()
        async with open_channel(f"127.0.0.1:{port}") as channel:
            for suffix in ("#1", "#.1", "#"):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await channel.unary_unary(f"/{SERVICE}/Rerank{suffix}")(b"", timeout=5)
                seen.add(error.value.code())
        await server.stop(None)
        return seen

    assert loop.run(codes()) == {grpc.StatusCode.UNIMPLEMENTED}


def test_a_call_has_the_name_of_its_method_whichever_copy_took_it() -> None:
    async def names() -> tuple[set[str], set[str]]:
        class Names(grpc.aio.ServerInterceptor):  # type: ignore[misc,type-arg]
            def __init__(self) -> None:
                self.seen: set[str] = set()

            async def intercept_service(self, continuation: Any, details: Any) -> Any:
                self.seen.add(details.method)
                return await continuation(details)

        before, after = Names(), Names()
        server = intake.make_server(interceptors=[before, intake.TrueNames(), after])
        intake.take_many(server, SERVICE, ["Rerank"], COPIES)
        intake.take_many(server, "other.Service", ["Other"])
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with open_channel(f"127.0.0.1:{port}") as channel:
            stub = rerank_pb2_grpc.RerankServiceStub(channel)
            await asyncio.gather(*(stub.Rerank(rerank_pb2.RerankRequest()) for _ in range(CALLS)))
        await server.stop(None)
        return before.seen, after.seen

    copies, true = loop.run(names())
    assert len(copies) == COPIES
    assert true == {f"/{SERVICE}/Rerank"}
