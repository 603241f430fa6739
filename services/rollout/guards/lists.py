"""Empty and short lists."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Ratio, Share


class Lists(Guard):
    """More of the canary's lists have fewer items than asked for, or none.

    Attributes:
        ratio: so many times the control's share is allowed.
        least: a difference of shares below it is let pass.
        samples: requests each arm must have had before the guard lets a step end well.
    """

    name: ClassVar[str] = "lists"

    ratio: Ratio = 1.1
    least: Share = 0.005

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return more_often(
            (canary.short, canary.requests),
            (control.short, control.requests),
            self.ratio,
            self.least,
            self.samples,
        )

    def explain(self) -> str:
        return (
            f"lists: the share of empty and short lists is above {self.ratio:g} times the "
            f"control's, and at least {self.least:.4g} more"
        )
