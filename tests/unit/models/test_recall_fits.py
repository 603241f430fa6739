"""The tables of recall channels against plain sums over users and items."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recall import category, content, ease, item_knn, neighbours, swing, user_cf
from models.recall.swing import SwingConfig
from models.schema.arrays import slices
from models.schema.categories import Categories
from models.schema.user_cf import NEIGHBOURS, UserCf
from services.domain.arrays import F32
from tests.unit.models.logs import make_log
from tests.unit.recall.items import CATEGORIES, categories_of, write_catalog

ITEMS = 8
Sequences = list[list[int]]
sequences = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=6)


def matrix_of(log: Sequences) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Which users have which items, [U, n]."""
    found = np.zeros((len(log), ITEMS))
    for user, sequence in enumerate(log):
        found[user, sequence] = 1.0
    return found


def dense(rows: "np.ndarray[tuple[int, int], np.dtype[np.int32]]", scores: F32) -> F32:
    """A table of neighbours as a matrix; each row must be sorted and padded as promised."""
    found = np.zeros((len(rows), ITEMS), np.float32)
    for row, (near, values) in enumerate(zip(rows, scores, strict=True)):
        there = near >= 0
        assert (values[~there] == 0).all()
        assert (np.diff(np.abs(values[there])) <= 0).all()
        assert len(set(near[there].tolist())) == there.sum()
        found[row, near[there]] = values[there]
    return found


@settings(max_examples=40, deadline=None)
@given(sequences, st.floats(0.5, 5.0))
def test_swing(log: Sequences, alpha: float) -> None:
    sets = [set(sequence) for sequence in log]
    expected = np.zeros((ITEMS, ITEMS))
    for i in range(ITEMS):
        for j in set(range(ITEMS)) - {i}:
            both = [u for u, items in enumerate(sets) if {i, j} <= items]
            for u in both:
                for v in both:
                    if u < v:
                        weight = (len(sets[u]) * len(sets[v])) ** -0.5
                        expected[i, j] += weight / (alpha + len(sets[u] & sets[v]))
    tables = swing.fit(make_log(log, ITEMS), SwingConfig(neighbours=ITEMS, alpha=alpha))
    np.testing.assert_allclose(dense(*tables), expected, atol=1e-6)


def test_swing_looks_at_few_users_of_an_item_everyone_has() -> None:
    log = make_log([[0, 1]] * 40, ITEMS)
    few = dense(*swing.fit(log, SwingConfig(users=5)))
    assert few[0, 1] == pytest.approx(10 / 2 / 3)  # 10 pairs of 5 users, w = 1/2, alpha + 2


@settings(max_examples=40, deadline=None)
@given(sequences, st.floats(0.1, 50.0))
def test_ease(log: Sequences, l2: float) -> None:
    matrix = matrix_of(log)
    inverse = np.linalg.inv(matrix.T @ matrix + l2 * np.eye(ITEMS))
    expected = np.eye(ITEMS) - inverse / np.diag(inverse)
    found = ease.weights(sparse.csr_matrix(matrix), l2)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    kept = dense(*neighbours.top_dense(found, ITEMS))
    np.testing.assert_allclose(kept, expected, atol=1e-6)


def test_ease_keeps_what_is_furthest_from_zero() -> None:
    weights = np.array([[0.0, -0.5, 0.2], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]])
    rows, scores = neighbours.top_dense(weights, 2)
    assert rows.tolist() == [[1, 2], [0, -1], [-1, -1]]
    np.testing.assert_allclose(scores, [[-0.5, 0.2], [0.1, 0.0], [0.0, 0.0]])


def test_ease_of_too_many_items_is_refused() -> None:
    with pytest.raises(ValueError, match="EASE of 20001 items: 20000 at most"):
        ease.weights(sparse.csr_matrix((1, 20_001)), 1.0)


@settings(max_examples=40, deadline=None)
@given(sequences, st.integers(0, ITEMS), st.sampled_from([0.0, 3.0]))
def test_item_knn(log: Sequences, kept: int, shrink: float) -> None:
    matrix = matrix_of(log)
    norms = np.linalg.norm(matrix, axis=0)
    expected = np.zeros((ITEMS, ITEMS))
    for i in range(ITEMS):
        for j in range(ITEMS):
            if i != j and norms[i] and norms[j]:
                expected[i, j] = matrix[:, i] @ matrix[:, j] / (norms[i] * norms[j] + shrink)
        if kept:
            order = sorted(range(ITEMS), key=lambda j: (-expected[i, j], j))
            expected[i, order[kept:]] = 0.0
    found = item_knn.weights(sparse.csr_matrix(matrix), kept, shrink).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def user_cf_scores(log: Sequences, history: list[int], recency: float) -> F32:
    """Scores of all items, straight from the definition."""
    sets = [set(sequence) for sequence in log]
    users_of = [max(sum(i in items for items in sets), 1) for i in range(ITEMS)]
    weights = [1 / math.log(2 + count) for count in users_of]
    likeness = [
        sum((1 + p) ** -recency * weights[i] for p, i in enumerate(history) if i in items)
        / max(math.sqrt(sum(weights[i] for i in items)), 1e-3)
        for items in sets
    ]
    found = np.zeros(ITEMS, np.float32)
    for items, like in zip(sets, likeness, strict=True):
        for i in items:
            found[i] += like
    return found


@settings(max_examples=40, deadline=None)
@given(sequences, st.lists(st.integers(0, ITEMS - 1), max_size=6))
def test_user_cf(log: Sequences, history: list[int]) -> None:
    assert len(log) <= NEIGHBOURS
    tables = user_cf.fit(make_log(log, ITEMS))
    users = UserCf(
        tables.taker_offsets,
        tables.takers,
        tables.taken_offsets,
        tables.taken,
        tables.weights,
        tables.norms,
        recency=0.5,
    )
    rows, scores = users.fetch(np.array(history, np.int64), ITEMS)
    found = np.zeros(ITEMS, np.float32)
    found[rows] = scores
    np.testing.assert_allclose(found, user_cf_scores(log, history, 0.5), rtol=1e-5, atol=1e-6)
    assert (np.diff(scores) <= 0).all()


def test_user_cf_keeps_the_newest() -> None:
    log = make_log([[0, 1, 2, 1], [1, 0], [0]], ITEMS)
    tables = user_cf.fit(log, takers=2, taken=2)
    takers = np.split(tables.takers, tables.taker_offsets[1:-1])
    assert takers[0].tolist() == [2, 1]  # the last in the log
    assert takers[1].tolist() == [1, 0]
    taken = np.split(tables.taken, tables.taken_offsets[1:-1])
    assert [items.tolist() for items in taken] == [[2, 1], [0, 1], [0]]


def test_slices_are_put_one_after_the_other() -> None:
    places, lengths = slices(np.array([0, 2, 2, 5]), np.array([2, 1, 0, 2]))
    assert places.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert lengths.tolist() == [3, 0, 2, 3]


def test_content_neighbours_are_by_cosine() -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(30, 5)).astype(np.float32)
    features[7] = 0.0  # an item nothing is known of
    rows, scores = content.fit(features, neighbours=30)
    norms = np.maximum(np.linalg.norm(features, axis=1), 1e-12)
    expected = (features @ features.T) / np.outer(norms, norms)
    np.fill_diagonal(expected, 0.0)
    for row in range(30):
        order = sorted(range(30), key=lambda j: -expected[row, j])
        best = [j for j in order if expected[row, j] > 1e-6]
        found = rows[row][rows[row] >= 0].tolist()
        assert found == best
        np.testing.assert_allclose(scores[row][: len(best)], expected[row, best], atol=1e-5)
    assert (rows[7] == -1).all()


def test_the_list_of_a_category_begins_with_its_popular_items() -> None:
    members = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], np.bool_)
    popularity = np.array([0.25, 0.0, 1.0, 1.0], np.float32)
    rows, scores = category.fit(members, popularity, most=3)
    assert rows.tolist() == [[3, 0, 1], [2, 1, -1]]
    np.testing.assert_allclose(scores, [[1.0, 0.55, 0.1], [1.0, 0.1, 0.0]], atol=1e-6)


def test_interests_come_from_events_and_choices(tmp_path_factory: pytest.TempPathFactory) -> None:
    catalog = write_catalog(tmp_path_factory.mktemp("catalog"))
    members = np.array([[name in categories_of(row) for name in CATEGORIES] for row in range(12)])
    rows, scores = category.fit(members, np.linspace(1, 0, 12, dtype=np.float32))
    lists = Categories(CATEGORIES, rows, scores, recency=1.0)
    histories = np.array([[0, -1, 1], [-1, -1, -1]])
    chosen, nothing = lists.interests(histories, [["rest", "unknown"], []], catalog)
    assert not nothing.any()
    # Row 0 is even and third: a half each. Row 1, at position 2, is of the rest: a third.
    np.testing.assert_allclose(chosen, [0.5, 0.5, 1 / 3 + 1.0], atol=1e-6)
    found, values = lists.fetch(chosen, 12, 12)
    expected = np.array([sum(chosen[c] * members[i, c] for c in range(3)) for i in range(12)]) * (
        0.1 + 0.9 * np.sqrt(np.linspace(1, 0, 12))
    )
    assert sorted(found.tolist()) == list(range(12))
    np.testing.assert_allclose(values, np.sort(expected)[::-1], atol=1e-5)
    np.testing.assert_allclose(values, expected[found], atol=1e-5)
