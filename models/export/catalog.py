"""The catalog of a release."""

from itertools import chain
from pathlib import Path

import numpy as np

from models.data.dataset import Tables
from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.strings import StringColumn
from services.domain.arrays import F32
from services.domain.ids import item_keys


def write_catalog(folder: Path, tables: Tables, schema: FeatureSchema) -> F32:
    """Writes keys, ids, titles, categories and content features; rows follow the item table.

    Returns:
        The content features, float32 [n, f].
    """
    (folder / layout.CATALOG_KEYS).parent.mkdir(parents=True, exist_ok=True)
    items = tables.items.to_dicts()
    code_of = {name: code for code, name in enumerate(schema.categories)}
    codes = [[code_of[c] for c in item["categories"] if c in code_of] for item in items]
    offsets = np.cumsum([0, *(len(c) for c in codes)], dtype=np.int64)
    content = np.zeros((len(items), schema.content_size), np.float32)
    for row, item in enumerate(items):
        content[row] = schema.content_features(item["categories"], item)
    np.save(folder / layout.CATALOG_KEYS, item_keys(item["item_id"] for item in items))
    StringColumn.write(folder / layout.CATALOG_IDS, (item["item_id"] for item in items))
    StringColumn.write(folder / layout.CATALOG_TITLES, (item["title"] for item in items))
    np.save(folder / layout.CATALOG_CATEGORY_OFFSETS, offsets)
    np.save(folder / layout.CATALOG_CATEGORY_CODES, np.array([*chain(*codes)], np.int32))
    np.save(folder / layout.CATALOG_FEATURES, content)
    return content
