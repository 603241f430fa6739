"""What became of the requests that were offered to one shadow."""

from collections import deque
from dataclasses import replace
from math import isfinite

from services.domain.traffic import Arm
from services.domain.traffic_report import Example, LaneReport
from services.gateway.shadow.comparison import Comparison

ENDS = ("compared", "degraded", "failed", "dropped")
"""How a request ended: both lists were compared; the shadow's lacked a stage; there was none in
time; it was not asked, for lack of room. Each is counted once, under one of these."""

SUMS = (
    *ENDS,
    "overlap",
    "correlated",
    "correlation",
    "drifted",
    "drift",
    "seconds",
    "stable_seconds",
)
"""Of those compared: sums of the fields of Comparison. Not each has a correlation and a drift:
`correlated` and `drifted` count those that have."""

KEPT = 20  # examples, with so many items of each list:
KEPT_ITEMS = 10


class ShadowTally:
    """Counts and sums since the first request, and the last examples.

    Attributes:
        stable: the release whose lists it is compared with.
        sums: by name, all finite.
        examples: newest last.
    """

    def __init__(self, stable: str) -> None:
        self.stable = stable
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.examples: deque[Example] = deque(maxlen=KEPT)

    def count(self, end: str) -> None:
        """A request ended so."""
        self.sums[end] += 1

    def add(self, found: Comparison, example: Example) -> None:
        """A request was compared."""
        self.count("compared")
        for name in ("overlap", "seconds", "stable_seconds"):
            self.sums[name] += getattr(found, name)
        for count, name in (("correlated", "correlation"), ("drifted", "drift")):
            value = getattr(found, name)
            if isfinite(value):
                self.sums[count] += 1
                self.sums[name] += value
        self.examples.append(_short(example))

    def report(self, release: str) -> LaneReport:
        """The lane of a report."""
        return LaneReport(release, Arm.SHADOW, dict(self.sums), {}, tuple(self.examples))


def _short(example: Example) -> Example:
    stable, shadow = example.stable[:KEPT_ITEMS], example.shadow[:KEPT_ITEMS]
    return replace(example, stable=stable, shadow=shadow)
