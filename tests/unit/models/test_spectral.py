"""Items in the space of their takers."""

import numpy as np
from scipy import sparse

from models.recall.spectral import item_factors

TAKERS = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]])


def test_items_of_the_same_takers_point_the_same_way() -> None:
    factors = item_factors(sparse.csr_matrix(TAKERS), 2, seed=1)
    alike = factors @ factors.T
    np.testing.assert_allclose(alike[0, 1], alike[0, 0], atol=1e-5)
    np.testing.assert_allclose(alike[0, 2:], 0.0, atol=1e-5)


def test_the_score_of_a_history_is_that_of_the_nearest_matrix_of_rank_k() -> None:
    generator = np.random.default_rng(0)
    taken = (generator.random((30, 12)) < 0.4).astype(float)
    factors = item_factors(sparse.csr_matrix(taken), 5, seed=1)
    scaled = taken / np.sqrt(taken.sum(axis=0) + 1.0)
    u, s, v = np.linalg.svd(scaled, full_matrices=False)
    nearest = (u[:, :5] * s[:5]) @ v[:5]
    np.testing.assert_allclose(scaled @ factors @ factors.T, nearest, atol=1e-5)


def test_small_and_empty_logs_have_zeros() -> None:
    assert not item_factors(sparse.csr_matrix((5, 4)), 8, seed=1).any()
    assert not item_factors(sparse.csr_matrix((0, 4)), 8, seed=1).any()
    few = item_factors(sparse.csr_matrix(TAKERS[:2]), 8, seed=1)
    assert few.shape == (4, 8)
    assert not few[:, 1:].any()


def test_the_same_seed_gives_the_same_factors() -> None:
    generator = np.random.default_rng(0)
    taken = sparse.csr_matrix((generator.random((30, 12)) < 0.4).astype(float))
    np.testing.assert_array_equal(item_factors(taken, 5, seed=3), item_factors(taken, 5, seed=3))
