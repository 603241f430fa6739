"""What a lane of a gateway counted between two of its reports."""

from collections.abc import Iterable, Mapping

import numpy as np

from services.domain.traffic import Arm
from services.domain.traffic_report import GatewayReport
from services.rollout.evidence import COUNTED, F64, WIDE, EvidenceError

ITEMS = "items"
"""Histogram of items shown, by group of equal hash: pairs and same are counted from it."""

Counts = Mapping[str, F64]

_HISTOGRAMS = {ITEMS, *WIDE}
_SUMS = set(COUNTED) - _HISTOGRAMS


def between(before: GatewayReport | None, report: GatewayReport, arm: Arm, release: str) -> Counts:
    """The counts of one lane since the report before, or since it began.

    Args:
        before: of the same gateway; None: it began since.
        report: the later one.
        arm: of the lane.
        release: of the lane.

    Raises:
        EvidenceError: they cannot be counts.
    """
    now = _counts(report, arm, release)
    then = _counts(before, arm, release) if before is not None else {}
    both = now.keys() & then.keys()
    if any(now[name].shape != then[name].shape for name in both):
        return {}  # as with a gateway that is new to the ledger: from the next report on
    if any((now[name] < then[name]).any() for name in both):
        return now  # it was closed and opened again, and counts from zero
    return {name: count - then[name] if name in then else count for name, count in now.items()}


def unlike(counts: Iterable[Counts]) -> frozenset[str]:
    """The names that are counted in different buckets, by gateways of two versions."""
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for each in counts:
        for name, count in each.items():
            shapes.setdefault(name, set()).add(count.shape)
    return frozenset(name for name, found in shapes.items() if len(found) > 1)


def summed(counts: Iterable[Counts], but: frozenset[str]) -> dict[str, F64]:
    """The sum over gateways, but for some names."""
    total: dict[str, F64] = {}
    for each in counts:
        for name, count in each.items():
            if name not in but:
                total[name] = total[name] + count if name in total else count
    return total


def _counts(report: GatewayReport, arm: Arm, release: str) -> Counts:
    for lane in report.lanes:
        if (lane.arm, lane.release) == (arm, release):
            named = [(name, lane.sums[name]) for name in lane.sums.keys() & _SUMS]
            rows = [(name, lane.histograms[name]) for name in lane.histograms.keys() & _HISTOGRAMS]
            found = {name: np.asarray(value, np.float64) for name, value in (*named, *rows)}
            for name, value in found.items():
                if not (value.size and np.isfinite(value).all() and (value >= 0).all()):
                    raise EvidenceError(f"{name}: counts from 0 expected")
            return found
    return {}
