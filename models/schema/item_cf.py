"""Scores of a user's candidates from tables of neighbours: itemCF, and all that is used like it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import leading

_DENSE = 8  # items by neighbours up to which a column of all items is cheaper than sorting
_ONE = np.int32(1)


@dataclass(frozen=True, slots=True)
class ItemCf:
    """Neighbour tables: rows int32 [n, m], best first, -1 pads; scores float32 [n, m]."""

    rows: I32
    scores: F32
    recency: float

    @staticmethod
    def open(
        folder: Path,
        recency: float,
        rows: str = layout.ITEM_CF_ROWS,
        scores: str = layout.ITEM_CF_SCORES,
    ) -> "ItemCf":
        """Maps tables of the release in `folder`; history position p weighs (1 + p) ** -recency."""
        return ItemCf(mapped(folder / rows), mapped(folder / scores), recency)

    def fetch(self, history: I32 | I64, limit: int) -> tuple[I32, F32]:
        """Best `limit` items for a history of rows [L], newest first; -1 and seen are not dropped.

        score(j) = sum over positions p of (1 + p) ** -recency * similarity(history[p], j).

        Returns:
            rows int32 [k], scores float32 [k], above 0, best first, distinct; ties by row.
        """
        weights = (1.0 + np.arange(len(history))) ** -self.recency
        known = history >= 0
        at, weights = history[known], weights[known].astype(np.float32)
        neighbours, values = self.rows[at], self.scores[at] * weights[:, None]
        return best_sums(neighbours.ravel(), values.ravel(), len(self.rows), limit)


def best_sums(rows: I32, values: F32, item_count: int, limit: int) -> tuple[I32, F32]:
    """The `limit` rows with the highest sums of values, those above 0 alone.

    Args:
        rows: int32 [n], -1 pads.
        values: float32 [n], one for each.
        item_count: rows are below it.

    Returns:
        rows int32 [k], sums float32 [k], best first, distinct; ties by row.
    """
    if item_count > _DENSE * len(rows):
        kept = rows >= 0
        found, totals = sums(rows[kept], values[kept], item_count)
    else:
        totals = np.bincount(rows + _ONE, values, item_count + 1)[1:].astype(np.float32)
        found = np.flatnonzero(totals > 0)
        totals = totals.take(found)
    best = leading(totals, limit)
    best = best[: int(np.count_nonzero(totals[best] > 0))]
    return found[best].astype(np.int32), totals[best]


def sums(rows: I32, values: F32, item_count: int) -> tuple[I64, F32]:
    """Distinct rows, ascending, and the sum of the values of each."""
    if item_count > _DENSE * len(rows):
        distinct, places = np.unique(rows, return_inverse=True)
        totals = np.bincount(places, weights=values, minlength=len(distinct))
        return distinct.astype(np.int64), totals.astype(np.float32)
    there = np.zeros(item_count, np.bool_)
    there[rows] = True
    found = np.flatnonzero(there)
    totals = np.bincount(rows, weights=values, minlength=item_count)
    return found, totals[found].astype(np.float32)
