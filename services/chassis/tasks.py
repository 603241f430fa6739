"""Background work of a service."""

import asyncio
from collections.abc import Collection
from typing import Any

_AGAIN_SECONDS = 0.2


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels tasks and waits until they have ended; what they raise is dropped.

    A task is cancelled again while it goes on: redis-py loses a cancellation now and then that
    comes at the same moment as a reply.
    """
    left: Collection[asyncio.Task[Any]] = tasks
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
