"""Popular items of the categories a user is interested in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.item_cf import best_sums
from services.domain.arrays import F32, I32, I64

PREFERENCE = 1.0  # a category the user chose counts as much as one of the newest event


@dataclass(frozen=True, slots=True)
class Categories:
    """The list of each category.

    Attributes:
        names: by code.
        rows, scores: most popular first, int32 and float32 [c, m]; -1 pads.
        recency: history position p weighs (1 + p) ** -recency.
    """

    names: tuple[str, ...]
    rows: I32
    scores: F32
    recency: float

    @staticmethod
    def open(folder: Path, names: Sequence[str], recency: float) -> "Categories":
        """Maps the lists of the release in `folder`; the names come from its schema."""
        rows, scores = folder / layout.CATEGORY_ROWS, folder / layout.CATEGORY_SCORES
        return Categories(tuple(names), mapped(rows), mapped(scores), recency)

    def interests(
        self, histories: I64, preferred: Sequence[Sequence[str]], catalog: Catalog
    ) -> F32:
        """How much B users want each category, float32 [B, c].

        The event at position p gives (1 + p) ** -recency, shared by the categories of its item; a
        category that the user chose gets PREFERENCE more.

        Args:
            histories: rows, newest first, -1 pads, int64 [B, L].
            preferred: names, by user; unknown ones are ignored.
        """
        users, positions = (histories >= 0).nonzero()
        codes, counts = catalog.category_codes_of(histories[users, positions])
        shares = (1.0 + positions) ** -self.recency / np.maximum(counts, 1)
        shape = (len(histories), len(self.names))
        cells = codes + (users * shape[1]).repeat(counts)
        found = np.bincount(cells, shares.repeat(counts), shape[0] * shape[1])
        wanted = found.astype(np.float32).reshape(shape)
        for user, names in enumerate(preferred):
            if names:
                chosen = [code for code, name in enumerate(self.names) if name in names]
                wanted[user, chosen] += PREFERENCE
        return wanted

    def fetch(self, interests: F32, item_count: int, limit: int) -> tuple[I32, F32]:
        """Best `limit` items: the score of an item is the sum of interest * score of its lists.

        Returns:
            rows int32 [k], scores float32 [k], best first, distinct; ties by row.
        """
        at = np.flatnonzero(interests)
        values = self.scores[at] * interests[at, None]
        return best_sums(self.rows[at].ravel(), values.ravel(), item_count, limit)
