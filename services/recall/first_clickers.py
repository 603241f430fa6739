"""Look-alike: a new item moves towards the users who were the first to engage with it."""

from collections.abc import Sequence

import numpy as np

from models.schema.history import ENGAGED
from services.domain.arrays import F32, I64
from services.domain.ids import item_key
from services.domain.live import FreshItems
from services.domain.stages import RecallQuery

FIRST = 20  # clickers of an item that count
SLOW = 5.0  # of n clickers the vector of an item is n / (n + SLOW) theirs


class FirstClickers:
    """Learns from the histories of the queries it is shown; not for threads.

    A replica learns from the requests it answers, and forgets when it ends. That needs no event
    service and no names of users outside of requests.
    """

    def __init__(self) -> None:
        self._users: dict[int, set[int]] = {}  # by item key, hashes of user ids
        self._sums: dict[int, F32] = {}
        self._fresh = FreshItems()
        self._vectors = self._fresh.items.vectors

    def moved(self, queries: Sequence[RecallQuery], vectors: F32, fresh: FreshItems) -> F32:
        """Item vectors c, moved: (1 - w) c + w mean(u) with w = n / (n + 5), float32 [m, d].

        u are the vectors of the first n clickers, at most 20.

        Args:
            vectors: of the users of the queries, float32 [B, d].
        """
        if fresh is not self._fresh:
            self._begin(fresh)
        for query, places in _engagements(queries, fresh):
            user = item_key(queries[query].context.user_id)
            for place in places.tolist():
                self._learn(int(fresh.keys[place]), place, user, vectors[query])
        return self._vectors

    def _begin(self, fresh: FreshItems) -> None:
        """Keeps what is known of the items that are still new."""
        self._fresh, self._vectors = fresh, fresh.items.vectors.copy()
        place_of = {key: place for place, key in enumerate(fresh.keys.tolist())}
        for key in self._users.keys() - place_of.keys():
            del self._users[key], self._sums[key]
        for key in self._users:
            self._move(key, place_of[key])

    def _learn(self, key: int, place: int, user: int, vector: F32) -> None:
        users = self._users.setdefault(key, set())
        if user in users or len(users) == FIRST:
            return
        users.add(user)
        self._sums[key] = self._sums.get(key, np.zeros_like(vector)) + vector
        self._move(key, place)

    def _move(self, key: int, place: int) -> None:
        count = len(self._users[key])
        own = SLOW * self._fresh.items.vectors[place]
        self._vectors[place] = (own + self._sums[key]) / (SLOW + count)


def _engagements(queries: Sequence[RecallQuery], fresh: FreshItems) -> list[tuple[int, I64]]:
    """Queries whose user engaged with new items, each with the places of those."""
    histories = [query.context.history for query in queries]
    keys = np.concatenate([history.keys for history in histories])
    if not len(keys):
        return []
    at = np.minimum(np.searchsorted(fresh.keys, keys), len(fresh) - 1)
    hits = fresh.keys[at] == keys
    if not hits.any():
        return []
    hits &= np.isin(np.concatenate([history.events for history in histories]), ENGAGED)
    owner = np.repeat(np.arange(len(queries)), [len(history) for history in histories])
    return [(int(query), at[hits & (owner == query)]) for query in np.unique(owner[hits])]
