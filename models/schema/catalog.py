"""The items of a release, by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.names import NameLists
from models.schema.strings import StringColumn
from services.domain.arrays import I32, I64, U64, Bools

_UNKNOWN = np.int32(-1)


class Catalog:
    """Keys, ids, titles, categories and tags of the items of a release; memory-mapped.

    Attributes:
        keys: uint64 [n], the key of each row.
        ids, titles: strings of each row.
    """

    def __init__(self, folder: Path, categories: Sequence[str], tags: Sequence[str] = ()) -> None:
        """Opens the catalog of the release in `folder`; names of both come from its schema."""
        self.keys: U64 = mapped(folder / layout.CATALOG_KEYS)
        self.ids = StringColumn.open(folder / layout.CATALOG_IDS)
        self.titles = StringColumn.open(folder / layout.CATALOG_TITLES)
        offsets, codes = layout.CATALOG_CATEGORY_OFFSETS, layout.CATALOG_CATEGORY_CODES
        self._categories = NameLists(categories, mapped(folder / offsets), mapped(folder / codes))
        offsets, codes = layout.CATALOG_TAG_OFFSETS, layout.CATALOG_TAG_CODES
        self._tags = NameLists(tags, mapped(folder / offsets), mapped(folder / codes))
        self._order = np.argsort(self.keys).astype(np.int32)
        self._sorted = np.asarray(self.keys[self._order])

    def __len__(self) -> int:
        return len(self.keys)

    def rows_of(self, keys: U64) -> I32:
        """The row of each key, int32 [n]; -1 for items the release does not have."""
        if not len(self._sorted):
            return np.full(len(keys), -1, np.int32)
        at = self._sorted.searchsorted(keys)
        known = self._sorted.take(at, mode="clip") == keys  # one beyond the last equals none
        return np.where(known, self._order.take(at, mode="clip"), _UNKNOWN)

    def category_codes(self, row: int) -> I32:
        """Codes of the categories of an item, int32."""
        return self._categories.codes_of(row)

    def category_codes_of(self, rows: I64) -> tuple[I32, I64]:
        """Codes of several items, one after the other, int32, and how many each has, int64 [m]."""
        return self._categories.of_each(rows)

    def categories(self, row: int) -> tuple[str, ...]:
        """Names of the categories of an item."""
        return self._categories.of(row)

    def tags(self, row: int) -> tuple[str, ...]:
        """Names of the tags of an item."""
        return self._tags.of(row)

    def rows_in(self, categories: Sequence[str]) -> Bools:
        """Which rows are in one of these categories or more, bool [n]; unknown names match none."""
        return self._categories.any_of(categories)

    def rows_with_tags(self, tags: Sequence[str]) -> Bools:
        """Which rows have all of these tags, bool [n]; a name no item has matches none."""
        found = np.ones(len(self), np.bool_)
        for tag in tags:
            found &= self._tags.any_of([tag])
        return found
