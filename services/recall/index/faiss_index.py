"""FAISS indexes (Johnson et al. 2017). The index file in the release decides the kind."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from models.schema.manifest import ReleaseError
from services.domain.arrays import F32, I32
from services.inference.background import give_way


@dataclass(frozen=True, slots=True)
class SearchDepth:
    """How hard approximate indexes look; Flat is exact and ignores it.

    Attributes:
        ef_search: candidates HNSW keeps while it walks; at least the number of items wanted.
        nprobe: lists that IVF and IVF-PQ scan.
    """

    ef_search: int = 256
    nprobe: int = 16


def _exact(depth: SearchDepth, k: int) -> Any:
    return None


def _hnsw(depth: SearchDepth, k: int) -> Any:
    return faiss.SearchParametersHNSW(efSearch=max(depth.ef_search, k))  # type: ignore[attr-defined]


def _ivf(depth: SearchDepth, k: int) -> Any:
    return faiss.SearchParametersIVF(nprobe=depth.nprobe)  # type: ignore[call-arg]


KINDS: tuple[tuple[str, type, Callable[[SearchDepth, int], Any]], ...] = (
    ("flat", faiss.IndexFlat, _exact),
    ("hnsw", faiss.IndexHNSW, _hnsw),
    ("ivfpq", faiss.IndexIVFPQ, _ivf),
    ("ivf", faiss.IndexIVFFlat, _ivf),
)


class VectorIndex:
    """Inner-product search; rows are the positions the vectors were added in.

    Attributes:
        kind: "flat", "hnsw", "ivf" or "ivfpq".
    """

    def __init__(self, index: Any, depth: SearchDepth) -> None:
        """Raises ReleaseError for a kind or a metric that is not served."""
        found = [(name, search) for name, kind, search in KINDS if isinstance(index, kind)]
        if not found or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            known = ", ".join(name for name, _, _ in KINDS)
            raise ReleaseError(
                f"the index is a {type(index).__name__} with metric {index.metric_type}; "
                f"one of {known} over the inner product expected"
            )
        self.kind, self._parameters = found[0]
        self._index = index
        self._depth = depth

    @staticmethod
    def open(path: Path, depth: SearchDepth) -> "VectorIndex":
        """Reads the index file; ReleaseError when it is not one."""
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ReleaseError(f"{path} is not a usable index: {error}") from error
        give_way()
        return VectorIndex(index, depth)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    def search(self, vectors: F32, k: int) -> tuple[I32, F32]:
        """The k nearest of each vector: rows int32 [B, k] and inner products float32 [B, k].

        Best first; row -1 fills up when the index found fewer.
        """
        faiss.omp_set_num_threads(1)  # counts for the calling thread only
        k = min(k, len(self))
        if k == 0 or not len(vectors):
            shape = (len(vectors), k)
            return np.empty(shape, np.int32), np.empty(shape, np.float32)
        scores, rows = self._index.search(
            np.ascontiguousarray(vectors, np.float32), k, params=self._parameters(self._depth, k)
        )
        return rows.astype(np.int32), scores
