"""A load second by second; pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.measurements import Calls
from loadtest.summary import latencies, quantile

CALM = 3  # seconds in a row that make it normal again


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lists by the second they were due in, [seconds] each.

    Attributes:
        sent, answered, good, refused, failed, degraded: calls. Good ones were answered within
            the deadline, not with an empty list.
        p50_ms, p90_ms, p99_ms: as in Summary.
    """

    sent: list[int]
    answered: list[int]
    good: list[int]
    refused: list[int]
    failed: list[int]
    degraded: list[int]
    p50_ms: list[float]
    p90_ms: list[float]
    p99_ms: list[float]


def timeline(calls: Calls, seconds: float, deadline: float) -> Timeline:
    count = int(np.ceil(seconds))
    second = np.minimum(calls.due.astype(np.int64), count - 1)

    def counted(rows: npt.NDArray[np.bool_]) -> list[int]:
        return list(map(int, np.bincount(second[rows], minlength=count)))

    parts = [latencies(calls.where(second == at), deadline) * 1000 for at in range(count)]

    def quantiles(share: float) -> list[float]:
        return [round(quantile(part, share), 3) for part in parts]

    return Timeline(
        sent=counted(np.ones(len(calls), np.bool_)),
        answered=counted(calls.ok),
        good=counted(calls.good(deadline)),
        refused=counted(calls.refused),
        failed=counted(~(calls.ok | calls.refused)),
        degraded=counted(calls.degraded),
        p50_ms=quantiles(0.5),
        p90_ms=quantiles(0.9),
        p99_ms=quantiles(0.99),
    )


def recovery(line: Timeline, end_of_peak: float, p99_ms: float) -> float | None:
    """Seconds from the end of a peak to the first of three normal seconds in a row.

    A second is normal when nothing failed, nothing was refused and its P99 holds. None: never.
    """
    begin = int(np.ceil(end_of_peak))
    normal = [
        not refused and not failed and p99 <= p99_ms
        for refused, failed, p99 in zip(line.refused, line.failed, line.p99_ms, strict=True)
    ]
    for second in range(begin, len(normal) - CALM + 1):
        if all(normal[second : second + CALM]):
            return second - end_of_peak
    return None
