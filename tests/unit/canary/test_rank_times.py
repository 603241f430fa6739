"""The time of rank, control and canary beside each other, from what gateways report."""

import numpy as np
import pytest

from loadtest.canary.rank_times import RankTimes
from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport, LaneReport
from services.gateway.stats import BUCKETS, bucket_of


def lane(release: str, arm: Arm, seconds: float, count: int) -> LaneReport:
    histogram = np.zeros(BUCKETS, np.int64)
    histogram[bucket_of(seconds)] = count
    return LaneReport(release, arm, {}, {"latency_rank": histogram})


def report(gateway: str, *lanes: LaneReport) -> GatewayReport:
    return GatewayReport(gateway, 1.0, 1, True, {}, lanes=lanes)


def test_medians_are_of_what_was_counted_meanwhile() -> None:
    times = RankTimes("new")
    assert times.medians() == (0.0, 0.0)
    old = lane("before", Arm.CONTROL, 1.0, 50)
    times.add(report("a", old, lane("new", Arm.CANARY, 0.004, 0)))
    times.add(report("b", lane("new", Arm.CANARY, 0.004, 0)))
    usual = lane("stable", Arm.CONTROL, 0.004, 10)
    times.add(report("a", old, lane("stable", Arm.CONTROL, 0.9, 0)))
    times.add(report("a", old, usual, lane("new", Arm.CANARY, 0.006, 7)))
    times.add(report("b", lane("new", Arm.CANARY, 0.006, 9), lane("else", Arm.CANARY, 1.0, 99)))
    control, canary = times.medians()
    assert control == pytest.approx(4.0, rel=0.05)
    assert canary == pytest.approx(6.0, rel=0.05)
