from pathlib import Path

import faiss
import numpy as np
import pytest

from models.export import ExportError, index
from services.domain.arrays import F32


def vectors(n: int) -> F32:
    made = np.random.default_rng(0).normal(size=(n, 16)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize(
    ("kind", "least"), [("flat", 1.0), ("hnsw", 0.95), ("ivf", 0.95), ("ivfpq", 0.5)]
)
def test_every_kind_finds_most_of_the_nearest(tmp_path: Path, kind: str, least: float) -> None:
    data = vectors(1000)
    index.build(data, kind, tmp_path / "index.faiss")
    made = faiss.read_index(str(tmp_path / "index.faiss"))
    if kind.startswith("ivf"):
        made.nprobe = made.nlist
    _, found = made.search(data[:50], 10)
    exact = np.argsort(-(data[:50] @ data.T), axis=1)[:, :10]
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]
    assert np.mean(shared) >= least
    assert made.ntotal == 1000


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
def test_three_items_are_enough(tmp_path: Path, kind: str) -> None:
    index.check(3, kind)
    index.build(vectors(3), kind, tmp_path / "index.faiss")
    assert faiss.read_index(str(tmp_path / "index.faiss")).ntotal == 3


def test_what_cannot_be_built_is_said_before_training() -> None:
    with pytest.raises(ExportError, match="'tree' is not one of flat"):
        index.check(1000, "tree")
    with pytest.raises(ExportError, match="3 items are too few for index ivfpq"):
        index.check(3, "ivfpq")
