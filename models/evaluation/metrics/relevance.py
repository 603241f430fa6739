"""Metrics of lists with known true items: one value a query, float64 [Q].

`found` has the places of the true items, `k` is the length of the list that counts. T_q is the set
of true items of query q, rel(i) is 1 when the item at place i (from 1) is true.
"""

import numpy as np

from models.evaluation.metrics.found import F64, Found


def hits(found: Found, k: int) -> F64:
    """How many true items are among the first k."""
    return found.summed((found.places < k).astype(np.float64))


def precision(found: Found, k: int) -> F64:
    """Precision@k = hits / k; a list shorter than k is filled with misses."""
    return hits(found, k) / k


def recall(found: Found, k: int) -> F64:
    """Recall@k = hits / |T_q|."""
    return hits(found, k) / found.sizes


def hit_rate(found: Found, k: int) -> F64:
    """HR@k: 1 when any true item is among the first k. With one true item it is Recall@k."""
    return (hits(found, k) > 0).astype(np.float64)


def ndcg(found: Found, k: int) -> F64:
    """NDCG@k = sum_{i<=k} rel(i) / log2(i + 1), by the same of the best list there can be.

    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002; gains
    are 0 or 1.
    """
    gains = np.where(found.places < k, 1.0 / np.log2(found.places + 2.0), 0.0)
    ideal = np.append(0.0, np.cumsum(1.0 / np.log2(np.arange(2.0, k + 2.0))))
    return np.asarray(found.summed(gains) / ideal[np.minimum(found.sizes, k)])


def average_precision(found: Found, k: int) -> F64:
    """AP@k = sum_{i<=k} rel(i) Precision@i / min(k, |T_q|); its mean over queries is MAP@k.

    Manning, Raghavan and Schütze, Introduction to Information Retrieval, 8.4, cut at k.
    """
    precisions = (found.order + 1) / (found.ordered + 1)
    inside = np.where(found.ordered < k, precisions, 0.0)
    return found.summed(inside) / np.minimum(found.sizes, k)


def reciprocal_rank(found: Found, k: int) -> F64:
    """RR@k = 1 / place (from 1) of the first true item, 0 beyond k; its mean is MRR@k.

    Voorhees, The TREC-8 question answering track report, 1999.
    """
    first = found.ordered[found.offsets[:-1]]
    return np.where(first < k, 1.0 / (first + 1.0), 0.0)
