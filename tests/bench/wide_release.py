"""A release with many times the items of another, without training: the same under more ids.

Graphs are fed with gathered rows, never with a table, so that golden tensors hold as they are.
Users keep their histories, which are of the first copy.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.export import index
from models.schema import layout
from models.schema.manifest import Manifest, hash_files
from models.schema.parameters import Parameters
from models.schema.strings import StringColumn
from services.domain.ids import item_keys

TILED = (
    layout.CATALOG_FEATURES,
    layout.USER_TOWER_ITEMS,
    layout.PRERANK_ITEMS,
    layout.RANK_ITEMS,
    layout.ITEM_CF_SCORES,
    layout.SWING_SCORES,
    layout.EASE_SCORES,
    layout.CONTENT_SCORES,
    layout.USER_CF_WEIGHTS,
    layout.CATALOG_CATEGORY_CODES,
    layout.CATALOG_TAG_CODES,
)
NEIGHBOURS = layout.ITEM_CF_ROWS, layout.SWING_ROWS, layout.EASE_ROWS, layout.CONTENT_ROWS
OFFSETS = layout.CATALOG_CATEGORY_OFFSETS, layout.CATALOG_TAG_OFFSETS
NOISE = 0.05  # of a vector's values: copies are near, not the same


def widened(release: Path, copies: int, folder: Path, kind: str = "ivf", seed: int = 1) -> Path:
    """Writes the release `folder`, named by its last part, with `copies` times the items."""
    shutil.copytree(release, folder)
    keys = np.load(folder / layout.CATALOG_KEYS)
    n = len(keys)
    for name in TILED:
        _change(folder / name, lambda table: np.concatenate([table] * copies))
    for name in NEIGHBOURS:
        _change(folder / name, lambda rows: _shifted(rows, n, copies))
    for name in OFFSETS:
        _change(folder / name, lambda offsets: _joined(offsets, copies))
    _change(
        folder / layout.USER_CF_TAKER_OFFSETS,
        lambda offsets: np.concatenate([offsets, np.full(n * (copies - 1), offsets[-1])]),
    )
    _change(folder / layout.VECTORS, lambda vectors: _near(vectors, copies, seed))
    ids = [*StringColumn.open(release / layout.CATALOG_IDS)]
    ids = [f"{name}~{copy}" if copy else name for copy in range(copies) for name in ids]
    titles = [*StringColumn.open(release / layout.CATALOG_TITLES)] * copies
    StringColumn.write(folder / layout.CATALOG_IDS, ids)
    StringColumn.write(folder / layout.CATALOG_TITLES, titles)
    np.save(folder / layout.CATALOG_KEYS, item_keys(ids))
    index.build(np.load(folder / layout.VECTORS), kind, folder / layout.INDEX)
    parameters = Parameters.read(folder)
    replace(parameters, retrieval=replace(parameters.retrieval, index=kind)).write(folder)
    manifest = Manifest.read(release)
    replace(manifest, id=folder.name, files=hash_files(folder)).write(folder)
    return folder


def _change(path: Path, change: Any) -> None:
    if path.exists():
        np.save(path, change(np.load(path)))


def _shifted(rows: Any, n: int, copies: int) -> Any:
    return np.concatenate([np.where(rows < 0, rows, rows + n * c) for c in range(copies)])


def _joined(offsets: Any, copies: int) -> Any:
    parts = [offsets[1:] + offsets[-1] * copy for copy in range(copies)]
    return np.concatenate([offsets[:1], *parts])


def _near(vectors: Any, copies: int, seed: int) -> Any:
    many = np.concatenate([vectors] * copies)
    noise = np.random.default_rng(seed).normal(0, NOISE, many.shape)
    noise[: len(vectors)] = 0
    many = many + noise.astype(np.float32)
    return many / np.linalg.norm(many, axis=1, keepdims=True)
