"""Runs the recall service: `python -m services.recall`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc
from recsys.recall.v1 import recall_pb2_grpc

from services.chassis.server import Mount, run
from services.chassis.settings import from_environment
from services.inference.servicer import serve_releases
from services.inference.stage import ReleaseStage
from services.inference.startup import load_slots
from services.recall.live_state import followed
from services.recall.pipeline import open_recall
from services.recall.servicer import NAME, RecallServicer
from services.recall.settings import RecallSettings
from services.recall.slots import LiveSlots, SimilarSlots


def mounted(settings: RecallSettings) -> Mount:
    """Mounts recall with the release of the settings."""

    async def mount(server: grpc.aio.Server, stack: AsyncExitStack) -> Sequence[str]:
        slots = await load_slots(settings, partial(open_recall, settings=settings))
        live = await stack.enter_async_context(followed(slots, settings))
        recall, similar = LiveSlots(slots, live), SimilarSlots(slots, live)
        servicer = RecallServicer(ReleaseStage(recall), ReleaseStage(similar))
        recall_pb2_grpc.add_RecallServiceServicer_to_server(  # type: ignore[no-untyped-call]
            servicer, server
        )
        return [NAME, serve_releases(slots, server)]

    return mount


if __name__ == "__main__":
    settings = from_environment(RecallSettings)
    raise SystemExit(run("recall", settings, mounted(settings)))
