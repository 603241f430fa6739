"""Scores on a scale that a diversity term can be weighed against."""

import numpy as np
import numpy.typing as npt

from services.domain.arrays import F32, I64
from services.domain.stages import Slate

F64 = npt.NDArray[np.float64]


def relevance(scores: F32) -> F64:
    """Scores scaled to 0..1 within the list, float64 [n]; all 0 when they are all equal.

    Rankers put their scores anywhere (a probability, a product of powers); similarities lie in
    -1..1. Without a common scale one trade-off would mean another thing for each release.
    """
    wide = scores.astype(np.float64)
    if not len(wide):
        return wide
    low, high = wide.min(), wide.max()
    return (wide - low) / (high - low) if high > low else np.zeros_like(wide)


def non_negative(scores: F32) -> F32:
    """Scores that may be multiplied, in the same order; float32 [n].

    A ranker's are left as they are. Where one is negative they are logits, as when only prerank
    scored them: the logistic function makes probabilities of all. A factor above 1 would otherwise
    move an item down.
    """
    if not len(scores) or scores.min() >= 0:
        return scores
    return (0.5 + 0.5 * np.tanh(scores.astype(np.float64) / 2)).astype(np.float32)


def chosen_first(slate: Slate, chosen: I64) -> Slate:
    """The slate with the chosen positions first; the others follow in their order."""
    others = np.ones(len(slate.rows), np.bool_)
    others[chosen] = False
    order = np.concatenate([chosen, np.flatnonzero(others)])
    return Slate(slate.rows[order], slate.scores[order])
