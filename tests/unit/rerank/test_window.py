"""The category window: never violated where an order without a violation exists."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.domain.context import RequestContext
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.window import CategoryWindow, arrange

Categories = list[frozenset[int]]
pools = st.lists(st.frozensets(st.integers(0, 3), max_size=3), min_size=1, max_size=6)


def kept(order: list[int], codes: Categories, size: int, most: int) -> bool:
    """The rule as it is said: in each window each category at most `most` times."""
    return all(
        sum(category in codes[p] for p in order[start : start + size]) <= most
        for start in range(len(order))
        for category in range(4)
    )


@given(pools, st.integers(1, 6), st.integers(2, 4), st.integers(1, 3))
def test_never_violated_when_avoidable(codes, k, size, most):
    k = min(k, len(codes))
    avoidable = any(kept(list(o), codes, size, most) for o in permutations(range(len(codes)), k))
    order = arrange(codes, k, size, most)
    assert len(order) == len(set(order)) == k
    assert kept(order, codes, size, most) == avoidable


@given(
    st.lists(st.frozensets(st.integers(0, 3), max_size=2), min_size=1, max_size=40),
    st.integers(2, 6),
    st.integers(1, 3),
)
def test_an_order_that_keeps_the_rule_is_left_alone(codes, size, most):
    order = list(range(len(codes)))
    if kept(order, codes, size, most):
        assert arrange(codes, len(codes), size, most) == order


def test_looks_ahead_where_the_first_fit_would_run_into_a_wall():
    b, a = frozenset({1}), frozenset({0})
    assert arrange([b, a, a], 3, size=2, most=1) == [1, 0, 2]


def test_a_list_of_one_category_keeps_its_order():
    assert arrange([frozenset({0})] * 200, 20, size=5, most=2) == list(range(20))


def run(codes: list[list[int]], k: int, size: int = 2, most: int = 1):
    rows = np.arange(len(codes), dtype=np.int32)
    scores = np.linspace(1, 0, len(codes)).astype(np.float32)
    rule = CategoryWindow(lambda row: np.array(codes[row], np.int32), size, most)
    query = RerankQuery("r", RequestContext(0), rows, scores, k, 1.0, explain=True)
    return rule.apply(Slate(rows, scores), query)


def test_what_gives_way_follows_and_is_noted():
    slate, notes = run([[0], [0], [0], [1]], k=2)
    assert slate.rows.tolist() == [0, 3, 1, 2]
    assert [(n.row, n.rule, n.effect) for n in notes] == [
        (1, "window", "moved"),
        (3, "window", "moved"),
    ]


def test_a_window_as_wide_as_its_limit_is_no_rule():
    slate, notes = run([[0], [0], [0]], k=3, size=2, most=2)
    assert slate.rows.tolist() == [0, 1, 2]
    assert notes == ()
