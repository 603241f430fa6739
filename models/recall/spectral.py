"""Items in the space that their takers span: what few events say of many items."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from services.domain.arrays import F32


def item_factors(interactions: sparse.csr_matrix, k: int, seed: int) -> F32:
    """Items as directions; items that the same people take point the same way.

    The k right singular vectors of X D^-1/2, D the takers of each item (and one more, for those of
    none): PureSVD (Cremonesi et al., RecSys 2010) with its columns scaled as in EigenRec
    (Nikolakopoulos et al., 2019), so that what everybody takes does not fill the space. The dot
    product of an item with the sum of those in a history is the score of PureSVD.

    Args:
        interactions: X, sparse [U, n].

    Returns:
        float32 [n, k], the strongest first; zeros where there are fewer.
    """
    factors = np.zeros((interactions.shape[1], k), np.float32)
    takers = np.asarray(interactions.sum(axis=0)).ravel()
    scaled = sparse.csr_matrix(interactions @ sparse.diags(1.0 / np.sqrt(takers + 1.0)), dtype="f8")
    there = min(k, *(size - 1 for size in scaled.shape))
    if there < 1 or not scaled.nnz:
        return factors
    start = np.random.default_rng(seed).normal(size=min(scaled.shape))
    _, strengths, directions = svds(scaled, k=there, v0=start)
    order = np.argsort(-strengths, kind="stable")
    factors[:, :there] = directions[order].T
    return factors
