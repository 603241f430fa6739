"""A catalog of a few items."""

from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.strings import StringColumn
from services.domain.ids import item_keys

ITEMS = 12
CATEGORIES = ("even", "third", "rest")
TAGS = ("low", "fourth")


def categories_of(row: int) -> list[str]:
    """Even rows, every third row, and what is neither."""
    named = [name for name, step in (("even", 2), ("third", 3)) if row % step == 0]
    return named or ["rest"]


def tags_of(row: int) -> list[str]:
    """Rows below 6, and every fourth row."""
    return [name for name, has in (("low", row < 6), ("fourth", row % 4 == 0)) if has]


def write_catalog(folder: Path) -> Catalog:
    """Items "0" to "11" in `folder`."""
    (folder / "catalog").mkdir(parents=True)
    ids = [str(row) for row in range(ITEMS)]
    codes = [[CATEGORIES.index(name) for name in categories_of(row)] for row in range(ITEMS)]
    np.save(folder / layout.CATALOG_KEYS, item_keys(ids))
    StringColumn.write(folder / layout.CATALOG_IDS, ids)
    StringColumn.write(folder / layout.CATALOG_TITLES, [f"Item {i}" for i in ids])
    offsets = np.cumsum([0, *(len(c) for c in codes)])
    np.save(folder / layout.CATALOG_CATEGORY_OFFSETS, offsets.astype(np.int64))
    np.save(folder / layout.CATALOG_CATEGORY_CODES, np.concatenate(codes).astype(np.int32))
    tagged = [[TAGS.index(name) for name in tags_of(row)] for row in range(ITEMS)]
    offsets = np.cumsum([0, *(len(t) for t in tagged)])
    np.save(folder / layout.CATALOG_TAG_OFFSETS, offsets.astype(np.int64))
    np.save(folder / layout.CATALOG_TAG_CODES, np.concatenate(tagged).astype(np.int32))
    return Catalog(folder, CATEGORIES, TAGS)
