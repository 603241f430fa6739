"""Measures of what people do, with the user as the unit."""

import numpy as np

from services.rollout.evidence import F64
from services.rollout.guards.guard import Measure
from services.rollout.sequential import mixture, ratio


def fewer(
    canary: tuple[F64, F64],
    control: tuple[F64, F64],
    tolerance: float,
    effect: float,
    samples: int,
) -> Measure:
    """The canary's lists are taken less often.

    Args:
        canary: how many lists were taken, and how many there were, by block and user.
        control: the same.
        tolerance: the share of the control's rate that the canary may lack.
        effect: the drop, as a share of the control's rate, that is to be found soonest.
        samples: lists taken in both arms together, before there is any verdict.
    """
    taken, lists = canary[0].cumsum(axis=-2), canary[1].cumsum(axis=-2)
    usually_taken, usual_lists = control[0].cumsum(axis=-2), control[1].cumsum(axis=-2)
    found, found_variance = ratio(taken, lists)
    usual, usual_variance = ratio(usually_taken, usual_lists)
    allowed = 1 - tolerance
    evidence = mixture(
        usual * allowed - found, usual_variance * allowed**2 + found_variance, usual * effect
    )
    ready = taken.sum(axis=-1) + usually_taken.sum(axis=-1) >= samples
    worse = (found < usual * allowed) & ready
    return Measure(found, usual, np.where(ready, evidence, 0.0), worse, ready)
