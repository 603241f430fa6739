"""What the gateway counts in arrays and states, read when it is scraped: counting costs nothing."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from services.domain.arrays import I64
from services.gateway.lanes.lanes import Lanes
from services.gateway.stats import COUNTERS, STAGES, WHOLE, Stats, bounds
from services.items.table import ItemTable
from services.telemetry.families import counter_family, gauge_family, histogram_family
from services.telemetry.metric import LATENCY

LISTS = ("Recommend", "SimilarItems")
FUNNEL = ("recall", "prerank", "rank", "rerank")


class StatsCollector(Collector):
    """The gateway's stats: the same arrays, with fewer buckets."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._ends = np.searchsorted(bounds(), np.array(LATENCY) * 0.999)
        self._bounds = [repr(bound) for bound in LATENCY]

    def collect(self) -> Iterator[Metric]:
        """Latency of calls and stages; degraded answers, empty and short lists, candidates."""
        rows = dict(zip(self._stats.series, self._stats.totals(), strict=True))
        yield self._latency("recstack_gateway_request_duration_seconds", rows, WHOLE)
        yield self._latency("recstack_gateway_stage_duration_seconds", rows, STAGES)
        yield _counts("recstack_gateway_degraded_total", rows, WHOLE, "degraded")
        yield _counts("recstack_gateway_empty_lists_total", rows, LISTS, "empty")
        yield _counts("recstack_gateway_short_lists_total", rows, LISTS, "short")
        yield _counts("recstack_gateway_stage_received_candidates_total", rows, FUNNEL, "received")
        yield _counts("recstack_gateway_stage_kept_candidates_total", rows, FUNNEL, "kept")

    def _latency(self, name: str, rows: dict[str, I64], series: Sequence[str]) -> Metric:
        family: HistogramMetricFamily = histogram_family(name)
        for one in series:
            up_to = np.cumsum(rows[one][len(COUNTERS) :])
            counts = up_to[self._ends].tolist()
            buckets = [(le, float(n)) for le, n in zip(self._bounds, counts, strict=True)]
            buckets.append(("+Inf", float(up_to[-1])))
            seconds = float(rows[one][COUNTERS.index("microseconds")]) / 1e6
            family.add_metric([one], buckets, sum_value=seconds)
        return family


def _counts(name: str, rows: dict[str, I64], series: Sequence[str], column: str) -> Metric:
    family: CounterMetricFamily = counter_family(name)
    for one in series:
        family.add_metric([one], float(rows[one][COUNTERS.index(column)]))
    return family


class BreakerCollector(Collector):
    """The breakers of the stages: those of the stable lane, and of the others beside it."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    def collect(self) -> Iterator[Metric]:
        """Which are tripped, and how often each was."""
        stable, *others = self._lanes.open()
        state = gauge_family("recstack_gateway_breaker_open")
        trips = counter_family("recstack_gateway_breaker_trips_total")
        for guard in stable.guards.all:
            state.add_metric([guard.name], float(guard.breaker.tripped))
            trips.add_metric([guard.name], float(guard.breaker.trips))
        yield state
        yield trips
        beside = gauge_family("recstack_gateway_lane_breaker_open")
        for lane in others:
            for guard in lane.guards.of_releases:
                beside.add_metric([lane.arm.value, guard.name], float(guard.breaker.tripped))
        yield beside


class ItemTableCollector(Collector):
    """What this process knows of the item table."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """Version, size, and how long ago it was known to be whole."""
        table = self._table
        for name, value in (
            ("recstack_gateway_items_version", table.version),
            ("recstack_gateway_items_records", len(table)),
            ("recstack_gateway_items_out", table.out_count),
            ("recstack_gateway_items_age_seconds", table.age),
        ):
            family = gauge_family(name)
            family.add_metric([], value)
            yield family


def register(registry: CollectorRegistry, collector: Collector) -> Callable[[], None]:
    """Adds a collector; call the result when the gateway ends."""
    registry.register(collector)
    return partial(registry.unregister, collector)
