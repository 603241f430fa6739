"""What is exported of each lane: what the rollout judges, no more and no less."""

import numpy as np
from prometheus_client import CollectorRegistry

from services.domain.traffic import Arm
from services.domain.traffic_report import LaneReport
from services.gateway.lanes.metrics import LaneCollector
from services.gateway.stats import BUCKETS, bucket_of

CANARY = {"release": "r2", "arm": "canary"}
SUMS = {"requests": 7.0, "errors": 1.0, "degraded": 2.0, "empty": 0.0, "short": 3.0}


def lane(release: str, arm: Arm, *seconds: float) -> LaneReport:
    latency = np.zeros(BUCKETS, np.int64)
    for one in seconds:
        latency[bucket_of(one)] += 1
    return LaneReport(release, arm, SUMS, {"latency": latency})


def test_every_lane_is_told_with_its_ends_and_its_latency() -> None:
    registry = CollectorRegistry()
    shadow = LaneReport("r3", Arm.SHADOW, {"compared": 4.0}, {})
    told = (lane("r1", Arm.STABLE), lane("r2", Arm.CANARY, 0.004, 0.004, 0.5), shadow)
    registry.register(LaneCollector(lambda: told))
    read = registry.get_sample_value
    assert read("recstack_gateway_lane_requests_total", CANARY) == 7
    ends = {
        end: read("recstack_gateway_lane_ends_total", {**CANARY, "end": end})
        for end in ("errors", "degraded", "empty", "short")
    }
    assert ends == {"errors": 1, "degraded": 2, "empty": 0, "short": 3}
    buckets = "recstack_gateway_lane_duration_seconds_bucket"
    assert read(buckets, {**CANARY, "le": "0.01"}) == 2
    assert read(buckets, {**CANARY, "le": "1.0"}) == 3
    assert read(buckets, {**CANARY, "le": "+Inf"}) == 3
    assert read("recstack_gateway_lane_requests_total", {"release": "r1", "arm": "stable"}) == 7
    assert read("recstack_gateway_lane_requests_total", {"release": "r3", "arm": "shadow"}) is None
