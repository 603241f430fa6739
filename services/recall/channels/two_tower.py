"""Items near the user's vector (Covington et al. 2016, Yi et al. 2019)."""

from collections.abc import Sequence

import numpy as np

from models.schema.user_tower import UserTowerEncoder
from services.domain.arrays import F32
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.inference.session import OnnxModel
from services.recall.index.faiss_index import VectorIndex


class TwoTower:
    """CandidateSource: the user tower gives a vector, the index the items nearest to it."""

    name = "two_tower"

    def __init__(self, encoder: UserTowerEncoder, tower: OnnxModel, index: VectorIndex) -> None:
        self._encoder = encoder
        self._tower = tower
        self._index = index

    def fetch(self, queries: Sequence[RecallQuery], limits: Sequence[int]) -> list[Fetched]:
        """One run of the tower and one search for the whole batch.

        A user without history has a vector too: of the profile, and of being new.
        """
        vectors = self._vectors(queries)
        rows, scores = self._index.search(vectors, max(limits, default=0))
        found = []
        for i, limit in enumerate(limits):
            real = rows[i, :limit] >= 0
            found.append(Fetched(rows[i, :limit][real], scores[i, :limit][real], vectors[i]))
        return found

    def _vectors(self, queries: Sequence[RecallQuery]) -> F32:
        if not queries:
            return np.empty((0, self._index.dimension), np.float32)
        feed = self._encoder.feed([q.context for q in queries], [q.request for q in queries])
        return self._tower.run(feed)["user"]
