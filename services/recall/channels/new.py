"""Items newer than the release: those that fit the user, and a floor for those hardly shown yet."""

from collections.abc import Sequence

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.candidates import leading
from services.domain.ids import item_key
from services.domain.live import NOTHING_LIVE, Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.first_clickers import FirstClickers
from services.recall.tables import Tables
from services.recall.user_vectors import UserVectors
from services.statistics.decay import shown_of

EXPLORED = 50.0  # impressions of a week after which an item has to fit like any other
FLOOR = 3  # every third place is for an item that was hardly shown yet
_NEVER, _NOT = np.float32(np.inf), np.float32(-np.inf)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class New:
    """CandidateSource: new items by the cosine of user and item, moved by its first clickers.

    Every third place goes to an item with few impressions, whether it fits or not: an item nobody
    is shown can be clicked by nobody. Users get different ones of them. Such an item has the score
    of the one before it. An item of which the release knows nothing, and users without a vector
    (a release without a user tower), have these places alone.
    """

    name = "new"

    def __init__(self, users: UserVectors | None) -> None:
        self._users = users
        self._clickers = FirstClickers()
        self._levels: tuple[Live, F32] = NOTHING_LIVE, _levels(NOTHING_LIVE)

    @staticmethod
    def open(tables: Tables) -> "New":
        return New(tables.users if "two_tower" in tables.channels else None)

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """Nothing is computed while there are no new items."""
        count = len(live.fresh)
        if not count or not queries:
            return [Fetched(np.empty(0, np.int32), np.empty(0, np.float32)) for _ in queries]
        scores = np.zeros((len(queries), count), np.float32)
        if self._users is not None:
            vectors = self._users.of(queries)
            scores = vectors @ self._clickers.moved(queries, vectors, live.fresh).T
        directed = scores != 0.0  # exactly 0 is the product of an item without direction
        order = leading(np.where(directed, scores, _NOT), max(limits))
        counts = directed.sum(axis=1).tolist()
        least = _least_shown(self._levels_of(live), live, queries, max(limits))
        return [
            _woven(order[i, : min(limit, counts[i])], least[i, :limit], scores[i], limit)
            for i, limit in enumerate(limits)
        ]

    def _levels_of(self, live: Live) -> F32:
        """Computed once a live state."""
        if self._levels[0] is not live:
            self._levels = live, _levels(live)
        return self._levels[1]


def _levels(live: Live) -> F32:
    """How often each new item was shown, in powers of two, [m]; infinite when that is enough."""
    rows = -1 - np.arange(len(live.fresh), dtype=np.int32)
    shown = shown_of(live.statistics_of(rows))
    levels = np.floor(np.log2(1.0 + shown))
    return np.where(shown < EXPLORED, levels, np.inf).astype(np.float32)


def _least_shown(levels: F32, live: Live, queries: Sequence[RecallQuery], limit: int) -> I64:
    """Places of items of finite level, lowest first; equal ones in an order of the user's own.

    int64 [B, at most limit].
    """
    users = np.array([item_key(query.context.user_id) for query in queries], np.uint64)
    mixed = (live.fresh.keys ^ users[:, None]) * _SPREAD
    own = (mixed >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
    return leading(-(levels + own), limit)[:, : int(np.isfinite(levels).sum())]


def _woven(fits: I64, least: I64, scores: F32, limit: int) -> Fetched:
    """One list of two, in which an item has the better of its places."""
    floor, place = np.full((2, len(scores)), _NEVER)
    floor[least] = FLOOR * (1.0 + np.arange(len(least)))
    place[fits] = FLOOR / (FLOOR - 1.0) * (0.5 + np.arange(len(fits)))
    others = ((floor < _NEVER) & (place == _NEVER)).nonzero()[0]
    found = np.concatenate([fits, others])
    found = found[np.argsort(np.minimum(floor, place)[found], kind="stable")][:limit]
    own = np.where(floor[found] < place[found], np.inf, scores[found])
    given = np.minimum.accumulate(own)
    return Fetched((-1 - found).astype(np.int32), np.where(np.isinf(given), 0.0, given))
