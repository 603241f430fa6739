"""Whether the gRPC that is installed has inside what `loop` and `intake` build on."""

import asyncio

from grpc._cython import cygrpc  # type: ignore[attr-defined]

TAKEN_OVER = ("add_registered_method_handlers", "_request_registered_call")


def missing(loop: asyncio.AbstractEventLoop, server: type = cygrpc.AioServer) -> list[str]:
    """What is not there, of a loop in which a server runs; then calls wait, and nothing fails."""
    methods = [f"AioServer.{name}" for name in TAKEN_OVER if not hasattr(server, name)]
    return methods if getattr(loop, "reads_all", False) else ["the reader of wake-ups", *methods]
