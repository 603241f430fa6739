"""What a lane of a gateway counted between two of its reports."""

from collections.abc import Iterable, Mapping

import numpy as np

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport
from services.rollout.evidence import F64, EvidenceError


def between(
    before: GatewayReport | None, report: GatewayReport, arm: Arm, release: str
) -> dict[str, F64]:
    """The counts of one lane since the report before, or since it began.

    Args:
        before: of the same gateway; None: it began since.
        report: the later one.
        arm: of the lane.
        release: of the lane.
    """
    now = _counts(report, arm, release)
    then = _counts(before, arm, release) if before is not None else {}
    if any((now[name] < then[name]).any() for name in now.keys() & then.keys()):
        return now  # it was closed and opened again, and counts from zero
    return {name: count - then[name] if name in then else count for name, count in now.items()}


def summed(counts: Iterable[Mapping[str, F64]]) -> dict[str, F64]:
    """The sum over gateways.

    Raises:
        EvidenceError: they count in different buckets.
    """
    total: dict[str, F64] = {}
    for each in counts:
        for name, count in each.items():
            if name in total and total[name].shape != count.shape:
                raise EvidenceError(f"{name}: gateways count in different buckets")
            total[name] = total[name] + count if name in total else count
    return total


def _counts(report: GatewayReport, arm: Arm, release: str) -> dict[str, F64]:
    for lane in report.lanes:
        if (lane.arm, lane.release) == (arm, release):
            named = (*lane.sums.items(), *lane.histograms.items())
            return {name: np.asarray(value, np.float64) for name, value in named}
    return {}
