"""Tables of neighbours, and the matrix they are counted from."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models.training.log import Log
from services.domain.arrays import F32, I32
from services.domain.candidates import leading

CELLS = 10_000_000  # entries of a matrix that are sorted at once


def interactions(log: Log) -> sparse.csr_matrix:
    """Which users have which items: float64 [U, n], 1 where they do."""
    matrix = sparse.csr_matrix(
        (np.ones(len(log.rows)), (log.users, log.rows)), shape=(log.user_count, log.item_count)
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def top(similar: sparse.csr_matrix, m: int) -> tuple[I32, F32]:
    """The m entries furthest from 0 of each row.

    Returns:
        rows int32 [n, m], best first, ties by row, -1 pads; scores float32 [n, m], 0 where padded.
    """
    n = similar.shape[0]
    rows = np.full((n, m), -1, np.int32)
    scores = np.zeros((n, m), np.float32)
    for i in range(n):
        at = slice(similar.indptr[i], similar.indptr[i + 1])
        found, values = similar.indices[at], similar.data[at]
        best = np.lexsort((found, -np.abs(values)))[:m]
        rows[i, : len(best)] = found[best]
        scores[i, : len(best)] = values[best]
    return rows, scores


def top_dense(weights: npt.NDArray[np.float64], m: int) -> tuple[I32, F32]:
    """As `top`, of a dense matrix [n, n]; entries of 0 pad."""
    n = len(weights)
    rows = np.empty((n, min(m, n)), np.int32)
    for block in blocks(n):
        rows[block] = leading(np.abs(weights[block]).astype(np.float32), m)
    scores = np.take_along_axis(weights, rows.astype(np.int64), axis=1).astype(np.float32)
    return np.where(scores == 0, np.int32(-1), rows), scores


def blocks(n: int) -> Iterator[slice]:
    """Cuts n rows of n columns each into blocks of about CELLS."""
    height = max(1, CELLS // max(n, 1))
    yield from (slice(start, min(start + height, n)) for start in range(0, n, height))
