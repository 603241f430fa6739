"""How far two lists are apart, checked against counting by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from services.domain.arrays import F32, U64
from services.domain.list_difference import overlap, rank_correlation, score_drift


def keys(*values: int) -> U64:
    return np.array(values, np.uint64)


def scores(*values: float) -> F32:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (keys(), keys(), 1.0),
        (keys(1), keys(), 0.0),
        (keys(1, 2), keys(2, 1), 1.0),
        (keys(1, 2, 3, 4), keys(4, 5, 6, 7), 0.25),
        (keys(1, 2, 3, 4), keys(1, 2), 0.5),  # a short list is not the same
    ],
)
def test_overlap(first: U64, second: U64, expected: float) -> None:
    assert overlap(first, second) == overlap(second, first) == expected


def test_rank_correlation_is_that_of_the_common_items() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        first = random.permutation(30).astype(np.uint64)[:20]
        second = random.permutation(30).astype(np.uint64)[:20]
        common = np.intersect1d(first, second)
        places = [[int(np.flatnonzero(one == key)[0]) for key in common] for one in (first, second)]
        assert rank_correlation(first, second) == pytest.approx(spearmanr(*places).statistic)


@pytest.mark.parametrize(
    ("second", "expected"), [(keys(1, 2, 3), 1.0), (keys(3, 2, 1), -1.0), (keys(9, 3, 8, 1), -1.0)]
)
def test_rank_correlation_of_few(second: U64, expected: float) -> None:
    assert rank_correlation(keys(1, 2, 3), second) == pytest.approx(expected)


def test_what_has_too_little_in_common_has_no_correlation_and_no_drift() -> None:
    assert np.isnan(rank_correlation(keys(1, 2), keys(2, 3)))
    assert np.isnan(score_drift(keys(1), scores(0.5), keys(2), scores(0.7)))


def test_drift_is_of_the_common_items() -> None:
    drift = score_drift(keys(1, 2, 3), scores(0.1, 0.2, 0.3), keys(3, 4, 1), scores(0.5, 9, 0.2))
    assert drift == pytest.approx((0.2 + 0.1) / 2)
