"""What the prerank model is fed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.inline import inline_of, rows_of, typical
from models.schema.manifest import Manifest
from models.schema.recall_features import owners, recall_features
from models.schema.user_tower import Feed
from services.domain.arrays import F32
from services.domain.inline import extended
from services.domain.stages import PrerankQuery


@dataclass(frozen=True, slots=True)
class PrerankEncoder:
    """Feeds prerank → `score` [N].

    Attributes:
        vectors: item vectors of recall, float32 [n, d].
        items: static features of items, float32 [n, g].
        typical: those of an inline item, float32 [g].
        channel_count: recall channels of the release.
    """

    vectors: F32
    items: F32
    typical: F32
    channel_count: int

    @staticmethod
    def open(folder: Path, channel_count: int | None = None) -> "PrerankEncoder":
        """Maps the tables of the release in `folder`; the manifest tells the channels."""
        if channel_count is None:
            channel_count = len(Manifest.read(folder).channels)
        items = mapped(folder / layout.PRERANK_ITEMS)
        return PrerankEncoder(mapped(folder / layout.VECTORS), items, typical(items), channel_count)

    def feed(self, queries: Sequence[PrerankQuery]) -> Feed:
        """One feed for B queries with N candidates in all.

        A query without a user vector is scored with zeros for it.

        Returns:
            user float32 [B, d], user_of int64 [N], vectors float32 [N, d],
            statics float32 [N, g], recall float32 [N, 3C + S].
        """
        lists = [query.candidates for query in queries]
        rows, inline = rows_of(lists), inline_of(lists)
        statics = np.broadcast_to(self.typical, (len(inline), len(self.typical)))
        return {
            "user": user_vectors([query.user_vector for query in queries], self.vectors.shape[1]),
            "user_of": owners(lists),
            "vectors": extended(self.vectors, inline.vectors, rows),
            "statics": extended(self.items, statics, rows),
            "recall": recall_features(lists, self.channel_count),
        }


def user_vectors(vectors: Sequence[F32], dimension: int) -> F32:
    """The vectors as rows, float32 [B, d]; zeros for an empty one."""
    rows = np.zeros((len(vectors), dimension), np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        if len(vector):
            row[:] = vector
    return rows
