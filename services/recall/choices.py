"""Where users begin who chose categories, before their events say more."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from services.domain.arrays import F32, I32, I64
from services.domain.context import preferences
from services.domain.stages import RecallQuery
from services.inference.background import give_way

SHARE = 0.65  # of the choices in the vector of a user without events
HALVED = 10  # events after which they have half of it
FLOOR = 0.1  # what an item without any event counts by the most popular one
PART = 4096  # items read at once


@dataclass(frozen=True, slots=True)
class Choices:
    """A direction for each category: to its items, popular ones first.

    Attributes:
        names: of categories.
        vectors: mean vector of each one's items, L2-normalised; zeros for one without items;
            float32 [c, d].
    """

    names: tuple[str, ...]
    vectors: F32

    @staticmethod
    def open(folder: Path, catalog: Catalog, names: Sequence[str]) -> "Choices":
        """From the item vectors and the popular list of the release in `folder`."""
        vectors = mapped(folder / layout.VECTORS)
        weights = np.full(len(catalog), FLOOR, np.float32)
        popularity = np.sqrt(mapped(folder / layout.POPULAR_SCORES))
        weights[mapped(folder / layout.POPULAR_ROWS)] += (1.0 - FLOOR) * popularity
        found = np.zeros((len(names), vectors.shape[1]), np.float32)
        for start in range(0, len(catalog), PART):
            codes, rows = _by_code(catalog, start)
            if len(codes):
                here, begins = np.unique(codes, return_index=True)
                found[here] += np.add.reduceat(vectors[rows] * weights[rows, None], begins)
            give_way()
        for code, vector in enumerate(found):
            found[code] = _unit(vector)
        return Choices(tuple(names), found)

    def lead(self, vectors: F32, queries: Sequence[RecallQuery]) -> F32:
        """User vectors float32 [B, d] drawn towards what each user chose, L2-normalised.

        With n events: (1 - s) * vector + s * mean of the chosen categories, s = SHARE / (1 + n /
        HALVED). Vectors of users who chose nothing known stay as they are.
        """
        led = vectors
        for i, query in enumerate(queries):
            chosen = [n for n in preferences(query.context.profile) if n in self.names]
            if chosen:
                led = led if led is not vectors else vectors.copy()
                at = [self.names.index(name) for name in chosen]
                share = SHARE / (1.0 + len(query.context.history) / HALVED)
                aim = _unit(self.vectors[at].mean(axis=0))
                led[i] = _unit((1.0 - share) * vectors[i] + share * aim)
        return led


def _by_code(catalog: Catalog, start: int) -> tuple[I32, I64]:
    """Codes of the categories of some items, ascending, int32, and the row of each, int64."""
    rows = np.arange(start, min(start + PART, len(catalog)))
    codes, counts = catalog.category_codes_of(rows)
    order = codes.argsort(kind="stable")
    return codes[order], rows.repeat(counts)[order]


def _unit(vector: F32) -> F32:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / np.float32(length)) if length else vector
