"""How much of stable's lists is in the canary's."""

import math
from typing import ClassVar

import numpy as np

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import enough, running
from services.rollout.guards.guard import Guard, Measure, Share
from services.rollout.verdict import Kind, Verdict


class Overlap(Guard):
    """The canary's lists have hardly anything in common with stable's: somebody should look.

    It holds and never takes back: a better release differs too.

    Attributes:
        least: the mean share of items in both lists that is enough.
        samples: lists that must have been compared.
    """

    name: ClassVar[str] = "overlap"
    unit: ClassVar[str] = "lists compared"
    judges: ClassVar[bool] = False
    shadowed: ClassVar[bool] = True

    least: Share = 0.2

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        found = running(canary.overlap, canary.compared)
        ready = enough(canary.compared, canary.compared, self.samples) & (found >= self.least)
        none = np.zeros_like(found)
        return Measure(found, none + self.least, none, none > 0, ready)

    def check(self, control: Evidence, canary: Evidence, alpha: float) -> Verdict:
        if canary.compared.sum() < self.samples:
            return Verdict(Kind.HOLD, self.name, "too few lists were compared")
        found = float(running(canary.overlap, canary.compared)[-1])
        if not math.isfinite(found):
            return Verdict(Kind.HOLD, self.name, "not a number")
        kind = Kind.ADVANCE if found >= self.least else Kind.HOLD
        numbers = {"canary": found, "least": self.least}
        return Verdict(kind, self.name, f"share of items in both lists {found:.4g}", numbers)

    def explain(self) -> str:
        return (
            f"overlap: holds, and never rolls back, while the canary's lists share less than "
            f"{self.least:.4g} of their items with stable's"
        )
