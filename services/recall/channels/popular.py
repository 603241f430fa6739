"""What most people liked lately: the same list for everyone, and the floor of every answer."""

from collections.abc import Sequence

import numpy as np

from models.schema import layout
from services.domain.arrays import F32, I32
from services.domain.live import Live, Takedowns
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.tables import Tables


class Popular:
    """CandidateSource over the release's popularity list."""

    name = "popular"

    def __init__(self, rows: I32, scores: F32) -> None:
        """`rows` int32 [p], most popular first, with their `scores` float32 [p]."""
        self._rows = rows
        self._scores = scores
        self._shown = Takedowns(), rows, scores

    @staticmethod
    def open(tables: Tables) -> "Popular":
        return Popular(
            np.load(tables.folder / layout.POPULAR_ROWS).astype(np.int32, copy=False),
            np.load(tables.folder / layout.POPULAR_SCORES).astype(np.float32, copy=False),
        )

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """The first `limits[i]` of the list; views, not copies."""
        rows, scores = self._list(live, max((query.request.now for query in queries), default=0))
        return [Fetched(rows[:limit], scores[:limit]) for limit in limits]

    def _list(self, live: Live, now: int) -> tuple[I32, F32]:
        """The list without what is hidden, made when that changes.

        So that it fills the answer however much of its beginning is hidden. What expires later is
        a filter's work.
        """
        if self._shown[0] is not live.takedowns:
            shown = ~live.takedowns.gone(self._rows, now)
            self._shown = live.takedowns, self._rows[shown], self._scores[shown]
        return self._shown[1:]
