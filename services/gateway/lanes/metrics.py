"""What each lane did, read when it is scraped: the numbers that the rollout judges."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.domain.traffic import Arm
from services.domain.traffic_report import LaneReport
from services.gateway.stats import bounds
from services.telemetry.families import counter_family, histogram_family
from services.telemetry.metric import LATENCY

ENDS = ("errors", "degraded", "empty", "short")
EDGES = np.searchsorted(bounds(), np.array(LATENCY) * 0.999)


class LaneCollector(Collector):
    """Requests of each release and arm, how they ended, and their latency."""

    def __init__(self, reports: Callable[[], Sequence[LaneReport]]) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Metric]:
        """Nothing of a lane before its first request."""
        requests = counter_family("recstack_gateway_lane_requests_total")
        ends = counter_family("recstack_gateway_lane_ends_total")
        seconds = histogram_family("recstack_gateway_lane_duration_seconds")
        for lane in self._reports():
            if lane.arm is Arm.SHADOW:  # it answers nobody
                continue
            labels = [lane.release, lane.arm.value]
            requests.add_metric(labels, lane.sums["requests"])
            for end in ENDS:
                ends.add_metric([*labels, end], lane.sums[end])
            up_to = np.cumsum(lane.histograms["latency"])
            counts = zip(map(repr, LATENCY), up_to[EDGES].tolist(), strict=True)
            buckets = [*counts, ("+Inf", float(up_to[-1]))]
            seconds.add_metric(labels, buckets, sum_value=None)
        yield from (requests, ends, seconds)
