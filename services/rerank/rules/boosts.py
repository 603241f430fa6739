"""Scores multiplied or raised, by category, by item, or for being new."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.arrays import F32, Bools
from services.domain.candidates import best_first
from services.domain.inline import InlineItems, extended
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, boosted
from services.rerank.rules.relevance import non_negative


@dataclass(frozen=True, slots=True)
class Boost:
    """The score of some items becomes score * multiply + add; logits are made probabilities first.

    Attributes:
        rows: which rows of the release, bool [items].
        category: code of the category that was boosted, for items newer than the release; -1 when
            it was another target.
        new: items newer than the release were boosted.
        multiply, add: 1 and 0 change nothing.
    """

    rows: Bools
    multiply: float = 1.0
    add: float = 0.0
    category: int = -1
    new: bool = False


class Boosts:
    """Applies all boosts and orders by the new scores; ties keep their order.

    The factors of the boosts an item falls under are multiplied, then what they add is added, so
    that the order in which boosts are written means nothing.
    """

    name = "boosts"

    def __init__(self, boosts: Sequence[Boost], items: int) -> None:
        """`items`: number of items of the release."""
        self._any = bool(boosts)
        self._beyond = [boost for boost in boosts if boost.category >= 0 or boost.new]
        size = items if boosts else 0
        self._multiply: F32 = np.ones(size, np.float32)
        self._add: F32 = np.zeros(size, np.float32)
        for boost in boosts:
            self._multiply[boost.rows] *= boost.multiply
            self._add[boost.rows] += boost.add

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if not self._any:
            return slate, ()
        newer_multiply, newer_add = self._of_inline(query.inline)
        multiply = extended(self._multiply, newer_multiply, slate.rows)
        add = extended(self._add, newer_add, slate.rows)
        scores = non_negative(slate.scores) * multiply + add
        touched = (multiply != 1) | (add != 0)
        order = best_first(scores, len(scores))
        notes = boosted(self.name, slate.rows[touched], query)
        return Slate(slate.rows[order], scores[order]), notes

    def _of_inline(self, inline: InlineItems) -> tuple[F32, F32]:
        """Factor and addend of each inline item; float32 [m] both."""
        multiply, add = np.ones(len(inline), np.float32), np.zeros(len(inline), np.float32)
        for boost in self._beyond if len(inline) else ():
            inside = boost.new | (inline.features[:, boost.category] > 0)
            multiply[inside] *= boost.multiply
            add[inside] += boost.add
        return multiply, add
