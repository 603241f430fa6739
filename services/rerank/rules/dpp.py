"""Diversity by a determinantal point process."""

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.inline import extended
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, moved
from services.rerank.rules.relevance import F64, chosen_first, relevance

SPANNED = 1e-9  # below this an item lies in the span of the chosen ones: the determinant is 0


class Dpp:
    """Picks k items that make the determinant of their kernel large (Chen, Zhang, Zhou 2018).

    The kernel is `L = Diag(q) S Diag(q)` with similarity `S = (1 + cosine) / 2`, positive
    semidefinite, and quality `q = exp(a r / 2)` of relevance r in 0..1, where
    `a = trade_off / (1 - trade_off)`. So `log det L_Y = a * sum(r) + log det S_Y`: relevance is a
    term of its own, and only S needs a Cholesky factor.
    """

    name = "dpp"

    def __init__(self, vectors: F32, trade_off: float) -> None:
        """`vectors`: L2-normalised, float32 [items, d]; `trade_off`: 1 relevance only .. 0."""
        self._vectors = vectors
        self._trade_off = trade_off

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if self._trade_off >= 1:
            return slate, ()
        weight = self._trade_off / (1 - self._trade_off)
        vectors = extended(self._vectors, query.inline.vectors, slate.rows)
        log_quality = weight * relevance(slate.scores)
        chosen = greedy_dpp(log_quality, vectors.astype(np.float64), query.k)
        result = chosen_first(slate, chosen)
        return result, moved(self.name, slate.rows, result.rows, query)


def greedy_dpp(log_quality: F64, vectors: F64, k: int) -> I64:
    """Positions picked by greedy MAP inference, in order; ties go to the earlier item.

    Keeps the rows of the Cholesky factor of S for all items and adds one column a step:
    O(n k^2 + n k d). Fewer than min(k, n) come back when no other item adds volume.

    Args:
        log_quality: log of the squared quality of each item, float64 [n].
        vectors: float64 [n, d]; S = (1 + vectors vectors^T) / 2.
        k: most items to pick.
    """
    count = min(k, len(log_quality))
    chosen = np.empty(count, np.int64)
    factor = np.empty((count, len(log_quality)))
    volume = (1 + np.einsum("nd,nd->n", vectors, vectors)) / 2  # squared distance to the span
    for step in range(count):
        with np.errstate(divide="ignore"):
            best = int((log_quality + np.log(volume)).argmax())
        if volume[best] < SPANNED:
            return chosen[:step]
        chosen[step] = best
        similarity = (1 + vectors @ vectors[best]) / 2
        known = factor[:step]
        factor[step] = (similarity - known[:, best] @ known) / np.sqrt(volume[best])
        volume -= factor[step] ** 2
        volume[volume < SPANNED] = 0
        volume[best] = 0
    return chosen
