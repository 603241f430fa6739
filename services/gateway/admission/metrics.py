"""What the door counts, read when it is scraped."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.gateway.admission.admission import Admission, Why
from services.gateway.admission.priority import Priority
from services.telemetry.families import counter_family, gauge_family


class AdmissionCollector(Collector):
    """The limit, what is in flight, and what was refused."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterator[Metric]:
        """Gauges of the limit, and refusals by reason and priority."""
        admission = self._admission
        for name, value in (
            ("recstack_gateway_limit_calls", admission.limit.value),
            ("recstack_gateway_in_flight_calls", float(admission.in_flight)),
            ("recstack_gateway_limit_target_seconds", admission.limit.target),
        ):
            gauge = gauge_family(name)
            gauge.add_metric([], value)
            yield gauge
        refused = counter_family("recstack_gateway_refused_total")
        for why in Why:
            for priority in Priority:
                count = admission.refused[why, priority]
                refused.add_metric([why.value, priority.label], float(count))
        yield refused
