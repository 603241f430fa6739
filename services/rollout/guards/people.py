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
    """The canary's users do something less often for each list they are given.

    Args:
        canary: how often it was done, any number of times a list, and lists, by block and user.
        control: the same.
        tolerance: the share of the control's rate that the canary may lack.
        effect: the drop, as a share of the control's rate, that is to be found soonest.
        samples: how often it was done in both arms together, before there is any verdict.
    """
    done, lists = canary[0].cumsum(axis=-2), canary[1].cumsum(axis=-2)
    usually_done, usual_lists = control[0].cumsum(axis=-2), control[1].cumsum(axis=-2)
    found, found_variance = ratio(done, lists)
    usual, usual_variance = ratio(usually_done, usual_lists)
    allowed = 1 - tolerance
    evidence = mixture(
        usual * allowed - found, usual_variance * allowed**2 + found_variance, usual * effect
    )
    ready = done.sum(axis=-1) + usually_done.sum(axis=-1) >= samples
    worse = (found < usual * allowed) & ready
    return Measure(found, usual, np.where(ready, evidence, 0.0), worse, ready)
