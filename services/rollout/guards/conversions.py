"""Conversions."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.guard import Effect, Guard, Measure, Share
from services.rollout.guards.people import fewer


class Conversions(Guard):
    """The canary's lists lead to fewer conversions, such as purchases.

    Attributes:
        tolerance: the share of the control's rate that the canary may lack.
        effect: the drop, as a share of the control's rate, that is to be found soonest.
        samples: conversions in both arms together before there is any verdict.
    """

    name: ClassVar[str] = "conversions"
    unit: ClassVar[str] = "conversions in both arms"

    tolerance: Share = 0.05
    effect: Effect = 0.3

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return fewer(
            (canary.user_conversions, canary.user_lists),
            (control.user_conversions, control.user_lists),
            self.tolerance,
            self.effect,
            self.samples,
        )

    def explain(self) -> str:
        return (
            "conversions: the number of conversions a list, with the user as the unit, is more "
            f"than {self.tolerance:.4g} of it below the control's"
        )
