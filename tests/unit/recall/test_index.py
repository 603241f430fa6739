"""FAISS indexes against exact search."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from models.schema.manifest import ReleaseError
from services.domain.arrays import F32
from services.recall.index.faiss_index import SearchDepth, VectorIndex

N, D, K = 1000, 16, 50


def vectors(n: int, seed: int) -> F32:
    """Unit vectors in clusters, as item vectors are."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(20, D))
    raw = centres[generator.integers(20, size=n)] + 0.5 * generator.normal(size=(n, D))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def built(kind: str) -> faiss.Index:
    """An index of each kind over the same vectors."""
    inner = faiss.METRIC_INNER_PRODUCT
    coarse = faiss.IndexFlatIP(D)
    index = {
        "flat": lambda: faiss.IndexFlatIP(D),
        "hnsw": lambda: faiss.IndexHNSWFlat(D, 16, inner),
        "ivf": lambda: faiss.IndexIVFFlat(coarse, D, 16, inner),
        "ivfpq": lambda: faiss.IndexIVFPQ(coarse, D, 16, 8, 8, inner),
    }[kind]()
    items = vectors(N, seed=1)
    if not index.is_trained:
        index.train(items)
    index.add(items)
    return index


@pytest.mark.parametrize(
    ("kind", "floor"), [("flat", 1.0), ("hnsw", 0.95), ("ivf", 0.9), ("ivfpq", 0.6)]
)
def test_each_kind_finds_what_exact_search_finds(tmp_path: Path, kind: str, floor: float) -> None:
    faiss.write_index(built(kind), str(tmp_path / "index"))
    index = VectorIndex.open(tmp_path / "index", SearchDepth(ef_search=128, nprobe=8))
    assert (index.kind, len(index), index.dimension) == (kind, N, D)
    queries = vectors(40, seed=2)
    rows, scores = index.search(queries, K)
    assert (rows.dtype, rows.shape, scores.shape) == (np.int32, (40, K), (40, K))
    assert (np.diff(scores, axis=1) <= 0).all()
    exact = np.argsort(-queries @ vectors(N, seed=1).T, axis=1)[:, :K]
    hits = [len(np.intersect1d(a, b)) for a, b in zip(rows, exact, strict=True)]
    assert np.mean(hits) / K >= floor


@pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivfpq"])
def test_looking_harder_finds_more(kind: str) -> None:
    queries = vectors(40, seed=2)
    best = np.sort(queries @ vectors(N, seed=1).T, axis=1)[:, ::-1][:, :K]

    def found(depth: SearchDepth) -> float:
        rows, _ = VectorIndex(built(kind), depth).search(queries, K)
        real = np.where(rows >= 0, np.take_along_axis(queries @ vectors(N, seed=1).T, rows, 1), 0)
        return float(real.sum() / best.sum())

    shallow = found(SearchDepth(ef_search=1, nprobe=1))
    deep = found(SearchDepth(ef_search=512, nprobe=16))
    assert deep >= shallow
    assert kind == "hnsw" or deep > shallow  # HNSW never looks at fewer than k


@given(
    npst.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.just(4)),
        elements=st.integers(-8, 8).map(float),
    ),
    npst.arrays(np.float32, (3, 4), elements=st.integers(-8, 8).map(float)),
    st.integers(1, 60),
)
def test_flat_is_exact(items: F32, queries: F32, k: int) -> None:
    flat = faiss.IndexFlatIP(4)
    flat.add(items)
    rows, scores = VectorIndex(flat, SearchDepth()).search(queries, k)
    k = min(k, len(items))
    products = queries @ items.T
    np.testing.assert_array_equal(scores, np.sort(products, axis=1)[:, ::-1][:, :k])
    np.testing.assert_array_equal(np.take_along_axis(products, rows, axis=1), scores)
    assert all(len(set(row.tolist())) == k for row in rows)


def test_a_sparse_corner_of_an_ivf_fills_up_with_minus_one() -> None:
    rows, _ = VectorIndex(built("ivf"), SearchDepth(nprobe=1)).search(vectors(1, seed=2), N)
    assert rows.shape == (1, N)
    assert rows[0, 0] >= 0
    assert rows[0, -1] == -1


def test_no_queries_and_no_items() -> None:
    empty = VectorIndex(faiss.IndexFlatIP(4), SearchDepth())
    assert empty.search(np.ones((2, 4), np.float32), 5)[0].shape == (2, 0)
    index = VectorIndex(built("flat"), SearchDepth())
    assert index.search(np.empty((0, D), np.float32), 5)[0].shape == (0, 5)


def test_what_is_no_index_or_not_a_served_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"not an index")
    with pytest.raises(ReleaseError, match="is not a usable index"):
        VectorIndex.open(tmp_path / "index", SearchDepth())
    with pytest.raises(ReleaseError, match="over the inner product expected"):
        VectorIndex(faiss.IndexFlatL2(4), SearchDepth())
    with pytest.raises(ReleaseError, match="IndexLSH"):
        VectorIndex(faiss.IndexLSH(4, 8), SearchDepth())
