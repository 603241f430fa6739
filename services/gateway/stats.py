"""Latency and outcomes of the last five minutes, by second, in arrays that add up over workers.

A series is one row of integers: COUNTERS, then latency buckets. Bucket 0 holds latencies up to
FIRST_BOUND seconds; each further one is RATIO times as wide; the last holds all that is longer.
A percentile is the geometric middle of its bucket, at most 2.4 % from the true one (for latencies
between FIRST_BOUND, 16 µs, and the last bound, 63 seconds). The bounds of exported histograms are
among those of these buckets, every tenth.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from services.domain.arrays import I64
from services.gateway.resilience.budget import Clock
from services.gateway.trace import Step

COUNTERS = (
    "requests",
    "errors",
    "degraded",
    "empty",
    "short",
    "received",
    "kept",
    "microseconds",
)
FIRST_BOUND = 10**-4.8
RATIO = 10**0.02
BUCKETS = 332
WIDTH = len(COUNTERS) + BUCKETS
SLOTS = 300
WINDOWS = (10, 60, 300)

WHOLE = ("Recommend", "SimilarItems", "RecordEvents", "Explain", "Items", "Users")
STAGES = (
    "feature_store",
    "recall",
    "prerank",
    "rank",
    "rerank",
    "seen",
    "similar",
    "events",
    "profiles",
    "erasures",
)
SERIES = WHOLE + STAGES

_STEP = math.log(RATIO)


def bucket_of(seconds: float) -> int:
    """The bucket of a latency."""
    if seconds <= FIRST_BOUND:
        return 0
    return min(math.ceil(math.log(seconds / FIRST_BOUND) / _STEP), BUCKETS - 1)


def bounds() -> Sequence[float]:
    """Upper bound of each bucket but the last, seconds."""
    return [FIRST_BOUND * RATIO**i for i in range(BUCKETS - 1)]


def percentile(buckets: I64, share: float) -> float:
    """The latency that `share` of the requests do not exceed, seconds; 0 without requests."""
    total = int(buckets.sum())
    if not total:
        return 0.0
    rank = max(math.ceil(share * total), 1)
    bucket = int(np.searchsorted(np.cumsum(buckets), rank))
    return FIRST_BOUND * math.pow(RATIO, max(bucket - 0.5, 0.0))


def summary(row: I64, seconds: float) -> dict[str, float]:
    """What people read off a series of `seconds` length; rates are shares from 0 to 1."""
    requests, errors, degraded, empty = (int(n) for n in row[:4])
    buckets = row[len(COUNTERS) :]
    share = 1 / requests if requests else 0.0
    return {
        "requests": requests,
        "qps": requests / seconds if seconds > 0 else 0.0,
        "p50_ms": percentile(buckets, 0.5) * 1000,
        "p90_ms": percentile(buckets, 0.9) * 1000,
        "p99_ms": percentile(buckets, 0.99) * 1000,
        "error_rate": errors * share,
        "degraded_rate": degraded * share,
        "empty_rate": empty * share,
    }


class Stats:
    """Counts of this process. Not for threads: the event loop is its only user.

    Args:
        series: names of the rows.
        clock: the time now.
    """

    def __init__(self, clock: Clock, series: Sequence[str] = SERIES) -> None:
        self.series = tuple(series)
        self._places = {name: place for place, name in enumerate(self.series)}
        self._clock = clock
        self._started = clock()
        self._second = int(self._started)
        self._now = [[0] * WIDTH for _ in self.series]  # lists: counting in them is cheapest
        self._ring = np.zeros((SLOTS, len(self.series), WIDTH), np.int64)
        self._total = np.zeros((len(self.series), WIDTH), np.int64)

    def meter(self, name: str) -> "Meter":
        """The counter of one series."""
        return Meter(self._rows, self._places, name)

    def uptime(self) -> float:
        """Seconds since the counting began."""
        return self._clock() - self._started

    def totals(self) -> I64:
        """Everything since the counting began, [series, WIDTH]."""
        return self._total + np.array(self._rows(), np.int64)

    def window(self, seconds: int) -> tuple[I64, float]:
        """Sums over the last `seconds` with the current one, [series, WIDTH], and their length."""
        current = np.array(self._rows(), np.int64)
        slots = (np.arange(self._second - seconds + 1, self._second)) % SLOTS
        length = seconds - 1 + self._clock() - self._second
        return self._ring[slots].sum(axis=0) + current, min(length, max(self.uptime(), 1.0))

    def _rows(self) -> list[list[int]]:
        second = int(self._clock())
        if second != self._second:
            self._turn(second)
        return self._now

    def _turn(self, second: int) -> None:
        """Ends the current second; seconds nobody counted in are empty."""
        done = np.array(self._now, np.int64)
        self._total += done
        self._ring[self._second % SLOTS] = done
        for skipped in range(max(self._second + 1, second - SLOTS + 1), second):
            self._ring[skipped % SLOTS] = 0
        self._second = second
        self._now = [[0] * WIDTH for _ in self.series]


class Meter:
    """Counts one series; `name` is its name."""

    __slots__ = ("_index", "_places", "_rows", "name")

    def __init__(
        self, rows: Callable[[], list[list[int]]], places: Mapping[str, int], name: str
    ) -> None:
        self.name = name
        self._rows = rows
        self._places = places
        self._index = places[name]

    def add(
        self,
        seconds: float,
        error: bool = False,
        degraded: bool = False,
        empty: bool = False,
        short: bool = False,
    ) -> None:
        """One request ended after `seconds`, well or not."""
        row = self._rows()[self._index]
        row[0] += 1
        row[1] += error
        row[2] += degraded
        row[3] += empty
        row[4] += short
        row[7] += int(seconds * 1e6)
        row[len(COUNTERS) + bucket_of(seconds)] += 1

    def passed(self, steps: Iterable[Step]) -> None:
        """A list went this way: counts what each stage was given and kept, in its own series."""
        rows = self._rows()
        for step in steps:
            row = rows[self._places[step.stage]]
            row[5] += step.received
            row[6] += step.kept

    def skip(self) -> None:
        """A request was not made, because of a tripped breaker: degraded, without a latency."""
        row = self._rows()[self._index]
        row[0] += 1
        row[1] += 1
        row[2] += 1
