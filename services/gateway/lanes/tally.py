"""What a lane did since the gateway began: sums and counts by bucket that add up over gateways.

The names are those of the rollout's evidence. Latencies have the buckets of the gateway's stats.
"""

import numpy as np

from services.domain.arrays import I64
from services.domain.traffic import Arm
from services.domain.traffic_report import LaneReport
from services.gateway.answer import Answer
from services.gateway.stats import BUCKETS, bucket_of
from services.gateway.trace import Trace


class Tally:
    """Counts requests, how they ended, and their latency. Not for threads."""

    def __init__(self) -> None:
        self.requests = self.errors = self.degraded = self.empty = self.short = 0
        self._latency = [0] * BUCKETS  # lists: counting in them is cheapest

    def answered(self, trace: Trace, answer: Answer, seconds: float) -> None:
        """A list was made in `seconds`."""
        self._ended(seconds)
        self.degraded += bool(answer.degraded)
        self.empty += not answer.items
        self.short += len(answer.items) < trace.request.k

    def failed(self, seconds: float) -> None:
        """A request had no answer after `seconds`: an error, or the caller went away."""
        self._ended(seconds)
        self.errors += 1

    def acted(self, user_id: str, clicks: int, conversions: int) -> None:
        """A user of this lane clicked and bought; nothing, unless the lane is judged."""

    def report(self, release: str, arm: Arm) -> LaneReport:
        """All that was counted."""
        return LaneReport(release, arm, self._sums(), self._histograms())

    def _ended(self, seconds: float) -> None:
        self.requests += 1
        self._latency[bucket_of(seconds)] += 1

    def _sums(self) -> dict[str, float]:
        names = ("requests", "errors", "degraded", "empty", "short")
        return {name: getattr(self, name) for name in names}

    def _histograms(self) -> dict[str, I64]:
        return {"latency": np.array(self._latency, np.int64)}
