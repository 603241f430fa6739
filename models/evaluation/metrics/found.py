"""Where the true items of each query are in its list."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from services.domain.arrays import I32, I64

F64: TypeAlias = npt.NDArray[np.float64]

NOT_FOUND = 2**31 - 1
"""Place of an item that is not in the list."""


@dataclass(frozen=True)
class Found:
    """Places of true items, several a query. Query q has the items offsets[q] to offsets[q + 1].

    Attributes:
        offsets: int64 [Q + 1]; every query has at least one true item.
        places: place of each true item in the list of its query, from 0; NOT_FOUND: int32 [T].
    """

    offsets: I64
    places: I32

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def sizes(self) -> I64:
        """Number of true items of each query, int64 [Q]."""
        return np.diff(self.offsets)

    @cached_property
    def queries(self) -> I64:
        """The query of each true item, int64 [T]."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @cached_property
    def ordered(self) -> I64:
        """The places, ascending within each query, int64 [T]."""
        keys = np.sort((self.queries << 32) | self.places.astype(np.int64))
        return np.asarray(keys & 0xFFFFFFFF)

    @cached_property
    def order(self) -> I64:
        """The number of each of `ordered` within its query, from 0, int64 [T]."""
        return np.arange(len(self.places)) - self.offsets[self.queries]

    def summed(self, values: F64) -> F64:
        """Sums over the true items of each query; values: [T], result [Q]."""
        return np.asarray(np.bincount(self.queries, values, len(self)), np.float64)
