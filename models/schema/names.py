"""A few names an item, such as its categories: codes side by side, and where an item's begin."""

from collections.abc import Sequence

import numpy as np

from models.schema.arrays import slices
from services.domain.arrays import I32, I64, Bools


class NameLists:
    """Names by row, as codes into a vocabulary."""

    def __init__(self, names: Sequence[str], offsets: I64, codes: I32) -> None:
        """Row i has codes[offsets[i] : offsets[i + 1]].

        Args:
            names: by code.
            offsets: int64 [n + 1].
            codes: int32.
        """
        self._names = tuple(names)
        self._offsets = offsets
        self._codes = codes

    def codes_of(self, row: int) -> I32:
        """Codes of a row, int32."""
        return np.asarray(self._codes[self._offsets[row] : self._offsets[row + 1]])

    def of(self, row: int) -> tuple[str, ...]:
        """Names of a row."""
        return tuple(self._names[code] for code in self.codes_of(row))

    def of_each(self, rows: I64) -> tuple[I32, I64]:
        """Codes of several rows, one after the other, int32, and how many each has, int64 [m]."""
        places, lengths = slices(self._offsets, rows)
        return np.asarray(self._codes[places]), lengths

    def any_of(self, names: Sequence[str]) -> Bools:
        """Which rows have one of these names or more, bool [n]; unknown ones match none."""
        wanted = np.isin(
            self._codes, [code for code, name in enumerate(self._names) if name in names]
        )
        hits = np.concatenate([[0], np.cumsum(wanted)])
        return np.asarray(hits[self._offsets[1:]] > hits[self._offsets[:-1]])
