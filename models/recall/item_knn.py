"""Plain item-to-item neighbours by cosine, without order or time: a known baseline."""

import numpy as np
from scipy import sparse


def weights(
    interactions: sparse.csr_matrix, neighbours: int = 0, shrink: float = 0.0
) -> sparse.csr_matrix:
    """Similarities of items; `interactions @ weights` are the scores (Sarwar et al. 2001).

    w(i, j) = x_i . x_j / (|x_i| |x_j| + shrink), 0 on the diagonal.

    Args:
        interactions: sparse [U, n].
        neighbours: kept an item i of w(i, :), ties by the lower row; 0: all.

    Returns:
        float64 sparse [n, n].
    """
    matrix = sparse.csr_matrix(interactions, dtype=np.float64)
    together = sparse.csr_matrix(matrix.T @ matrix)
    norms = np.sqrt(together.diagonal())
    owners = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
    scale = norms[owners] * norms[together.indices] + shrink
    together.data = np.divide(
        together.data, scale, out=np.zeros_like(together.data), where=scale > 0
    )
    together.setdiag(0.0)
    together.eliminate_zeros()
    return _nearest(together, neighbours) if neighbours else together


def _nearest(similar: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    for i in range(similar.shape[0]):
        at = slice(similar.indptr[i], similar.indptr[i + 1])
        order = np.lexsort((similar.indices[at], -similar.data[at]))
        similar.data[at][order[k:]] = 0.0
    similar.eliminate_zeros()
    return similar
