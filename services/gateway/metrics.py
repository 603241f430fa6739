"""The gateway's stats as Prometheus metrics: the same arrays, with fewer buckets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import partial

import numpy as np
from prometheus_client import Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from services.gateway.requests import EventInput, Fault, UserInput
from services.gateway.stats import COUNTERS, Stats, bounds
from services.items.record import Item
from services.items.table import ItemTable

BATCH_QUERIES = Histogram(
    "recstack_gateway_batch_queries",
    "Queries in one call of a service; many mean that it is the bottleneck.",
    ["call"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)

FAULTS = Counter(
    "recstack_gateway_faults",
    "Events, items and users that were not stored, by the field that was wrong; store: none was; "
    "unknown: one that does not exist.",
    ["call", "field"],
)

_FIELDS = frozenset(one.name for kind in (EventInput, Item, UserInput) for one in fields(kind))
_FIELDS |= {"event", "store"}

EVERY = 14  # 14 buckets of 5 % are one doubling


def count_faults(call: str, faults: Iterable[Fault]) -> None:
    """Counts what a call could not store; "profile[age]" counts as profile.

    Names that clients make up are no labels: there would be no end of them.
    """
    for fault in faults:
        field = fault.field.partition("[")[0] or "store"
        FAULTS.labels(call, field if field in _FIELDS else "unknown").inc()


class StatsCollector(Collector):
    """Reads the stats when it is scraped; counting costs nothing more."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._bounds = bounds()[EVERY - 1 :: EVERY]

    def collect(self) -> Iterator[Metric]:
        """Requests, errors, degraded and empty answers, and latency, by series."""
        totals = self._stats.totals()
        for column, name in enumerate(COUNTERS[:4]):
            family = CounterMetricFamily(
                f"recstack_gateway_{name}", f"Calls of the API and of stages: {name}.", None, ["of"]
            )
            for series, row in zip(self._stats.series, totals, strict=True):
                family.add_metric([series], float(row[column]))
            yield family
        yield self._latency(totals)

    def _latency(self, totals: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> Metric:
        family = HistogramMetricFamily(
            "recstack_gateway_seconds",
            "Time to answer, failures included; stages as the gateway waits for them.",
            labels=["of"],
        )
        for series, row in zip(self._stats.series, totals, strict=True):
            up_to = np.cumsum(row[len(COUNTERS) :])
            counts = up_to[EVERY - 1 : -1 : EVERY].tolist()
            buckets = [(repr(b), float(n)) for b, n in zip(self._bounds, counts, strict=True)]
            buckets.append(("+Inf", float(up_to[-1])))
            family.add_metric([series], buckets, sum_value=float(row[4]) / 1e6)
        return family


class ItemTableCollector(Collector):
    """What this process knows of the item table."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """Version, size, and how long ago it was known to be whole."""
        table = self._table
        for name, text, value in (
            ("version", "Number of the last change of items that is known here.", table.version),
            ("records", "Items that were put, hidden, deleted or given a time.", len(table)),
            ("out", "Items that are hidden, deleted, or expire some day.", table.out_count),
            ("age_seconds", "Since all changes of items were known here.", table.age),
        ):
            yield GaugeMetricFamily(f"recstack_gateway_items_{name}", text, value)


def register(registry: CollectorRegistry, collector: Collector) -> Callable[[], None]:
    """Adds a collector; call the result when the gateway ends."""
    registry.register(collector)
    return partial(registry.unregister, collector)
