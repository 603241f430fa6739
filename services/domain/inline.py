"""Items newer than the release, as they travel beside the candidates."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.domain.arrays import F32, I32, I64, U64
from services.domain.ids import item_keys

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class InlineItems:
    """Items that the release does not have, encoded by recall; row -1-i means the i-th of them.

    Attributes:
        ids: item ids [m].
        vectors: in the space of the release's index, L2-normalised, float32 [m, d].
        features: content features by the release's schema, float32 [m, f].
    """

    ids: tuple[str, ...]
    vectors: F32
    features: F32

    @staticmethod
    def none() -> "InlineItems":
        return NO_INLINE

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: I32 | I64) -> "InlineItems":
        """The items at these positions, in this order."""
        ids = tuple(map(self.ids.__getitem__, index.tolist()))
        vectors, features = self.vectors.take(index, axis=0), self.features.take(index, axis=0)
        return InlineItems(ids, vectors, features)

    @property
    def keys(self) -> U64:
        """Item keys, uint64 [m]."""
        return item_keys(self.ids)


NO_INLINE = InlineItems((), np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))


def extended(table: npt.NDArray[T], inline: npt.NDArray[T], rows: I32 | I64) -> npt.NDArray[T]:
    """table[rows] where row -1-i is the i-th of `inline`: [*rows.shape, e].

    Args:
        table: one entry an item of the release, [n, e] or [n].
        inline: one entry an inline item, [m, e] or [m]; not looked at when no row is negative.
        rows: int [...].
    """
    if not len(table):
        return np.asarray(inline[-1 - rows])
    found = table.take(rows, axis=0, mode="clip")
    if len(inline):
        newer = rows < 0
        found[newer] = inline[-1 - rows[newer]]
    return found
