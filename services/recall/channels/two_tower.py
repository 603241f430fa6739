"""Items near the user's vector (Covington et al. 2016, Yi et al. 2019)."""

from collections.abc import Sequence

from services.domain.live import Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.index.faiss_index import VectorIndex
from services.recall.tables import Tables
from services.recall.user_vectors import UserVectors


class TwoTower:
    """CandidateSource: the user tower gives a vector, the index the items nearest to it."""

    name = "two_tower"

    def __init__(self, users: UserVectors, index: VectorIndex) -> None:
        self._users = users
        self._index = index

    @staticmethod
    def open(tables: Tables) -> "TwoTower":
        return TwoTower(tables.users, tables.index)

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """One run of the tower and one search for the whole batch."""
        vectors = self._users.of(queries)
        rows, scores = self._index.search(vectors, max(limits, default=0))
        found = []
        counts = (rows >= 0).sum(axis=1).tolist()  # what is missing is at the end
        for i, limit in enumerate(limits):
            end = min(limit, counts[i])
            found.append(Fetched(rows[i, :end], scores[i, :end], vectors[i]))
        return found
