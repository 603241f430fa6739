"""What the events service is made of."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import redis.asyncio

from services.chassis.redis import open_redis
from services.chassis.tasks import end
from services.events.consumer import Consumer, Pace
from services.events.counter_sink import CounterSink
from services.events.entries import Entries
from services.events.lease import Lease
from services.events.parquet_sink import FileLimits, ParquetSink
from services.events.publisher import Publisher, PublishPace
from services.events.settings import EventsSettings
from services.events.upkeep import Keeping, Upkeep, Watched
from services.journal.event import EVENTS
from services.journal.kind import Kind
from services.journal.request_columns import REQUESTS
from services.journal.streams import PARTITIONS, stream

KINDS: Sequence[Kind[Any]] = (EVENTS, REQUESTS)
"""Every kind of entry; each is filed. Events are counted too."""

DAY = 86_400


class EventsService:
    """A consumer a stream and sink, the publisher, the upkeep. Redis need not be there yet.

    Attributes:
        publisher: adds up what the counter sinks hold.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        settings: EventsSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        counted = [self._counter_sink(p) for p in range(PARTITIONS)]
        pace = PublishPace(settings.publish_seconds, settings.trending, clock)
        self.publisher = Publisher(client, counted, self._lease("publisher"), pace)
        keeping = Keeping(settings.log, settings.file_days, settings.publish_seconds, clock)
        self.upkeep = Upkeep(client, [_watched(k, p) for k, p in _streams()], keeping)
        self.consumers = [
            *(self._consumer(EVENTS, p, sink) for p, sink in enumerate(counted)),
            *(self._consumer(kind, p, self._parquet_sink(kind, p)) for kind, p in _streams()),
        ]

    def jobs(self) -> list[Coroutine[Any, Any, None]]:
        """What runs, each until it is cancelled."""
        runs = [consumer.run() for consumer in self.consumers]
        return [*runs, self.publisher.run(), self.upkeep.run()]

    def _counter_sink(self, partition: int) -> CounterSink:
        key = f"{stream(EVENTS.name, partition)}:items"
        return CounterSink(self._client, key, self._settings.idle_days * DAY, self._clock)

    def _parquet_sink(self, kind: Kind[Any], partition: int) -> ParquetSink[Any]:
        settings = self._settings
        limits = FileLimits(
            settings.file_rows, int(settings.file_mb * 2**20), settings.file_seconds
        )
        return ParquetSink(settings.log, (kind, partition), limits, self._clock)

    def _consumer(
        self, kind: Kind[Any], partition: int, sink: CounterSink | ParquetSink[Any]
    ) -> Consumer[Any]:
        records = sink.key if isinstance(sink, CounterSink) else ""
        log = stream(kind.name, partition)
        lease = self._lease(_state(kind, partition, sink.name), records, log)
        quarter = self._settings.lease_seconds / 4
        pace = Pace(wait=min(0.5, quarter, self._settings.redis_timeout / 2), renew=quarter)
        return Consumer(Entries(self._client, kind, partition), sink, lease, pace)

    def _lease(self, name: str, records: str = "", log: str = "") -> Lease:
        return Lease(self._client, name, self._settings.lease_seconds, records, log)


def _streams() -> list[tuple[Kind[Any], int]]:
    return [(kind, partition) for kind in KINDS for partition in range(PARTITIONS)]


def _state(kind: Kind[Any], partition: int, sink: str) -> str:
    return f"{stream(kind.name, partition)}:{sink}"


def _watched(kind: Kind[Any], partition: int) -> Watched:
    sinks = [CounterSink.name, ParquetSink.name] if kind is EVENTS else [ParquetSink.name]
    readers = tuple((sink, _state(kind, partition, sink)) for sink in sinks)
    return Watched(kind.name, partition, readers)


async def run_events(settings: EventsSettings, stack: AsyncExitStack) -> EventsService:
    """Runs the service until the stack ends.

    Raises:
        StartupError: the Redis address or the password file cannot be read.
    """
    # A Redis that was away may have lost its last second: consumers then begin at what is stored.
    client = open_redis(settings.redis_url, settings.redis_login, settings.redis_timeout, retries=0)
    stack.push_async_callback(client.aclose)
    service = EventsService(client, settings)
    tasks = [asyncio.create_task(job) for job in service.jobs()]
    stack.push_async_callback(end, *tasks)
    return service
