"""A small release written by hand: what the rerank service reads, with known categories."""

from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, hash_files
from models.schema.parameters import Parameters, Rerank
from models.schema.strings import StringColumn
from services.domain.ids import item_keys

CATEGORIES = ("Drama", "Comedy")
IDS = [f"i{row}" for row in range(8)]  # i0 .. i5 are Drama, i6 and i7 Comedy
CODES = [0, 0, 0, 0, 0, 0, 1, 1]


def make_release(releases: Path, rerank: Rerank, release: str = "r1") -> Path:
    """Writes the release `release` into the folder `releases` and makes it the current one."""
    folder = releases / release
    for name in ("catalog", "recall"):
        (folder / name).mkdir(parents=True)
    np.save(folder / layout.CATALOG_KEYS, item_keys(IDS))
    np.save(folder / layout.CATALOG_CATEGORY_OFFSETS, np.arange(len(IDS) + 1))
    np.save(folder / layout.CATALOG_CATEGORY_CODES, np.array(CODES, np.int32))
    np.save(folder / layout.CATALOG_TAG_OFFSETS, np.zeros(len(IDS) + 1, np.int64))
    np.save(folder / layout.CATALOG_TAG_CODES, np.empty(0, np.int32))
    np.save(folder / layout.VECTORS, np.eye(len(IDS), dtype=np.float32))
    StringColumn.write(folder / layout.CATALOG_IDS, IDS)
    StringColumn.write(folder / layout.CATALOG_TITLES, IDS)
    schema = FeatureSchema(user=(), item=(), context=(), categories=CATEGORIES)
    schema.write(folder)
    Parameters(quotas={}, blend=(), rerank=rerank).write(folder)
    Manifest(
        id=release,
        created="2026-01-01T00:00:00Z",
        code_version="0",
        schema_hash=schema.hash,
        data_fingerprint="",
        data_name="by hand",
        channels=(),
        tasks=(),
        metrics={},
        metrics_protocol="",
        files=hash_files(folder),
    ).write(folder)
    (releases / "current").write_text(release + "\n")
    return folder
