"""The items of a release, by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.strings import StringColumn
from services.domain.arrays import I32, U64, Bools


class Catalog:
    """Keys, ids, titles and categories of the items of a release; memory-mapped.

    Attributes:
        keys: uint64 [n], the key of each row.
        ids, titles: strings of each row.
    """

    def __init__(self, folder: Path, categories: Sequence[str]) -> None:
        """Opens the catalog of the release in `folder`; `categories` come from its schema."""
        self.keys: U64 = mapped(folder / layout.CATALOG_KEYS)
        self.ids = StringColumn.open(folder / layout.CATALOG_IDS)
        self.titles = StringColumn.open(folder / layout.CATALOG_TITLES)
        self._category_names = tuple(categories)
        self._offsets = mapped(folder / layout.CATALOG_CATEGORY_OFFSETS)
        self._codes = mapped(folder / layout.CATALOG_CATEGORY_CODES)
        self._order = np.argsort(self.keys, kind="stable")
        self._sorted = np.asarray(self.keys[self._order])

    def __len__(self) -> int:
        return len(self.keys)

    def rows_of(self, keys: U64) -> I32:
        """The row of each key, int32 [n]; -1 for items the release does not have."""
        if not len(self._sorted):
            return np.full(len(keys), -1, np.int32)
        at = np.searchsorted(self._sorted, keys)
        at[at == len(self._sorted)] = 0
        return np.where(self._sorted[at] == keys, self._order[at], -1).astype(np.int32)

    def category_codes(self, row: int) -> I32:
        """Codes of the categories of an item, int32."""
        return np.asarray(self._codes[self._offsets[row] : self._offsets[row + 1]])

    def categories(self, row: int) -> tuple[str, ...]:
        """Names of the categories of an item."""
        return tuple(self._category_names[code] for code in self.category_codes(row))

    def rows_in(self, categories: Sequence[str]) -> Bools:
        """Which rows are in one of these categories or more, bool [n]; unknown names match none."""
        wanted = np.isin(
            self._codes,
            [code for code, name in enumerate(self._category_names) if name in categories],
        )
        hits = np.concatenate([[0], np.cumsum(wanted)])
        return np.asarray(hits[self._offsets[1:]] > hits[self._offsets[:-1]])
