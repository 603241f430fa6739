"""Scores of the items shown."""

import math
from typing import ClassVar

import numpy as np

from services.rollout.evidence import Evidence
from services.rollout.guards.blocks import enough, means, running, weighted
from services.rollout.guards.guard import Guard, Measure, Samples, Share
from services.rollout.guards.quantiles import quantiles_before, up_to
from services.rollout.sequential import mean, paired

POINTS = (0.25, 0.5, 0.75)


class Scores(Guard):
    """The canary's scores have another distribution: scaled, constant, not numbers.

    Compared are the shares of scores up to the control's quartiles: a part of the
    Kolmogorov-Smirnov distance. A new model may be calibrated otherwise; `distance` says how much.

    Attributes:
        distance: of the distributions, at their quartiles, that is let pass.
        samples: items each arm must have shown before the guard lets a step end well.
    """

    name: ClassVar[str] = "scores"
    unit: ClassVar[str] = "items shown"

    distance: Share = 0.15
    samples: Samples = 1000

    def measure(self, control: Evidence, canary: Evidence) -> Measure:
        sides, distances = [], []
        shown = canary.scores.sum(axis=-1), control.scores.sum(axis=-1)
        bounds = quantiles_before(control.scores, POINTS)
        for parts in zip(up_to(canary.scores, bounds), up_to(control.scores, bounds), strict=True):
            apart = means(parts[0], shown[0]) - means(parts[1], shown[1])
            sides += [
                paired(weighted(sign * apart - self.distance, *shown)) for sign in (1.0, -1.0)
            ]
            distances.append(np.abs(running(parts[0], shown[0]) - running(parts[1], shown[1])))
        distance = np.max(distances, axis=0)
        evidence = mean(np.stack(sides), axis=0)
        worse = distance > self.distance
        zero = np.where(np.isfinite(distance), 0.0, math.nan)
        return Measure(distance, zero, evidence, worse, enough(*shown, self.samples))

    def explain(self) -> str:
        return (
            "scores: the share of scores up to a quartile of the control's differs "
            f"by more than {self.distance:.4g}"
        )
