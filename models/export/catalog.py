"""The catalog of a release."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from models.data.dataset import Tables
from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.strings import StringColumn
from services.domain.arrays import F32
from services.domain.ids import item_keys


def write_catalog(folder: Path, tables: Tables, schema: FeatureSchema) -> F32:
    """Writes keys, ids, titles, categories, tags and content; rows follow the item table.

    Returns:
        The content features, float32 [n, f].
    """
    (folder / layout.CATALOG_KEYS).parent.mkdir(parents=True, exist_ok=True)
    items = tables.items.to_dicts()
    content = np.zeros((len(items), schema.content_size), np.float32)
    for row, item in enumerate(items):
        content[row] = schema.content_features(item["categories"], item, _text(item))
    np.save(folder / layout.CATALOG_KEYS, item_keys(item["item_id"] for item in items))
    StringColumn.write(folder / layout.CATALOG_IDS, (item["item_id"] for item in items))
    StringColumn.write(folder / layout.CATALOG_TITLES, (item["title"] for item in items))
    categories = _codes([item["categories"] for item in items], schema.categories)
    np.save(folder / layout.CATALOG_CATEGORY_OFFSETS, categories[0])
    np.save(folder / layout.CATALOG_CATEGORY_CODES, categories[1])
    tags = _codes([item.get("tags", ()) for item in items], schema.tags)
    np.save(folder / layout.CATALOG_TAG_OFFSETS, tags[0])
    np.save(folder / layout.CATALOG_TAG_CODES, tags[1])
    np.save(folder / layout.CATALOG_FEATURES, content)
    return content


def _text(item: dict[str, Any]) -> str:
    """What an item is called and says of itself."""
    return f"{item['title']} {item.get('text', '')}"


def _codes(lists: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> tuple[Any, Any]:
    """Offsets int64 [n + 1] and codes int32 of the names that the vocabulary has."""
    code_of = {name: code for code, name in enumerate(vocabulary)}
    codes = [[code_of[name] for name in names if name in code_of] for names in lists]
    offsets = np.cumsum([0, *(len(c) for c in codes)], dtype=np.int64)
    return offsets, np.array([*chain(*codes)], np.int32)
