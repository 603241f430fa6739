"""Diversity by maximal marginal relevance."""

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.inline import extended
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, moved
from services.rerank.rules.relevance import F64, chosen_first, relevance


class Mmr:
    """Picks k items in turn, each good and unlike those before (Carbonell, Goldstein 1998).

    The next item is argmax of `trade_off * relevance - (1 - trade_off) * max similarity to a
    chosen one`, where relevance is the score scaled to 0..1 and similarity the cosine.
    """

    name = "mmr"

    def __init__(self, vectors: F32, trade_off: float) -> None:
        """`vectors`: L2-normalised, float32 [items, d]; `trade_off`: 1 relevance only .. 0."""
        self._vectors = vectors
        self._trade_off = trade_off

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        vectors = extended(self._vectors, query.inline.vectors, slate.rows)
        chosen = greedy_mmr(relevance(slate.scores), vectors, self._trade_off, query.k)
        result = chosen_first(slate, chosen)
        return result, moved(self.name, slate.rows, result.rows, query)


def greedy_mmr(relevances: F64, vectors: F32, trade_off: float, k: int) -> I64:
    """Positions of the min(k, n) items picked, in order; ties go to the earlier item. O(n k d)."""
    count = min(k, len(relevances))
    chosen = np.empty(count, np.int64)
    if not count:
        return chosen
    gain = trade_off * relevances
    # Nothing is chosen yet: the first item is the most relevant, whatever the trade-off.
    chosen[0] = best = int(relevances.argmax())
    closest = np.full(len(relevances), -np.inf)
    for step in range(1, count):
        np.maximum(closest, vectors @ vectors[best], out=closest)
        gain[best] = -np.inf
        chosen[step] = best = int((gain - (1 - trade_off) * closest).argmax())
    return chosen
