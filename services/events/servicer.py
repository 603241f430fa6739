"""The events service as a server: health and metrics; it has no rpcs."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import grpc

from services.events.pipeline import run_events
from services.events.settings import EventsSettings


async def mount(
    settings: EventsSettings, server: grpc.aio.Server, stack: AsyncExitStack
) -> Sequence[str]:
    """Starts the work; Redis need not be there.

    Raises:
        StartupError: the Redis address or the password file cannot be read.
    """
    await run_events(settings, stack)
    return ()
