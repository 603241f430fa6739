"""The gateway's stats as Prometheus metrics: the same arrays, with fewer buckets."""

from collections.abc import Iterator

import numpy as np
from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from services.gateway.stats import COUNTERS, Stats, bounds

BATCH_QUERIES = Histogram(
    "recstack_gateway_batch_queries",
    "Queries in one call of a service; many mean that it is the bottleneck.",
    ["call"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)

EVERY = 14  # 14 buckets of 5 % are one doubling


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


def register(registry: CollectorRegistry, stats: Stats) -> StatsCollector:
    """Adds the stats to a registry; unregister the result when the gateway ends."""
    collector = StatsCollector(stats)
    registry.register(collector)
    return collector
