"""Runs the rerank service: `python -m services.rerank`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc
from recsys.rerank.v1 import rerank_pb2_grpc

from services.chassis.server import Mount, run
from services.chassis.settings import from_environment
from services.inference.servicer import serve_releases
from services.inference.stage import ReleaseStage
from services.inference.startup import load_slots
from services.rerank.pipeline import open_rerank
from services.rerank.servicer import NAME, RerankServicer
from services.rerank.settings import RerankSettings


def mounted(settings: RerankSettings) -> Mount:
    """Mounts rerank with the release of the settings."""

    async def mount(server: grpc.aio.Server, stack: AsyncExitStack) -> Sequence[str]:
        slots = await load_slots(settings, partial(open_rerank, settings=settings))
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(  # type: ignore[no-untyped-call]
            RerankServicer(ReleaseStage(slots)), server
        )
        return [NAME, serve_releases(slots, server)]

    return mount


if __name__ == "__main__":
    settings = from_environment(RerankSettings)
    raise SystemExit(run("rerank", settings, mounted(settings)))
