"""What most people liked lately: the same list for everyone, and the floor of every answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.schema import layout
from services.domain.arrays import F32, I32
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery


class Popular:
    """CandidateSource over the release's popularity list."""

    name = "popular"

    def __init__(self, rows: I32, scores: F32) -> None:
        """`rows` int32 [p], most popular first, with their `scores` float32 [p]."""
        self._rows = rows
        self._scores = scores

    @staticmethod
    def open(folder: Path) -> "Popular":
        """The list of the release in `folder`."""
        return Popular(
            np.load(folder / layout.POPULAR_ROWS).astype(np.int32, copy=False),
            np.load(folder / layout.POPULAR_SCORES).astype(np.float32, copy=False),
        )

    def fetch(self, queries: Sequence[RecallQuery], limits: Sequence[int]) -> list[Fetched]:
        """The first `limits[i]` of the list; views, not copies."""
        return [Fetched(self._rows[:limit], self._scores[:limit]) for limit in limits]
