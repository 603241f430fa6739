"""A place for what is new: an item that nobody was shown cannot show what it is worth."""

import numpy as np

from services.domain.arrays import I64
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, moved

POSITION = 10  # where the first of them goes, from 1


class FreshFloor:
    """At least `floor` of the first k are items newer than the release, if the list has as many.

    Where fewer are, the best of the others take the places from POSITION on. Lists shorter than
    that are left alone: the first places are for what is known to be good.
    """

    name = "fresh"

    def __init__(self, floor: int) -> None:
        """`floor`: items a list; 0 turns the rule off."""
        self._floor = floor

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if not self._floor or query.k < POSITION or not len(query.inline):
            return slate, ()
        newer = slate.rows < 0
        missing = self._floor - int(newer[: query.k].sum())
        raised = query.k + np.flatnonzero(newer[query.k :])[: max(missing, 0)]
        if not len(raised):
            return slate, ()
        order = _placed(len(slate.rows), raised, min(POSITION - 1, query.k - len(raised)))
        result = Slate(slate.rows[order], slate.scores[order])
        return result, moved(self.name, slate.rows, result.rows, query)


def _placed(count: int, raised: I64, at: int) -> I64:
    """Positions 0..count-1 in their order, but those `raised` from place `at` on, int64 [count]."""
    others = np.setdiff1d(np.arange(count), raised)
    return np.concatenate([others[:at], raised, others[at:]])
