"""Every metric against scikit-learn or a brute-force loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from models.evaluation.metrics import RANKING, diversity, exposure, probabilities, ranks, relevance
from models.evaluation.metrics.found import NOT_FOUND, Found


def found_of(places: list[list[int]]) -> Found:
    sizes = [len(one) for one in places]
    flat = np.array([place for one in places for place in one], np.int32)
    return Found(np.cumsum([0, *sizes]), flat)


PLACE = st.one_of(st.integers(0, 30), st.just(NOT_FOUND))


@st.composite
def query(draw: st.DrawFn) -> list[int]:
    """Distinct places, in any order, and some items that are not in the list."""
    inside = draw(st.lists(st.integers(0, 30), unique=True, max_size=8))
    outside = draw(st.integers(0 if inside else 1, 4))
    return list(draw(st.permutations(inside + [NOT_FOUND] * outside)))


QUERIES = st.lists(query(), min_size=1, max_size=5)


def relevant(places: list[int], k: int) -> list[int]:
    return [int(i in places) for i in range(k)]


def plain_precision(places: list[int], k: int) -> float:
    return sum(relevant(places, k)) / k


def plain_recall(places: list[int], k: int) -> float:
    return sum(relevant(places, k)) / len(places)


def plain_hit_rate(places: list[int], k: int) -> float:
    return float(any(relevant(places, k)))


def plain_ndcg(places: list[int], k: int) -> float:
    dcg = sum(rel / math.log2(i + 1) for i, rel in enumerate(relevant(places, k), 1))
    return dcg / sum(1 / math.log2(i + 1) for i in range(1, min(k, len(places)) + 1))


def plain_ap(places: list[int], k: int) -> float:
    rel = relevant(places, k)
    total = sum(sum(rel[:i]) / i for i in range(1, k + 1) if rel[i - 1])
    return total / min(k, len(places))


def plain_rr(places: list[int], k: int) -> float:
    return next((1 / i for i, rel in enumerate(relevant(places, k), 1) if rel), 0.0)


PLAIN = {
    "precision": plain_precision,
    "recall": plain_recall,
    "hr": plain_hit_rate,
    "ndcg": plain_ndcg,
    "map": plain_ap,
    "mrr": plain_rr,
}


@given(QUERIES, st.sampled_from([1, 3, 10, 31]))
def test_ranking_metrics_equal_their_formulas(places: list[list[int]], k: int) -> None:
    assert {name for name, _ in RANKING} == PLAIN.keys()
    for name, metric in RANKING:
        expected = [PLAIN[name](one, k) for one in places]
        np.testing.assert_allclose(metric(found_of(places), k), expected, atol=1e-12, err_msg=name)


@given(st.lists(st.booleans(), min_size=2, max_size=30).filter(any), st.integers(1, 30))
def test_ndcg_equals_scikit_learn(truth: list[bool], k: int) -> None:
    scores = -np.arange(len(truth), dtype=float)
    places = np.flatnonzero(truth).tolist()
    expected = sklearn.ndcg_score([truth], [scores], k=k)
    assert relevance.ndcg(found_of([places]), k)[0] == pytest.approx(expected)


@given(st.lists(st.booleans(), min_size=1, max_size=30).filter(any))
def test_average_precision_of_the_whole_list_equals_scikit_learn(truth: list[bool]) -> None:
    scores = -np.arange(len(truth), dtype=float)
    places = np.flatnonzero(truth).tolist()
    expected = sklearn.average_precision_score(truth, scores)
    assert relevance.average_precision(found_of([places]), len(truth))[0] == pytest.approx(expected)


# few distinct scores, so that many are equal
SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=60)


def columns(scored: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*scored, strict=True)
    return np.array(labels), np.array(scores) / 7


@given(SCORED)
def test_auc_equals_scikit_learn(scored: list[tuple[bool, int]]) -> None:
    labels, scores = columns(scored)
    if labels.all() or not labels.any():
        assert math.isnan(ranks.auc(labels, scores))
    else:
        assert ranks.auc(labels, scores) == pytest.approx(sklearn.roc_auc_score(labels, scores))


@given(SCORED)
def test_pr_auc_equals_scikit_learn(scored: list[tuple[bool, int]]) -> None:
    labels, scores = columns(scored)
    if not labels.any():
        assert math.isnan(ranks.pr_auc(labels, scores))
    else:
        expected = sklearn.average_precision_score(labels, scores)
        assert ranks.pr_auc(labels, scores) == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 5)), max_size=60))
def test_gauc_is_the_weighted_mean_of_groups(rows: list[tuple[bool, int, int]]) -> None:
    labels = np.array([row[0] for row in rows], np.bool_)
    scores = np.array([row[1] for row in rows], np.float64)
    groups = np.array([row[2] for row in rows], np.int64)
    areas, weights = [], []
    for group in set(groups.tolist()):
        inside = groups == group
        if 0 < labels[inside].sum() < inside.sum():
            areas.append(sklearn.roc_auc_score(labels[inside], scores[inside]))
            weights.append(inside.sum())
    found = ranks.gauc(labels, scores, groups)
    assert (
        math.isnan(found)
        if not areas
        else found == pytest.approx(np.average(areas, weights=weights))
    )


@given(QUERIES)
def test_list_auc_equals_the_auc_of_the_list(places: list[list[int]]) -> None:
    length = 31
    found = ranks.list_auc(found_of(places), np.full(len(places), length))
    for one, area in zip(places, found, strict=True):
        truth = np.array(relevant(one, length))
        if truth.any():
            assert area == pytest.approx(sklearn.roc_auc_score(truth, -np.arange(length)))
        else:
            assert math.isnan(area)


@given(SCORED, st.sampled_from([0.0, 0.3, 3 / 7, 1.1]))
def test_f1_and_logloss_equal_scikit_learn(scored: list[tuple[bool, int]], at: float) -> None:
    labels, scores = columns(scored)
    expected = sklearn.f1_score(labels, scores >= at, zero_division=0)
    assert probabilities.f1(labels, scores, at) == pytest.approx(expected)
    thresholds = [sklearn.f1_score(labels, scores >= t, zero_division=0) for t in set(scores)]
    assert probabilities.best_f1(labels, scores) == pytest.approx(max(thresholds))
    kept = np.clip(scores, probabilities.SMALLEST, 1 - probabilities.SMALLEST)
    expected = sklearn.log_loss(labels, kept, labels=[False, True])
    assert probabilities.logloss(labels, scores) == pytest.approx(expected)


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80),
    st.integers(1, 20),
)
def test_ece_equals_its_formula(scored: list[tuple[bool, float]], bins: int) -> None:
    labels = np.array([label for label, _ in scored])
    p = np.array([one for _, one in scored])
    expected = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        place = np.floor(p * bins)
        inside = (place == b) | ((place == bins) & (b == bins - 1))
        assert ((p[inside] >= low - 1e-12) & (p[inside] <= high + 1e-12)).all()
        if inside.any():
            gap = abs(labels[inside].mean() - p[inside].mean())
            expected += inside.mean() * gap
    assert probabilities.ece(labels, p, bins) == pytest.approx(expected)


def test_bins_by_quantile_are_equally_full() -> None:
    rng = np.random.default_rng(1)
    bins = probabilities.by_quantile(rng.random(1000) < 0.01, rng.random(1000) ** 8, 10)
    assert bins.counts.tolist() == [100] * 10
    assert (np.diff(bins.predicted) > 0).all()


LISTS = st.integers(1, 6).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 8), unique=True, max_size=k).map(
            lambda one: one + [-1] * (k - len(one))
        ),
        min_size=1,
        max_size=6,
    )
)


@given(LISTS)
def test_ild_equals_the_mean_over_pairs(raw: list[list[int]]) -> None:
    vectors = np.random.default_rng(3).normal(size=(9, 4)).astype(np.float32)
    vectors[5] = 0
    found = diversity.ild(np.array(raw, np.int32), vectors)
    for one, value in zip(raw, found, strict=True):
        items = [i for i in one if i >= 0]
        pairs = [(a, b) for a in items for b in items if a < b]
        if not pairs:
            assert math.isnan(value)
            continue
        assert value == pytest.approx(
            1 - np.mean([cosine(vectors[a], vectors[b]) for a, b in pairs]), abs=1e-6
        )


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """A zero vector is unlike everything."""
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_gini_is_half_the_relative_mean_difference(counts: list[int]) -> None:
    x = np.array(counts)
    found = exposure.gini(x)
    if not x.sum():
        assert math.isnan(found)
        return
    expected = np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())
    assert found == pytest.approx(expected)
    curve = exposure.lorenz(x)
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(1)
    area = float(np.sum((curve[1:] + curve[:-1]) / 2) / len(x))
    assert found == pytest.approx(1 - 2 * area)


@settings(max_examples=50)
@given(LISTS)
def test_coverage_and_novelty_equal_loops(raw: list[list[int]]) -> None:
    lists, counts, users = np.array(raw, np.int32), np.arange(9), 20
    shown = {item for one in raw for item in one if item >= 0}
    assert exposure.item_coverage(lists, 9) == pytest.approx(len(shown) / 9)
    assert exposure.user_coverage(lists).tolist() == [float(-1 not in one) for one in raw]
    for one, value in zip(raw, exposure.novelty(lists, counts, users), strict=True):
        bits = [-math.log2((counts[i] + 1) / (users + 1)) for i in one if i >= 0]
        assert math.isnan(value) if not bits else value == pytest.approx(np.mean(bits))


def test_nothing_is_covered_by_no_lists() -> None:
    assert exposure.item_coverage(np.empty((0, 5), np.int32), 0) == 0.0
    assert math.isnan(ranks.gauc(np.empty(0, np.bool_), np.empty(0), np.empty(0, np.int64)))
