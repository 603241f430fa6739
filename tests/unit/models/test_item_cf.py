import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.recall.item_cf import ItemCfConfig, fit
from models.schema.item_cf import ItemCf
from tests.unit.models.logs import make_log

ITEMS = 8
sequences = st.lists(
    st.permutations(range(ITEMS)).flatmap(lambda p: st.integers(0, ITEMS).map(lambda n: p[:n])),
    min_size=1,
    max_size=6,
)


def brute_force(log: list[list[int]], config: ItemCfConfig) -> np.ndarray:
    total = np.zeros((ITEMS, ITEMS))
    count = Counter(row for sequence in log for row in sequence)
    for sequence in log:
        iuf = 1 / math.log(2 + max(len(sequence), 1))
        for p, first in enumerate(sequence):
            for q in range(p + 1, min(len(sequence), p + config.window + 1)):
                weight = iuf / (1 + (q - p) / config.decay)
                total[first, sequence[q]] += weight
                total[sequence[q], first] += config.backward * weight
    for i in range(ITEMS):
        for j in range(ITEMS):
            total[i, j] /= math.sqrt(max(count[i], 1) * max(count[j], 1))
    return total


@settings(max_examples=40, deadline=None)
@given(sequences, st.integers(1, 12))
def test_similarities_equal_brute_force(log: list[list[int]], window: int) -> None:
    config = ItemCfConfig(neighbours=ITEMS, window=window, decay=2.0, backward=0.5)
    rows, scores = fit(make_log(log, ITEMS), config)
    dense = np.zeros((ITEMS, ITEMS))
    for i in range(ITEMS):
        found = rows[i] >= 0
        dense[i, rows[i][found]] = scores[i][found]
        assert (np.diff(scores[i][found]) <= 0).all()
        assert (scores[i][~found] == 0).all()
    np.testing.assert_allclose(dense, brute_force(log, config), atol=1e-6)


def test_only_the_nearest_neighbours_are_kept() -> None:
    rows, _ = fit(make_log([[0, 1, 2, 3]], ITEMS), ItemCfConfig(neighbours=2))
    assert rows[0].tolist() == [1, 2]
    assert rows[7].tolist() == [-1, -1]


def test_fetch_sums_neighbours_by_recency() -> None:
    tables = ItemCf(
        rows=np.array([[1, 2], [2, -1], [0, 1]], np.int32),
        scores=np.array([[0.5, 0.4], [0.8, 0.0], [0.3, 0.2]], np.float32),
        recency=1.0,
    )
    rows, scores = tables.fetch(np.array([0, 1, -1], np.int64), 10)
    assert rows.tolist() == [2, 1]
    assert scores.tolist() == pytest.approx([0.4 + 0.8 / 2, 0.5])
    assert tables.fetch(np.array([0, 1]), 1)[0].tolist() == [2]
    assert tables.fetch(np.array([], np.int64), 5)[0].tolist() == []
