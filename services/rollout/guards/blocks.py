"""Measures of what is counted in blocks of time."""

import numpy as np

from services.domain.arrays import Bools
from services.rollout.evidence import F64
from services.rollout.guards.guard import Measure
from services.rollout.sequential import paired


def running(sums: F64, counts: F64) -> F64:
    """Mean from the first block to each, [..., T]; NaN before the first count."""
    total, number = np.cumsum(sums, axis=-1), np.cumsum(counts, axis=-1)
    return np.divide(total, number, out=np.full_like(number, np.nan), where=number > 0)


def weighted(over: F64, canary_counts: F64, control_counts: F64) -> F64:
    """Differences between block means, by what they tell: 1 / (1 / n + 1 / m).

    A block in which one arm has nothing tells nothing; what is not a number stays that.
    """
    both = canary_counts + control_counts
    product = canary_counts * control_counts
    weight = np.divide(product, both, out=np.zeros_like(both), where=both != 0)
    return np.where(weight == 0, 0.0, weight * over)


def means(sums: F64, counts: F64) -> F64:
    """Mean of each block; 0 where nothing was counted."""
    return np.divide(sums, counts, out=np.zeros_like(counts), where=counts != 0)


def more_often(
    canary: tuple[F64, F64], control: tuple[F64, F64], ratio: float, least: float, samples: int
) -> Measure:
    """Something bad happens to a larger share of the canary's requests.

    Args:
        canary: how often it happened and how often it could have, by block.
        control: the same.
        ratio: what the canary may have: so many times the control's share.
        least: a difference between the shares that is smaller does not matter.
        samples: how often it could have happened, before a canary is called good.
    """
    over = means(*canary) / ratio - means(*control)
    evidence = paired(weighted(over, canary[1], control[1]))
    found, usual = running(*canary), running(*control)
    worse = (found - usual >= least) & (found > usual)
    return Measure(found, usual, evidence, worse, enough(canary[1], control[1], samples))


def less(
    canary: tuple[F64, F64], control: tuple[F64, F64], tolerance: float, samples: int
) -> Measure:
    """Something good has a smaller mean in the canary.

    Args:
        canary: sums and counts, by block.
        control: the same.
        tolerance: the share of the control's mean that the canary may lack.
        samples: how many must have been counted, before a canary is called good.
    """
    under = means(*control) * (1 - tolerance) - means(*canary)
    evidence = paired(weighted(under, canary[1], control[1]))
    found, usual = running(*canary), running(*control)
    worse = found < usual * (1 - tolerance)
    return Measure(found, usual, evidence, worse, enough(canary[1], control[1], samples))


def enough(canary_counts: F64, control_counts: F64, samples: int) -> Bools:
    """Whether both arms have the samples, after each block."""
    fewest = np.minimum(canary_counts.cumsum(axis=-1), control_counts.cumsum(axis=-1))
    return np.asarray(fewest >= samples)
