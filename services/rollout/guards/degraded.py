"""Answers with a stage left out."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Ratio, Share


class Degraded(Guard):
    """More of the canary's answers are degraded.

    Attributes:
        ratio: so many times the control's share is allowed.
        least: a difference of shares below it is let pass.
        samples: requests each arm must have had before the guard lets a step end well.
    """

    name: ClassVar[str] = "degraded"

    ratio: Ratio = 1.1
    least: Share = 0.005

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return more_often(
            (canary.degraded, canary.requests),
            (control.degraded, control.requests),
            self.ratio,
            self.least,
            self.samples,
        )

    def explain(self) -> str:
        return (
            f"degraded: the share of degraded answers is above {self.ratio:g} times the control's, "
            f"and at least {self.least:.4g} more"
        )
