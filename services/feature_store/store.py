"""Batches of commands on users, with their scripts."""

import asyncio
import re
import time
from collections.abc import Sequence

import hiredis

from services.domain.outcome import Failure, Reason
from services.feature_store.connection import Command, LinkError, Reply
from services.feature_store.link import RedisLink
from services.feature_store.metrics import REDIS_ERRORS, redis_seconds
from services.feature_store.records import RecordError
from services.feature_store.script import BY_SHA

_CORRUPT = re.compile(r"CORRUPT (\S+)")
# Redis is there but cannot serve now; the command was not run.
_NOT_NOW = {
    "LOADING",
    "OOM",
    "READONLY",
    "MISCONF",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY",
    "TRYAGAIN",
}


class Store:
    """Runs one batch in one round trip; in two when Redis has lost a script."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def execute(
        self, operation: str, commands: Sequence[Command], timeout: float
    ) -> list[Reply]:
        """A reply for each command, in order; error replies are returned, not raised.

        `timeout`: seconds; `operation`: the label of the metric.

        Raises:
            LinkError: nothing came back in time, or there is no Redis.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        start = time.perf_counter()
        try:
            replies = await self._link.execute(commands, timeout)
            unknown = [i for i, reply in enumerate(replies) if _script_unknown(reply)]
            if unknown:
                texts = [BY_SHA[commands[i][1]].as_text(commands[i]) for i in unknown]
                left = deadline - asyncio.get_running_loop().time()
                for i, reply in zip(unknown, await self._link.execute(texts, left), strict=True):
                    replies[i] = reply
            return replies
        except LinkError as error:
            REDIS_ERRORS.labels(operation, error.failure.reason.value).inc()
            raise
        finally:
            redis_seconds(operation).observe(time.perf_counter() - start)


def failure_of(error: hiredis.ReplyError) -> Failure:
    """What an error reply means for its query."""
    text = str(error)
    if corrupt := _CORRUPT.search(text):
        return Failure(Reason.INTERNAL, str(RecordError(corrupt.group(1))))
    reason = Reason.UNAVAILABLE if text.split(" ", 1)[0] in _NOT_NOW else Reason.INTERNAL
    return Failure(reason, f"Redis: {text}")


def _script_unknown(reply: Reply) -> bool:
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT")
