"""Conversions."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.guard import Effect, Guard, Measure, Share
from services.rollout.guards.people import fewer


class Conversions(Guard):
    """Fewer of the canary's lists lead to a conversion.

    Attributes:
        tolerance: the share of the control's rate that the canary may lack.
        effect: the drop, as a share of the control's rate, that is to be found soonest.
        samples: lists converted in both arms together before there is any verdict.
    """

    name: ClassVar[str] = "conversions"
    unit: ClassVar[str] = "lists converted in both arms"

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
            f"conversions: the share of lists converted, user by user, is more than "
            f"{self.tolerance:.4g} of it below the control's"
        )
