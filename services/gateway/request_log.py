"""The log of served requests: what training and the skew check read. Off the path of answers."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias
from zlib import crc32

from redis.asyncio import Redis

from services.chassis.log import get_logger
from services.chassis.redis import RedisError, open_redis
from services.chassis.tasks import end
from services.gateway.metrics import LOGGED, NOT_LOGGED
from services.gateway.request_entry import entry_of
from services.gateway.settings import GatewaySettings
from services.gateway.trace import Trace
from services.journal.pseudonym import pseudonym, read_key
from services.journal.request_columns import REQUESTS
from services.journal.request_payload import encode
from services.journal.streams import FIELD, added, partition, stream

_log = get_logger("gateway")
_HASHES = 2**32

Served: TypeAlias = tuple[Trace, str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class RequestLogConfig:
    """What is logged, and how much of it may wait.

    Attributes:
        key: for the pseudonyms of users.
        share: of all requests, 0 to 1; which ones is decided by their id alone.
        length: entries that a stream keeps when nobody reads it.
        waiting: served requests that wait to be written; those beyond are dropped.
        batch: requests that go to Redis at once; as many are written down without a pause.
        linger: seconds that the first of them waits for others; a call for few costs much each.
    """

    key: bytes
    share: float = 1.0
    length: int = 10_000
    waiting: int = 512
    batch: int = 16
    linger: float = 0.05


class RequestLog:
    """Writes served requests to the streams, in the background.

    Args:
        redis: where the streams are; a client that sends nothing twice.
        config: see there.
    """

    def __init__(self, redis: Redis, config: RequestLogConfig) -> None:
        self._redis: Any = redis
        self._config = config
        self._queue: asyncio.Queue[Served] = asyncio.Queue(config.waiting)
        self._away = False

    def offer(self, trace: Trace, request_id: str, arms: Mapping[str, str] | None = None) -> None:
        """Takes a request that was answered; never waits. `arms`: its user was in."""
        if not sampled(request_id, self._config.share):
            return
        try:
            self._queue.put_nowait((trace, request_id, arms or {}))
        except asyncio.QueueFull:
            NOT_LOGGED.labels("queue").inc()

    async def run(self) -> None:
        """Writes what is offered, until it is cancelled."""
        while True:
            first = await self._queue.get()
            await asyncio.sleep(self._config.linger)
            await self._write([first, *self._waiting(self._config.batch - 1)])
            await self.flush()

    async def flush(self) -> None:
        """Writes what still waits, as long as Redis takes it."""
        while served := self._waiting(self._config.batch):
            if not await self._write(served):
                return

    def _waiting(self, most: int) -> list[Served]:
        return [self._queue.get_nowait() for _ in range(min(most, self._queue.qsize()))]

    async def _write(self, served: Sequence[Served]) -> bool:
        """An entry a request; False when Redis did not take them.

        What Redis may have got is not sent again: a request is in the log once or not at all.
        """
        entries = [entry for one in served if (entry := self._entry(*one))]
        try:
            pipe = self._redis.pipeline(transaction=False)
            limit = (b"MAXLEN", b"~", self._config.length)
            for place, payload in entries:
                name = stream(REQUESTS.name, place)
                pipe.execute_command(b"XADD", name, *limit, b"*", FIELD, payload)
            for place, count in Counter(place for place, _ in entries).items():
                pipe.incrby(added(REQUESTS.name, place), count)
            await pipe.execute()
        except RedisError as error:
            NOT_LOGGED.labels("redis").inc(len(entries))
            if not self._away:
                _log.warning("requests are not logged", error=str(error))
            self._away = True
            return False
        LOGGED.inc(len(entries))
        self._away = False
        return True

    def _entry(
        self, trace: Trace, request_id: str, arms: Mapping[str, str]
    ) -> tuple[int, bytes] | None:
        """The partition and what goes into it; None when the request cannot be written down."""
        try:
            user = pseudonym(trace.request.user_id, self._config.key)
            payload = encode(entry_of(trace, request_id, user, arms))
        except Exception:  # noqa: BLE001 - degrade point: the others are logged
            NOT_LOGGED.labels("error").inc()
            _log.exception("a request is not logged", request=request_id)
            return None
        return partition(user), payload


async def open_request_log(settings: GatewaySettings, stack: AsyncExitStack) -> RequestLog | None:
    """The log of these settings, written until the stack ends; None where it is off.

    Raises:
        StartupError: the address of Redis or the key file cannot be read.
    """
    if not settings.redis_url.get_secret_value() or not settings.log_requests:
        return None
    if settings.pseudonym_key_file is None:
        _log.warning("requests are not logged", hint="set pseudonym_key_file")
        return None
    key = read_key(settings.pseudonym_key_file)
    redis = open_redis(settings.redis_url, settings.redis_login, settings.redis_timeout, retries=0)
    stack.push_async_callback(redis.aclose)
    log = RequestLog(redis, RequestLogConfig(key, settings.log_requests, settings.log_length))
    stack.push_async_callback(log.flush)
    stack.push_async_callback(end, asyncio.create_task(log.run()))
    return log


def sampled(request_id: str, share: float) -> bool:
    """Whether a request is among the share that is logged; the same on every gateway."""
    return share >= 1.0 or crc32(request_id.encode()) < share * _HASHES
