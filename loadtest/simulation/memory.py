"""What people remember of what they were shown: enough to tire of it."""

import numpy as np

from loadtest.simulation.truth import rested
from services.domain.arrays import F32, I64

LAST = 100  # items last shown that a person remembers one by one


class Memory:
    """Looks at each category, and the items last shown, of every person."""

    def __init__(self, people: int, categories: int) -> None:
        self._looked = np.zeros((people, categories), np.float32)
        self._since = np.zeros(people, np.float32)
        self._last = np.full((people, LAST), -1, np.int32)

    def looked(self, people: I64, days: F32) -> F32:
        """Looks at each category that are still felt, float32 [m, C]."""
        passed = np.maximum(days - self._since[people], 0.0)
        return rested(self._looked[people], passed[:, None])

    def shown(self, people: I64, rows: I64) -> F32:
        """How often each of `rows` [m, l] is among the items last shown, float32 [m, l]."""
        last = self._last[people]
        return np.asarray((last[:, None, :] == rows[:, :, None]).sum(axis=2), np.float32)

    def add(self, people: I64, days: F32, rows: I64, looks: F32, categories: I64) -> None:
        """A list was shown to each of `people`, who differ.

        Args:
            rows: int64 [m, l]; -1: a place with nothing known.
            looks: probability that each place was looked at, 0 where there was nothing, [m, l].
            categories: of the items, int64 [m, l].
        """
        looked = self.looked(people, days)
        width = looked.shape[1]
        at = np.arange(len(people))[:, None] * width + categories
        more = np.bincount(at.ravel(), looks.ravel(), minlength=looked.size)
        self._looked[people] = looked + more.reshape(looked.shape).astype(np.float32)
        self._since[people] = days
        kept = np.concatenate([rows.astype(np.int32), self._last[people]], axis=1)
        self._last[people] = kept[:, :LAST]

    def forget(self, person: int) -> None:
        """A stranger takes the person's place."""
        self._looked[person] = 0.0
        self._last[person] = -1
