"""The vectors of a batch's users, computed once for all channels that need them."""

from collections.abc import Sequence
from threading import Lock

import numpy as np

from models.schema.user_tower import UserTowerEncoder
from services.domain.arrays import F32
from services.domain.stages import RecallQuery
from services.inference.session import OnnxModel
from services.recall.choices import Choices
from services.recall.histories import Histories


class UserVectors:
    """The user tower of a release. Keeps the vectors of the batch it was asked for last."""

    def __init__(
        self,
        histories: Histories,
        encoder: UserTowerEncoder,
        tower: OnnxModel,
        choices: Choices,
    ) -> None:
        self._histories = histories
        self._encoder = encoder
        self._tower = tower
        self._choices = choices
        self._lock = Lock()
        self._last: tuple[Sequence[RecallQuery], F32] | None = None

    def of(self, queries: Sequence[RecallQuery]) -> F32:
        """One run of the tower: float32 [B, d], L2-normalised.

        A user without history has a vector too: of the profile, of being new, and of the
        categories that the user chose.
        """
        with self._lock:
            if self._last is None or self._last[0] is not queries:
                self._last = (queries, self._run(queries))
            return self._last[1]

    def _run(self, queries: Sequence[RecallQuery]) -> F32:
        if not queries:
            return np.empty((0, self._choices.vectors.shape[1]), np.float32)
        contexts, requests = [q.context for q in queries], [q.request for q in queries]
        feed = self._encoder.feed_of(self._histories.encoded(queries), contexts, requests)
        return self._choices.lead(self._tower.run(feed)["user"], queries)
