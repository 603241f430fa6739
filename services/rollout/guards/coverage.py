"""How many different items are shown."""

from typing import ClassVar

import numpy as np

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import more_often
from services.rollout.guards.guard import Guard, Measure, Samples, Share


class Coverage(Guard):
    """The canary shows fewer different items.

    The number of different items grows with the traffic; the chance that two items shown are the
    same does not (Simpson, Measurement of diversity, Nature 163, 1949). One over it is the number
    of items there would be if all were shown equally often (Hill, Ecology 54, 1973).

    Attributes:
        tolerance: the share of the control's number that the canary may lack.
        samples: pairs of items each arm must have shown before a step ends well.
    """

    name: ClassVar[str] = "coverage"
    unit: ClassVar[str] = "pairs of items shown"

    tolerance: Share = 0.2
    samples: Samples = 1_000_000

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        found = more_often(
            (canary.same, canary.pairs),
            (control.same, control.pairs),
            1 / (1 - self.tolerance),
            0.0,
            self.samples,
        )
        with np.errstate(divide="ignore"):
            canary_items, control_items = 1 / found.canary, 1 / found.control
        worse = canary_items < control_items * (1 - self.tolerance)
        return Measure(canary_items, control_items, found.evidence, worse, found.ready)

    def explain(self) -> str:
        return (
            "coverage: the number of different items, as it would be if all were shown equally "
            f"often, is more than {self.tolerance:.4g} of it below the control's"
        )
