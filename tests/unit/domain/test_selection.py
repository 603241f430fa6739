"""Choosing the best, and looking up keys."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from services.domain.arrays import F32
from services.domain.candidates import best_first, descending, leading
from services.domain.context import among

scores = npst.arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.sampled_from([-np.inf, -2.5, -1e-40, -0.0, 0.0, 1e-40, 1.0, np.inf])
    | st.floats(width=32, allow_nan=False),
)
alike = st.integers(0, 9).map(lambda high: high << 32)  # keys that differ in high bits alone
keys = st.lists(st.integers(0, 2**64 - 1) | alike | st.just(2**64 - 1), max_size=40)


@given(scores, st.integers(0, 70))
def test_best_first_is_a_stable_descending_sort(values: F32, limit: int) -> None:
    expected = np.argsort(-values, kind="stable")[:limit]
    assert best_first(values, limit).tolist() == expected.tolist()


@given(scores, st.integers(0, 70))
def test_leading_is_the_beginning_of_descending(values: F32, limit: int) -> None:
    both = np.stack([values, values[::-1]])
    assert leading(both, limit).tolist() == descending(both)[:, :limit].tolist()


def test_nan_is_last() -> None:
    values = np.array([np.nan, -5.0, np.nan, 3.0], np.float32)
    assert best_first(values, 4).tolist() == [3, 1, 0, 2]


@given(keys, keys)
def test_among_is_membership(some: list[int], listed: list[int]) -> None:
    found = among(np.array(some, np.uint64), np.array(listed, np.uint64))
    assert found.tolist() == [key in listed for key in some]
