"""What the calls of a load say, as numbers; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.measurements import LATE_SEND, Calls

QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p999_ms": 0.999}


@dataclass(frozen=True, slots=True)
class Summary:
    """Some calls of a load. Rates are a second of the time in which they were due.

    Latencies are milliseconds from the time a call was to be sent. Refused calls are not among
    them; failed ones count as if they had taken the deadline, if they ended sooner.

    Attributes:
        calls: sent.
        sent_rate: of all calls.
        good_rate: of those answered within the deadline, not with an empty list: goodput.
        failed: neither answered nor refused.
        refused: with RESOURCE_EXHAUSTED.
        undelayed: refused without a word on when to come again.
        degraded: answers that skipped something.
        short: lists with fewer items than asked for; empty: with none.
        late: sent more than 10 ms after their time.
        worst_late_ms: the latest.
        failures: of `failed`, by outcome.
    """

    calls: int
    sent_rate: float
    good_rate: float
    failed: int
    refused: int
    undelayed: int
    degraded: int
    short: int
    empty: int
    late: int
    worst_late_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    worst_ms: float
    failures: Mapping[str, int]

    @property
    def answered(self) -> int:
        return self.calls - self.failed - self.refused


def summary(calls: Calls, seconds: float, deadline: float) -> Summary:
    """`seconds`: of the time in which they were due."""
    ok, refused = calls.ok, calls.refused
    failed = ~(ok | refused)
    counted = latencies(calls, deadline)
    return Summary(
        calls=len(calls),
        sent_rate=len(calls) / seconds,
        good_rate=int(calls.good(deadline).sum()) / seconds,
        failed=int(failed.sum()),
        refused=int(refused.sum()),
        undelayed=int((refused & ~calls.delayed).sum()),
        degraded=int(calls.degraded.sum()),
        short=int(calls.short.sum()),
        empty=int(calls.empty.sum()),
        late=int((calls.late > LATE_SEND).sum()),
        worst_late_ms=_milliseconds(calls.late.max(initial=0.0)),
        **{name: _milliseconds(quantile(counted, q)) for name, q in QUANTILES.items()},
        worst_ms=_milliseconds(counted.max(initial=0.0)),
        failures={
            name: count
            for number, name in enumerate(calls.outcomes)
            if (count := int((failed & (calls.outcome == number)).sum()))
        },
    )


def latencies(calls: Calls, deadline: float) -> npt.NDArray[np.float64]:
    """Seconds of those not refused; a failure is no quick answer."""
    taken = np.where(calls.ok, calls.seconds, np.maximum(calls.seconds, deadline))
    return taken[~calls.refused]


def quantile(values: npt.NDArray[np.float64], share: float) -> float:
    """The smallest value that `share` of all do not exceed: a value that was measured, nothing
    between two. 0 of none."""
    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else 0.0


def _milliseconds(seconds: float) -> float:
    return round(float(seconds) * 1000, 3)
