"""User-to-user collaborative filtering: what people with a history like the user's took."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped, slices
from models.schema.item_cf import best_sums, sums
from services.domain.arrays import F32, I32, I64
from services.domain.candidates import best_first

NEIGHBOURS = 100  # users like the user whose items count


@dataclass(frozen=True, slots=True)
class UserCf:
    """Who took an item, and what a user took, as slices of flat arrays.

    Attributes:
        taker_offsets, takers: item i was taken by takers[taker_offsets[i] : taker_offsets[i + 1]];
            int64 [n + 1], int32.
        taken_offsets, taken: items of user u, newest first, in the same way; int64 [u + 1], int32.
        weights: what an item in common counts, float32 [n].
        norms: length of a user's vector of weights, float32 [u].
        recency: history position p weighs (1 + p) ** -recency.
    """

    taker_offsets: I64
    takers: I32
    taken_offsets: I64
    taken: I32
    weights: F32
    norms: F32
    recency: float

    @staticmethod
    def open(folder: Path, recency: float) -> "UserCf":
        """Maps the tables of the release in `folder`."""
        return UserCf(
            mapped(folder / layout.USER_CF_TAKER_OFFSETS),
            mapped(folder / layout.USER_CF_TAKERS),
            mapped(folder / layout.USER_CF_TAKEN_OFFSETS),
            mapped(folder / layout.USER_CF_TAKEN),
            mapped(folder / layout.USER_CF_WEIGHTS),
            mapped(folder / layout.USER_CF_NORMS),
            recency,
        )

    def fetch(self, history: I32 | I64, limit: int) -> tuple[I32, F32]:
        """Best `limit` items for a history of rows [L], newest first; -1 and seen are not dropped.

        likeness(u) = sum over history positions p with an item i that u took of
        (1 + p) ** -recency * weights[i], by norms[u]. score(j) = sum of the likeness of those of
        the NEIGHBOURS most like the user who took j.

        Returns:
            rows int32 [k], scores float32 [k], best first, distinct; ties by row.
        """
        known = history >= 0
        at = history[known].astype(np.int64)
        counts = (1.0 + np.arange(len(history))[known]) ** -self.recency * self.weights[at]
        places, lengths = slices(self.taker_offsets, at)
        values = np.repeat(counts, lengths).astype(np.float32)
        users, shared = sums(self.takers[places], values, len(self.norms))
        likeness = shared / self.norms[users]
        best = best_first(likeness, NEIGHBOURS)
        places, lengths = slices(self.taken_offsets, users[best])
        values = np.repeat(likeness[best], lengths)
        return best_sums(self.taken[places], values, len(self.weights), limit)
