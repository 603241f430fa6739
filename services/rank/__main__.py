"""Runs the rank service: `python -m services.rank`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc
from recsys.rank.v1 import rank_pb2_grpc

from services.chassis.server import Mount, run
from services.chassis.settings import from_environment
from services.inference.servicer import serve_releases
from services.inference.stage import ReleaseStage
from services.inference.startup import load_slots
from services.rank.pipeline import open_rank
from services.rank.servicer import NAME, RankServicer
from services.rank.settings import RankSettings


def mounted(settings: RankSettings) -> Mount:
    """Mounts rank with the release of the settings."""

    async def mount(server: grpc.aio.Server, stack: AsyncExitStack) -> Sequence[str]:
        slots = await load_slots(settings, open_rank)
        rank_pb2_grpc.add_RankServiceServicer_to_server(  # type: ignore[no-untyped-call]
            RankServicer(ReleaseStage(slots)), server
        )
        return [NAME, serve_releases(slots, server)]

    return mount


if __name__ == "__main__":
    settings = from_environment(RankSettings)
    raise SystemExit(run("rank", settings, mounted(settings)))
