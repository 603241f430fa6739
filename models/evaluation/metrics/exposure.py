"""Who and what is reached by lists: `lists` are rows of items, -1 pads, int32 [Q, k]."""

import numpy as np

from models.evaluation.metrics.found import F64
from services.domain.arrays import I32, I64


def exposures(lists: I32, items: int) -> I64:
    """How many lists have each item, int64 [items]."""
    return np.bincount(lists[lists >= 0], minlength=items)


def lorenz(counts: I64) -> F64:
    """Share of all that the i items with the least have, i = 0..n: float64 [n + 1].

    Lorenz, Methods of measuring the concentration of wealth, 1905.
    """
    total = np.cumsum(np.sort(counts), dtype=np.float64)
    return np.append(0.0, total / max(1.0, total[-1]) if len(total) else total)


def gini(counts: I64) -> float:
    """Gini coefficient: 0 when all items are shown equally often, to 1 when one has everything.

    sum_i (2 i - n - 1) x_i / (n sum x), x ascending, i from 1. NaN when nothing is shown.
    """
    x, n = np.sort(counts).astype(np.float64), len(counts)
    if not x.sum():
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ x / (n * x.sum()))


def item_coverage(lists: I32, items: int) -> float:
    """Share of the catalog that is in any list.

    Ge, Delgado-Battenfeld and Jannach, Beyond accuracy, RecSys 2010.
    """
    return float(np.count_nonzero(exposures(lists, items)) / items) if items else 0.0


def user_coverage(lists: I32) -> F64:
    """1 for each list that is full: its mean is the share of users who get k items, [Q]."""
    return np.asarray((lists >= 0).all(axis=1), np.float64)


def novelty(lists: I32, counts: I64, users: int) -> F64:
    """Mean self-information of the items of each list, bits: -log2((c + 1) / (users + 1)), [Q].

    Zhou et al., Solving the apparent diversity-accuracy dilemma, PNAS 107, 2010; one is added so
    that an item nobody had is not infinitely new. NaN for an empty list.

    Args:
        counts: users who had each item in training, int64 [n].
    """
    information = np.append(-np.log2((counts + 1) / (users + 1)), 0.0)  # row -1: padding
    sizes = np.count_nonzero(lists >= 0, axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(information[lists].sum(axis=1) / sizes)
