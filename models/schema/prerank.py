"""What the prerank model is fed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.manifest import Manifest
from models.schema.recall_features import owners, recall_features, rows_of
from models.schema.user_tower import Feed
from services.domain.arrays import F32
from services.domain.stages import PrerankQuery


@dataclass(frozen=True, slots=True)
class PrerankEncoder:
    """Feeds prerank → `score` [N].

    Attributes:
        vectors: item vectors of recall, float32 [n, d].
        items: static features of items, float32 [n, g].
        channel_count: recall channels of the release.
    """

    vectors: F32
    items: F32
    channel_count: int

    @staticmethod
    def open(folder: Path, channel_count: int | None = None) -> "PrerankEncoder":
        """Maps the tables of the release in `folder`; the manifest tells the channels."""
        if channel_count is None:
            channel_count = len(Manifest.read(folder).channels)
        return PrerankEncoder(
            mapped(folder / layout.VECTORS),
            mapped(folder / layout.PRERANK_ITEMS),
            channel_count,
        )

    def feed(self, queries: Sequence[PrerankQuery]) -> Feed:
        """One feed for B queries with N candidates in all.

        A query without a user vector is scored with zeros for it.

        Returns:
            user float32 [B, d], user_of int64 [N], vectors float32 [N, d],
            statics float32 [N, g], recall float32 [N, 3C].
        """
        lists = [query.candidates for query in queries]
        users = np.zeros((len(queries), self.vectors.shape[1]), np.float32)
        for i, query in enumerate(queries):
            if len(query.user_vector):
                users[i] = query.user_vector
        rows = rows_of(lists)
        return {
            "user": users,
            "user_of": owners(lists),
            "vectors": np.asarray(self.vectors[rows]),
            "statics": np.asarray(self.items[rows]),
            "recall": recall_features(lists, self.channel_count),
        }
