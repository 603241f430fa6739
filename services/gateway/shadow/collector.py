"""Metrics of shadows, read when they are scraped."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.gateway.shadow.mirror import Mirror
from services.gateway.shadow.tally import ENDS
from services.telemetry.families import counter_family, gauge_family


class ShadowCollector(Collector):
    """What shadows were asked, and how far their lists are from those that were shown."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def collect(self) -> Iterator[Metric]:
        """Requests by their end, sums over those compared, and what runs now."""
        requests = counter_family("recstack_gateway_shadow_requests_total")
        overlap = counter_family("recstack_gateway_shadow_overlap_total")
        seconds = counter_family("recstack_gateway_shadow_stage_seconds_total")
        for lane in self._mirror.lanes():
            for end in ENDS:
                requests.add_metric([lane.release, end], lane.sums[end])
            overlap.add_metric([lane.release], lane.sums["overlap"])
            seconds.add_metric([lane.release, "shadow"], lane.sums["seconds"])
            seconds.add_metric([lane.release, "stable"], lane.sums["stable_seconds"])
        yield from (requests, overlap, seconds)
        running = gauge_family("recstack_gateway_shadow_running_requests")
        running.add_metric([], float(self._mirror.running))
        yield running
