"""Clicks."""

from typing import ClassVar

from services.rollout.evidence import Evidence
from services.rollout.guards.guard import Effect, Guard, Measure, Samples, Share
from services.rollout.guards.people import fewer


class Clicks(Guard):
    """The canary's lists have fewer clicks; a list may have several.

    Attributes:
        tolerance: the share of the control's rate that the canary may lack.
        effect: the drop, as a share of the control's rate, that is to be found soonest.
        samples: clicks in both arms together before there is any verdict.
    """

    name: ClassVar[str] = "clicks"
    unit: ClassVar[str] = "clicks in both arms"

    tolerance: Share = 0.02
    effect: Effect = 0.2
    samples: Samples = 200

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        return fewer(
            (canary.user_clicks, canary.user_lists),
            (control.user_clicks, control.user_lists),
            self.tolerance,
            self.effect,
            self.samples,
        )

    def explain(self) -> str:
        return (
            "clicks: the number of clicks a list, with the user as the unit, is more than "
            f"{self.tolerance:.4g} of it below the control's"
        )
