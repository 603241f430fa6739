"""A service process for test_leaving: `python -m tests.unit.chassis.leaver LAME_DUCK_SECONDS`."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc
from recsys.rerank.v1 import rerank_pb2, rerank_pb2_grpc

from services.chassis.server import Lifetime, run
from services.chassis.settings import ServerSettings, from_environment


class Settings(ServerSettings):
    port: int = 0
    reuse_port: bool = True
    drain_seconds: float = 60.0


class Servicer(rerank_pb2_grpc.RerankServiceServicer):  # type: ignore[misc]
    """A query for the release "hang" has no end."""

    async def Rerank(self, request: Any, context: Any) -> rerank_pb2.RerankResponse:  # noqa: N802
        if request.queries[0].release == "hang":
            await asyncio.Event().wait()
        return rerank_pb2.RerankResponse()


async def mount(server: grpc.aio.Server, _lifetime: Lifetime) -> Sequence[str]:
    rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(), server)
    return [rerank_pb2.DESCRIPTOR.services_by_name["RerankService"].full_name]


if __name__ == "__main__":
    told = from_environment(Settings)
    changed = {"port": int(sys.argv[1]), "lame_duck_seconds": float(sys.argv[2])}
    raise SystemExit(run("leaver", told.model_copy(update=changed), mount))
