"""How unlike each other the items of a list are."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import less
from services.rollout.guards.guard import Guard, Measure, Share


class Diversity(Guard):
    """The canary's lists are less diverse.

    Attributes:
        tolerance: the share of the control's mean diversity that the canary may lack.
        samples: lists of each arm that must have been measured before a step ends well.
    """

    name: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "lists measured"

    tolerance: Share = 0.1

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return less(
            (canary.diversity, canary.measured),
            (control.diversity, control.measured),
            self.tolerance,
            self.samples,
        )

    def explain(self) -> str:
        return (
            "diversity: the mean diversity of lists is more than "
            f"{self.tolerance:.4g} of it below the control's"
        )
