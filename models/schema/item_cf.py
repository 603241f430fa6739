"""Item-to-item collaborative filtering: scores of a user's candidates from the neighbour tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import best_first

_DENSE = 8  # items by neighbours up to which a column of all items is cheaper than sorting


@dataclass(frozen=True, slots=True)
class ItemCf:
    """Neighbour tables: rows int32 [n, m], best first, -1 pads; scores float32 [n, m]."""

    rows: I32
    scores: F32
    recency: float

    @staticmethod
    def open(folder: Path, recency: float) -> "ItemCf":
        """Maps the tables of the release in `folder`; `recency` is item_cf_recency."""
        return ItemCf(
            mapped(folder / layout.ITEM_CF_ROWS),
            mapped(folder / layout.ITEM_CF_SCORES),
            recency,
        )

    def fetch(self, history: I32 | I64, limit: int) -> tuple[I32, F32]:
        """Best `limit` items for a history of rows [L], newest first; -1 and seen are not dropped.

        score(j) = sum over positions p of (1 + p) ** -recency * similarity(history[p], j).

        Returns:
            rows int32 [k], scores float32 [k], best first, distinct; ties by row.
        """
        weights = (1.0 + np.arange(len(history))) ** -self.recency
        known = history >= 0
        history, weights = history[known], weights[known].astype(np.float32)
        neighbours = self.rows[history].ravel()
        kept = neighbours >= 0
        values = (self.scores[history] * weights[:, None]).ravel()
        rows, sums = _sums(neighbours[kept], values[kept], len(self.rows))
        best = best_first(sums, limit)
        return rows[best].astype(np.int32), sums[best]


def _sums(rows: I32, values: F32, item_count: int) -> tuple[I64, F32]:
    """Distinct rows, ascending, and the sum of the values of each."""
    if item_count > _DENSE * len(rows):
        distinct, places = np.unique(rows, return_inverse=True)
        sums = np.bincount(places, weights=values, minlength=len(distinct))
        return distinct.astype(np.int64), sums.astype(np.float32)
    there = np.zeros(item_count, np.bool_)
    there[rows] = True
    found = np.flatnonzero(there)
    sums = np.bincount(rows, weights=values, minlength=item_count)
    return found, sums[found].astype(np.float32)
