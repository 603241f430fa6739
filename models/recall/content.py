"""Items with the same content: categories, attributes and words."""

import numpy as np

from models.recall.neighbours import blocks
from services.domain.arrays import F32, I32
from services.domain.candidates import leading


def fit(content: F32, neighbours: int = 100) -> tuple[I32, F32]:
    """The nearest items of each by the cosine of content features, those above 0 alone.

    Args:
        content: float32 [n, f].

    Returns:
        rows int32 [n, m], best first, ties by row, -1 pads; scores float32 [n, m], 0 where padded.
    """
    n = len(content)
    width = min(neighbours, n)
    norms = np.linalg.norm(content, axis=1, keepdims=True)
    unit = content / np.maximum(norms, np.float32(1e-12))
    rows = np.full((n, width), -1, np.int32)
    scores = np.zeros((n, width), np.float32)
    for block in blocks(n):
        cosines = np.asarray(unit[block] @ unit.T, np.float32)
        cosines[np.arange(len(cosines)), np.arange(n)[block]] = 0.0
        best = leading(cosines, width)
        values = np.take_along_axis(cosines, best, axis=1)
        rows[block] = np.where(values > 0, best, -1)
        scores[block] = np.maximum(values, 0.0)
    return rows, scores
