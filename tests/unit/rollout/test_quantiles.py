"""Quantiles of what was counted in blocks before."""

import math

import numpy as np

from services.rollout.guards.quantiles import NONE, quantiles_before, up_to, used

COUNTS = np.array([[4.0, 4, 2, 0], [0, 0, 0, 10], [1, 1, 1, 1]])


def test_a_quantile_is_of_the_blocks_before():
    median, tail = quantiles_before(COUNTS, (0.5, 0.95))
    assert median.tolist() == [NONE, 1, 2]
    assert tail.tolist() == [NONE, 2, 3]


def test_a_quantile_of_what_is_not_a_number_is_none():
    counts = COUNTS.copy()
    counts[0, 0] = math.nan
    assert quantiles_before(counts, (0.5,))[0].tolist() == [NONE] * 3


def test_counts_up_to_a_bucket():
    (found,) = up_to(COUNTS, [np.array([NONE, 2, 1])])
    assert found.tolist() == [0, 0, 2]
    (narrow,) = up_to(np.zeros((3, 1)), [np.array([NONE, 2, 1])])
    assert narrow.tolist() == [0, 0, 0]


def test_many_rollouts_at_once_have_quantiles_of_their_own():
    both = np.stack([COUNTS, COUNTS[:, ::-1]])
    (median,) = quantiles_before(both, (0.5,))
    assert median.tolist() == [[NONE, 1, 2], [NONE, 2, 0]]


def test_buckets_that_are_used():
    assert used(np.zeros((2, 5)), np.zeros((2, 5))) == slice(0, 1)
    one, other = np.zeros((2, 5)), np.zeros((2, 5))
    one[0, 2] = one[1, 3] = 1
    assert used(one, other) == slice(2, 4)
    other[:, 0] = 1
    assert used(one, other) == slice(0, 4)
    assert used(one, np.zeros((2, 1))) == slice(None)
