"""Metrics of traffic: what goes wrong as it happens, the policy when it is scraped."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from services.domain.traffic import Policy
from services.gateway.resilience.budget import Clock
from services.telemetry.families import gauge_family
from services.telemetry.instruments import counter

ERRORS = counter("recstack_gateway_traffic_errors_total")


class Followed(Protocol):
    """What is told of a follower."""

    malformed: str

    @property
    def applied(self) -> Policy: ...

    @property
    def age(self) -> float: ...

    def policy(self, now: float) -> Policy: ...


class TrafficCollector(Collector):
    """The traffic policy as this gateway knows it."""

    def __init__(self, follower: Followed, clock: Clock) -> None:
        self._follower = follower
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Version, the canary's share, had and planned, whether it can be read, and when it was."""
        policy = self._follower.policy(self._clock())
        for name, value in (
            ("recstack_gateway_traffic_policy_version", policy.version),
            ("recstack_gateway_traffic_canary_ratio", policy.weight / 100),
            ("recstack_gateway_traffic_canary_planned_ratio", self._follower.applied.weight / 100),
            ("recstack_gateway_traffic_policy_malformed", bool(self._follower.malformed)),
            ("recstack_gateway_traffic_policy_age_seconds", self._follower.age),
        ):
            family = gauge_family(name)
            family.add_metric([], float(value))
            yield family
