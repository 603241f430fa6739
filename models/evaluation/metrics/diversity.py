"""How different the items of a list are."""

import numpy as np

from models.evaluation.metrics.found import F64
from services.domain.arrays import F32, I32

BLOCK = 1024  # lists at once


def ild(lists: I32, vectors: F32) -> F64:
    """Intra-list diversity: the mean of 1 - cosine over all pairs of a list, [Q].

    Smyth and McClave, Similarity vs. diversity, ICCBR 2001. Of unit vectors the cosines of all
    pairs sum to (|sum v|^2 - sum |v|^2) / 2. Lists of fewer than two items have no pairs: NaN.

    Args:
        lists: rows of items, -1 pads, int32 [Q, k].
        vectors: of items, any length, float32 [n, d]; a zero vector is unlike everything.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    unit = np.append(unit, np.zeros((1, unit.shape[1]), unit.dtype), axis=0)  # row -1: padding
    found = np.empty(len(lists))
    for start in range(0, len(lists), BLOCK):
        block = unit[lists[start : start + BLOCK]].astype(np.float64)
        total = np.square(block.sum(axis=1)).sum(axis=1) - np.square(block).sum(axis=(1, 2))
        sizes = np.count_nonzero(lists[start : start + BLOCK] >= 0, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[start : start + BLOCK] = 1.0 - total / (sizes * (sizes - 1.0))
    return found
