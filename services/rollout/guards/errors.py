"""Requests that fail."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Ratio, Share


class Errors(Guard):
    """More of the canary's requests fail.

    Attributes:
        ratio: so many times the control's share may fail.
        least: a difference of shares below it is let pass.
        samples: requests each arm must have had before the guard lets a step end well.
    """

    name: ClassVar[str] = "errors"

    ratio: Ratio = 1.1
    least: Share = 0.001

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return more_often(
            (canary.errors, canary.requests),
            (control.errors, control.requests),
            self.ratio,
            self.least,
            self.samples,
        )

    def explain(self) -> str:
        return (
            f"errors: the share of failed requests is above {self.ratio:g} times the control's, "
            f"and at least {self.least:.4g} more"
        )
