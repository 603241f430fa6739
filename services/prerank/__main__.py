"""Runs the prerank service: `python -m services.prerank`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc
from recsys.prerank.v1 import prerank_pb2_grpc

from services.chassis.server import Mount, run
from services.chassis.settings import from_environment
from services.inference.servicer import serve_releases
from services.inference.stage import ReleaseStage
from services.inference.startup import load_slots
from services.prerank.pipeline import open_prerank
from services.prerank.servicer import NAME, PrerankServicer
from services.prerank.settings import PrerankSettings


def mounted(settings: PrerankSettings) -> Mount:
    """Mounts prerank with the release of the settings."""

    async def mount(server: grpc.aio.Server, stack: AsyncExitStack) -> Sequence[str]:
        slots = await load_slots(settings, open_prerank)
        prerank_pb2_grpc.add_PrerankServiceServicer_to_server(  # type: ignore[no-untyped-call]
            PrerankServicer(ReleaseStage(slots)), server
        )
        return [NAME, serve_releases(slots, server)]

    return mount


if __name__ == "__main__":
    settings = from_environment(PrerankSettings)
    raise SystemExit(run("prerank", settings, mounted(settings)))
