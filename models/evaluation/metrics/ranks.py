"""Areas under curves, from the order of scores."""

import numpy as np

from models.evaluation.metrics.found import F64, NOT_FOUND, Found
from services.domain.arrays import I64, Bools


def auc(labels: Bools, scores: F64) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    The Mann-Whitney U by mid-ranks: (sum of the positives' ranks - m (m + 1) / 2) / (m (n - m)).
    Hanley and McNeil, Radiology 143, 1982. NaN where one of the classes is missing.
    """
    return float(_areas(labels, scores, np.zeros(len(labels), np.int64), 1)[0])


def gauc(labels: Bools, scores: F64, groups: I64) -> float:
    """AUC within each group (user or request), their mean weighted by the size of the group.

    Zhu et al., Optimized cost per click in Taobao display advertising, KDD 2017. Groups of one
    class are left out; NaN when all are.
    """
    count = int(groups.max(initial=-1)) + 1
    areas = _areas(labels, scores, groups, count)
    known = ~np.isnan(areas)
    if not known.any():
        return float("nan")
    return float(np.average(areas[known], weights=np.bincount(groups, minlength=count)[known]))


def pr_auc(labels: Bools, scores: F64) -> float:
    """Area under precision and recall as average precision: sum (R_i - R_{i-1}) P_i.

    The sum goes over the distinct scores, so ties do not depend on order (no interpolation: Davis
    and Goadrich, ICML 2006, say why). NaN without positives.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    positives = np.cumsum(labels[order])
    if not len(scores) or not positives[-1]:
        return float("nan")
    gained = np.diff(positives[ends], prepend=0) / positives[-1]
    return float(gained @ (positives[ends] / (ends + 1.0)))


def list_auc(found: Found, lengths: I64) -> F64:
    """AUC of each query from the places of its true items in a list of `lengths` items, [Q].

    A true item at place p, the j-th true one (both from 0), has p - j others above it. True items
    that are not in the list are left out; NaN for a query with none in it, or nothing else.
    """
    inside = found.ordered < NOT_FOUND
    above = np.where(inside, found.ordered - found.order, 0).astype(np.float64)
    positives = found.summed(inside.astype(np.float64))
    pairs = positives * (lengths - positives)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, 1.0 - found.summed(above) / pairs, np.nan)


def _areas(labels: Bools, scores: F64, groups: I64, count: int) -> F64:
    """AUC of each group, [count]; NaN where one of the classes is missing."""
    order = np.lexsort((scores, groups))
    group, score = groups[order], scores[order]
    starts = np.searchsorted(group, np.arange(count))
    new = np.append(True, (np.diff(score) != 0) | (np.diff(group) != 0))[: len(order)]
    tie = np.cumsum(new) - 1
    sizes = np.bincount(tie)
    first = np.cumsum(sizes) - sizes
    ranks = (first + (sizes + 1) / 2)[tie] - starts[group]
    positive = labels[order].astype(np.float64)
    m = np.bincount(group, positive, count)
    negatives = np.bincount(group, minlength=count) - m
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = (np.bincount(group, ranks * positive, count) - m * (m + 1) / 2) / (m * negatives)
    return np.where((m > 0) & (negatives > 0), areas, np.nan)
