"""Gateways and clocks for tests of rollouts: what gateways would report, without any."""

from dataclasses import dataclass, field

import numpy as np

from services.domain.traffic import Arm, Policy
from services.domain.traffic_report import GatewayReport, LaneReport

STABLE, CANARY = "r1", "r2"
SPEC = """
block_seconds: 1
fresh_seconds: 5
shadow_percent: 5
steps:
  - {percent: 10, seconds: 20, requests: 200}
  - {percent: 50, seconds: 20, requests: 200}
  - {percent: 100}
guards:
  errors: {}
  lists: {}
"""
LOADED = {
    "gateway": {STABLE: "loaded", CANARY: "loaded"},
    "rank": dict.fromkeys((STABLE, CANARY), "loaded"),
}
REQUESTS = 20  # of an arm, in a report


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeGateway:
    """A gateway that applies policies and counts requests.

    Attributes:
        name: id.
        errors: share of the canary's requests that fail.
        requests: of each arm, between two reports.
        stages: as it reports them.
        policy: that it applies.
        seconds: since it began.
        stable: what it answers from without a policy.
        newest: the highest version that it was told.
    """

    name: str
    errors: float = 0.0
    requests: int = REQUESTS
    stages: dict[str, dict[str, str]] = field(default_factory=lambda: dict(LOADED))
    policy: Policy = field(default_factory=lambda: Policy(0, STABLE))
    seconds: float = 0.0
    stable: str = STABLE
    newest: int = 0
    counted: dict[tuple[str, Arm], dict[str, float]] = field(default_factory=dict)

    def follow(self, policy: Policy) -> None:
        """Applies a policy; one that is older than another without its canary."""
        old = policy.version < self.newest
        self.policy = policy.without_canary() if old else policy
        self.newest = max(self.newest, policy.version)

    def serve(self, seconds: float) -> None:
        """Answers requests for a while, as the policy says."""
        self.seconds += seconds
        if self.policy.leased:
            self._count(self.policy.stable, Arm.CONTROL, 0.0)
            self._count(self.policy.canary, Arm.CANARY, self.errors)

    def _count(self, release: str, arm: Arm, errors: float) -> None:
        sums = self.counted.setdefault((release, arm), {"requests": 0, "errors": 0, "short": 0})
        sums["requests"] += self.requests
        sums["errors"] += self.requests * errors

    def report(self) -> GatewayReport:
        """What it says of itself now."""
        return GatewayReport(
            gateway=self.name,
            seconds=self.seconds,
            version=max(self.newest, self.policy.version),
            leased=self.policy.leased,
            stages=self.stages,
            lanes=tuple(
                LaneReport(release, arm, dict(sums), {"latency": np.array([1, 2], np.int64)})
                for (release, arm), sums in self.counted.items()
            ),
            stable=self.policy.stable if self.policy.version else self.stable,
        )
