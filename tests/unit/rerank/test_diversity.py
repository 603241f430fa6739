"""MMR and DPP against loops that spell the definitions out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.context import RequestContext
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.dpp import SPANNED, Dpp, greedy_dpp
from services.rerank.rules.mmr import Mmr, greedy_mmr
from services.rerank.rules.relevance import relevance

CLOSE = 1e-6  # two items may be this close; the vectors of the service are float32


@st.composite
def items(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Relevances and unit vectors, some items equal to others."""
    n = draw(st.integers(1, 12))
    d = draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = random.normal(size=(n, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors[random.integers(0, n, n)] if draw(st.booleans()) else vectors
    return random.random(n), vectors


def mmr_gains(r: np.ndarray, v: np.ndarray, trade_off: float, chosen: list[int]) -> np.ndarray:
    """Carbonell and Goldstein's criterion of every item, from nothing; chosen ones -inf."""
    gains = np.full(len(r), -np.inf)
    for i in range(len(r)):
        if i not in chosen:
            nearest = max((float(v[i] @ v[j]) for j in chosen), default=None)
            penalty = 0.0 if nearest is None else (1 - trade_off) * nearest
            gains[i] = (trade_off if chosen else 1) * r[i] - penalty
    return gains


@given(items(), st.floats(0, 1), st.integers(1, 15))
def test_mmr_takes_the_best_item_at_each_step(pool, trade_off, k):
    r, v = pool
    chosen = greedy_mmr(r, v, trade_off, k).tolist()
    assert len(chosen) == len(set(chosen)) == min(k, len(r))
    for step, item in enumerate(chosen):
        gains = mmr_gains(r, v, trade_off, chosen[:step])
        assert gains[item] >= gains.max() - CLOSE


@pytest.mark.parametrize("seed", range(5))
def test_mmr_equals_the_naive_loop(seed):
    random = np.random.default_rng(seed)
    r = random.random(60)
    v = random.normal(size=(60, 16)).astype(np.float32)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    naive: list[int] = []
    while len(naive) < 15:
        naive.append(int(mmr_gains(r, v, 0.6, naive).argmax()))
    assert greedy_mmr(r, v, 0.6, 15).tolist() == naive


def kernel(log_quality: np.ndarray, v: np.ndarray) -> np.ndarray:
    quality = np.exp(log_quality / 2)
    return quality[:, None] * (1 + v @ v.T) / 2 * quality


def determinants(matrix: np.ndarray, chosen: list[int]) -> np.ndarray:
    """det of the kernel of the chosen items and each other one; 0 for the chosen."""
    return np.array(
        [
            0.0 if i in chosen else np.linalg.det(matrix[np.ix_([*chosen, i], [*chosen, i])])
            for i in range(len(matrix))
        ]
    )


@given(items(), st.floats(0, 0.9), st.integers(1, 8))
def test_dpp_takes_the_largest_determinant_at_each_step(pool, trade_off, k):
    r, v = pool
    log_quality = trade_off / (1 - trade_off) * r
    matrix = kernel(log_quality, v)
    chosen = greedy_dpp(log_quality, v, k).tolist()
    assert len(chosen) == len(set(chosen)) <= min(k, len(r))
    volume = 1.0
    for step, item in enumerate(chosen):
        naive = determinants(matrix, chosen[:step])
        assert naive[item] >= naive.max() - 1e-6 * volume * np.exp(log_quality.max())
        volume = naive[item]
    if len(chosen) < min(k, len(r)):  # it stops only where no item adds volume
        rest = determinants(matrix, chosen) / np.exp(log_quality)
        assert rest.max() <= 10 * SPANNED * volume


@pytest.mark.parametrize("seed", range(5))
def test_dpp_equals_the_naive_greedy_by_determinants(seed):
    random = np.random.default_rng(seed)
    log_quality = 2 * random.random(40)
    v = random.normal(size=(40, 16))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    matrix = kernel(log_quality, v)
    naive: list[int] = []
    while len(naive) < 10:
        naive.append(int(determinants(matrix, naive).argmax()))
    assert greedy_dpp(log_quality, v, 10).tolist() == naive


def apply(rule, scores: list[float], k: int) -> list[int]:
    n = len(scores)
    rows, column = np.arange(n, dtype=np.int32), np.array(scores, np.float32)
    query = RerankQuery("r", RequestContext(0), rows, column, k, 1.0)
    return rule.apply(Slate(rows, column), query)[0].rows.tolist()


TWINS = np.array([[1, 0], [1, 0], [0, 1]], np.float32)


@pytest.mark.parametrize("rule", [Mmr(TWINS, 0.5), Dpp(TWINS, 0.5)], ids=["mmr", "dpp"])
def test_a_twin_gives_way_to_another_item(rule):
    assert apply(rule, [1.0, 0.9, 0.5], k=2) == [0, 2, 1]


@pytest.mark.parametrize("rule", [Mmr(TWINS, 1.0), Dpp(TWINS, 1.0)], ids=["mmr", "dpp"])
def test_a_trade_off_of_one_is_the_order_by_score(rule):
    assert apply(rule, [1.0, 0.9, 0.5], k=3) == [0, 1, 2]


@pytest.mark.parametrize("rule", [Mmr(TWINS, 0.5), Dpp(TWINS, 0.5)], ids=["mmr", "dpp"])
def test_the_scale_of_the_scores_does_not_matter(rule):
    scores = [0.031, 0.03, 0.011]
    assert apply(rule, scores, k=3) == apply(rule, [1000 * s - 7 for s in scores], k=3)


def test_relevance_spans_zero_to_one_and_is_zero_for_equal_scores():
    assert relevance(np.array([3, 2, 1], np.float32)).tolist() == [1, 0.5, 0]
    assert relevance(np.array([2, 2], np.float32)).tolist() == [0, 0]
    assert relevance(np.empty(0, np.float32)).tolist() == []
