"""Scores of the items shown."""

import math
from typing import ClassVar

import numpy as np

from services.rollout.evidence import F64, Evidence
from services.rollout.guards.blocks import enough, means, running, weighted
from services.rollout.guards.guard import Guard, Measure, Samples, Share
from services.rollout.sequential import paired

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
        for point in POINTS:
            bound = quantile_bucket(control.scores, point)
            parts = below(canary.scores, bound), below(control.scores, bound)
            apart = means(parts[0], shown[0]) - means(parts[1], shown[1])
            sides += [
                paired(weighted(sign * apart - self.distance, *shown)) for sign in (1.0, -1.0)
            ]
            distances.append(np.abs(running(parts[0], shown[0]) - running(parts[1], shown[1])))
        distance = np.max(distances, axis=0)
        evidence = np.logaddexp.reduce(sides, axis=0) - math.log(len(sides))
        worse = distance > self.distance
        zero = np.where(np.isfinite(distance), 0.0, math.nan)
        return Measure(distance, zero, evidence, worse, enough(*shown, self.samples))

    def explain(self) -> str:
        return (
            "scores: the share of scores up to a quartile of the control's differs "
            f"by more than {self.distance:.4g}"
        )


def quantile_bucket(scores: F64, share: float) -> F64:
    """The bucket of the quantile of all blocks before each, -1 where there are none: [..., T]."""
    below_each = np.cumsum(np.cumsum(scores, axis=-2) - scores, axis=-1)
    total = below_each[..., -1]
    bucket = (below_each < share * total[..., None]).sum(axis=-1)
    return np.asarray(np.where(total > 0, bucket, -1), np.float64)


def below(scores: F64, bound: F64) -> F64:
    """Scores in the buckets up to the bound of their block, [..., T]."""
    buckets = np.arange(scores.shape[-1])
    return np.asarray(np.where(buckets <= bound[..., None], scores, 0.0).sum(axis=-1), np.float64)
