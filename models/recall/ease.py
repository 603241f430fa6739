"""EASE: a linear model of the catalog on itself, in closed form (Steck 2019)."""

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

MOST_ITEMS = 20_000  # it needs 16 bytes a pair of items, and time by the cube


def weights(interactions: sparse.csr_matrix, l2: float) -> npt.NDArray[np.float64]:
    """Weights B of items on items; `interactions @ B` are the scores.

    B minimises |X - X B|^2 + l2 |B|^2 with a diagonal of 0: with P = (X'X + l2 I)^-1,
    B(i, j) = -P(i, j) / P(j, j).

    Args:
        interactions: X, sparse [U, n].
        l2: above 0.

    Returns:
        float64 [n, n].

    Raises:
        ValueError: more than MOST_ITEMS items.
    """
    n = interactions.shape[1]
    if n > MOST_ITEMS:
        raise ValueError(f"EASE of {n} items: {MOST_ITEMS} at most")
    matrix = sparse.csr_matrix(interactions, dtype=np.float64)
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices(n)] += l2
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True)
    found = np.asarray(linalg.cho_solve(factor, np.eye(n), overwrite_b=True))
    found /= -np.diag(found).copy()
    np.fill_diagonal(found, 0.0)
    return found
