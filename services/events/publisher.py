"""Publishes the statistics of items: the counters of all partitions, added up."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
import redis.asyncio

from services.chassis.log import get_logger
from services.domain.arrays import U64
from services.events.counter_sink import CounterSink, read_counters
from services.events.counters import YOUNG_SECONDS, Counters
from services.events.lease import Lease
from services.events.metrics import ERRORS, FRESHNESS, ITEMS
from services.statistics.decay import KINDS, TAUS, features_of, trending_of
from services.statistics.snapshot import (
    MAX_CLICKERS,
    STATISTICS_KEY,
    Snapshot,
    encode_snapshot,
)

EXPIRY = 7 * 86_400
MAX_YOUNG = 2000
"""Items whose first users are published: those whose first event is newest."""
REST = 9
"""Publishing takes a tenth of the time at most."""
NEGLIGIBLE = 0.01
"""Items are published as long as their counts of a week add up to this."""


def snapshot_of(partitions: Iterable[Counters], now: float, trending: int) -> Snapshot:
    """The statistics of the items of all partitions at one time; `trending`: how many at most."""
    parts = list(partitions)
    keys, places = np.unique(_joined([p.keys for p in parts]), return_inverse=True)
    counts = np.zeros((len(keys), KINDS, len(TAUS)))
    if len(keys):
        np.add.at(counts, places, np.concatenate([p.decayed.at(now)[: len(p)] for p in parts]))
    kept = counts[:, :, -1].sum(axis=1) >= NEGLIGIBLE
    keys, counts = keys[kept], counts[kept]
    rows, scores = trending_of(counts, trending)
    young = _clickers(parts, now)
    return Snapshot(int(now), keys, features_of(counts), keys[rows], scores, young)


def _joined(arrays: Sequence[U64]) -> U64:
    return np.concatenate([np.empty(0, np.uint64), *arrays])


def _clickers(parts: Sequence[Counters], now: float) -> dict[int, tuple[bytes, ...]]:
    """First users by young item, newest item first; an item counts from its first event."""
    first: dict[int, int] = {}
    users: dict[int, tuple[bytes, ...]] = {}
    for part in parts:
        for key, time, clickers in part.young(now - YOUNG_SECONDS, MAX_YOUNG):
            first[key] = min(time, first.get(key, time))
            users[key] = (*users.get(key, ()), *clickers)[:MAX_CLICKERS]
    newest = sorted(users, key=lambda key: -first[key])[:MAX_YOUNG]
    return {key: users[key] for key in newest}


@dataclass(frozen=True, slots=True)
class PublishPace:
    """Seconds between snapshots, how many items are trending, and the clock."""

    seconds: float
    trending: int
    clock: Callable[[], float]


class Publisher:
    """The process with the lease publishes; others stand by."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        sinks: Sequence[CounterSink],
        lease: Lease,
        pace: PublishPace,
    ) -> None:
        """`sinks`: one a partition; what another process counts is read from Redis."""
        self._client = client
        self._sinks = sinks
        self._lease = lease
        self._pace = pace
        self._published = -1.0
        self._log = get_logger("publisher")
        FRESHNESS.set_function(self._age)

    async def run(self) -> None:
        """Until it is cancelled; with very many items less often than told, to leave time."""
        while True:
            start = monotonic()
            try:
                await self.publish()
            except Exception as error:  # noqa: BLE001 - readers keep the last snapshot
                ERRORS.labels(self._lease.name, type(error).__name__).inc()
                self._log.error("not published", error=str(error))
            await asyncio.sleep(max(self._pace.seconds, (monotonic() - start) * REST))

    async def publish(self) -> Snapshot | None:
        """Publishes once; None when another process does it."""
        claim = await self._lease.take()
        if claim is None:
            return None
        parts = [await self._counters(sink) for sink in self._sinks]
        snapshot = snapshot_of(parts, self._pace.clock(), self._pace.trending)
        value = encode_snapshot(snapshot)
        await self._lease.publish(claim, STATISTICS_KEY, value, EXPIRY)
        self._published = snapshot.time
        ITEMS.set(len(snapshot.keys))
        return snapshot

    async def _counters(self, sink: CounterSink) -> Counters:
        if sink.counters is None:
            return await read_counters(self._client, sink.key)
        return sink.counters

    def _age(self) -> float:
        return self._pace.clock() - self._published if self._published >= 0 else -1.0
