"""FAISS indexes over item vectors, by inner product."""

from pathlib import Path

import faiss
import numpy as np

from models.export import ExportError
from models.schema.parameters import INDEX_KINDS
from services.domain.arrays import F32

HNSW_LINKS = 32
HNSW_CONSTRUCTION = 200
PQ_BITS = 8
POINTS_PER_CENTROID = 39  # FAISS asks for as many to train a centroid well


def build(vectors: F32, kind: str, path: Path) -> None:
    """Writes an index of `vectors` [n, d]; the id of a vector is its row.

    Args:
        kind: one of INDEX_KINDS, as `check` allows. IVF kinds get about
            sqrt(n) lists; PQ stores one byte a pair of dimensions.

    """
    index = _empty(len(vectors), vectors.shape[1], kind)
    data = np.ascontiguousarray(vectors, np.float32)
    if not index.is_trained:
        index.train(data)
    index.add(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(path))


def check(n: int, kind: str) -> None:
    """Whether an index of this kind can be built over n items.

    Raises:
        ExportError: for an unknown kind, or too few items for IVF-PQ to be trained.
    """
    if kind not in INDEX_KINDS:
        raise ExportError(f"index kind {kind!r} is not one of {', '.join(INDEX_KINDS)}")
    if kind == "ivfpq" and n < 2**PQ_BITS:
        raise ExportError(f"{n} items are too few for index ivfpq, which needs {2**PQ_BITS}")


def _empty(n: int, d: int, kind: str) -> faiss.Index:
    lists = max(1, min(int(n**0.5), n // POINTS_PER_CENTROID))
    if kind == "flat":
        return faiss.IndexFlatIP(d)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(d, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_CONSTRUCTION
        return index
    if kind == "ivf":
        return faiss.index_factory(d, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    spec = f"IVF{lists},PQ{d // 2}x{PQ_BITS}"
    return faiss.index_factory(d, spec, faiss.METRIC_INNER_PRODUCT)
