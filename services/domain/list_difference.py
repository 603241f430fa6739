"""How far two lists of items for the same request are apart."""

import numpy as np

from services.domain.arrays import F32, U64


def overlap(first: U64, second: U64) -> float:
    """Share of the longer list that both have, 0 to 1; 1 for two empty ones."""
    longer = max(len(first), len(second))
    return len(np.intersect1d(first, second)) / longer if longer else 1.0


def rank_correlation(first: U64, second: U64) -> float:
    """Spearman's rho of the items that both have, -1 to 1; NaN when those are fewer than two.

    Spearman (1904): rho = 1 - 6 sum(d^2) / (n (n^2 - 1)), d the difference of an item's places
    among the n common ones.
    """
    _, here, there = np.intersect1d(first, second, return_indices=True)
    n = len(here)
    if n < 2:
        return float("nan")
    apart = here.argsort().argsort() - there.argsort().argsort()
    return float(1 - 6 * np.sum(apart.astype(np.float64) ** 2) / (n * (n * n - 1)))


def score_drift(first: U64, of_first: F32, second: U64, of_second: F32) -> float:
    """Mean of second minus first over the scores of items that both have; NaN when there are none.

    `of_first`, `of_second`: float32, a score an item.
    """
    _, here, there = np.intersect1d(first, second, return_indices=True)
    return float(np.mean(of_second[there] - of_first[here])) if len(here) else float("nan")
