"""One run a batch, results by query; what does not fit the release fails alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.candidates import Candidates
from services.domain.inline import NO_INLINE, InlineItems
from services.domain.outcome import Reason
from services.domain.stages import Scores
from services.inference.fit import check_fit, check_inline, check_vector
from services.inference.scoring import score_fitting
from services.inference.session import GraphError
from tests.unit.inference.queries import CHANNELS, candidates


@dataclass(frozen=True)
class Query:
    candidates: Candidates
    good: bool = True


def check(query: Query) -> None:
    if not query.good:
        raise ValueError("candidates.rows: bad")


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=6))
def test_every_query_gets_the_scores_of_its_own_candidates(shapes: list[tuple[int, bool]]) -> None:
    runs = 0

    def score(queries: Sequence[Query]) -> Scores:
        nonlocal runs
        runs += 1
        rows = np.concatenate([query.candidates.rows for query in queries]).astype(np.float32)
        return Scores(rows, np.stack([rows, -rows], axis=1))

    queries = [Query(candidates(i, count), good) for i, (count, good) in enumerate(shapes)]
    outcomes = score_fitting(queries, check, score)
    assert len(outcomes) == len(queries)
    assert runs == any(query.good for query in queries)
    for query, outcome in zip(queries, outcomes, strict=True):
        if query.good:
            assert outcome.value is not None
            assert outcome.value.blended.tolist() == query.candidates.rows.tolist()
            assert outcome.value.tasks[:, 1].tolist() == (-query.candidates.rows).tolist()
        else:
            assert outcome.failure is not None
            assert outcome.failure.reason is Reason.INVALID
            assert outcome.failure.message == "candidates.rows: bad"


def test_a_query_on_which_the_graph_fails_fails_alone() -> None:
    def score(queries: Sequence[Query]) -> Scores:
        rows = np.concatenate([query.candidates.rows for query in queries]).astype(np.float32)
        if len(rows) % 2:
            raise GraphError("rank.onnx: out of bounds")
        return Scores(rows, rows[:, None])

    queries = [Query(candidates(i, count)) for i, count in enumerate((2, 3, 4))]
    first, second, third = score_fitting(queries, check, score)
    assert second.failure is not None
    assert second.failure.reason is Reason.INTERNAL
    assert second.failure.message == "rank.onnx: out of bounds"
    for query, outcome in ((queries[0], first), (queries[2], third)):
        assert outcome.value is not None
        assert outcome.value.blended.tolist() == query.candidates.rows.tolist()


@pytest.mark.parametrize(
    ("rows", "channels", "message"),
    [
        ([0, 9], CHANNELS + 1, "candidates.channel_count: 3, the release has 4 channels"),
        ([0, 10], CHANNELS, "candidates.rows: 10, the release has 10 items"),
        ([-1, 3], CHANNELS, "candidates.rows: -1, but 0 inline items"),
    ],
)
def test_what_does_not_fit_is_named(rows: list[int], channels: int, message: str) -> None:
    items = candidates(1, 2)
    items = Candidates(np.array(rows, np.int32), items.channels, items.recall_scores)
    with pytest.raises(ValueError, match=message):
        check_fit(items, item_count=10, channel_count=channels)


def test_what_fits_passes() -> None:
    check_fit(candidates(1, 10, items=10), item_count=10, channel_count=CHANNELS)
    check_fit(candidates(1, 0), item_count=0, channel_count=CHANNELS)
    check_vector(np.empty(0, np.float32), 8)
    check_vector(np.ones(8, np.float32), 8)
    with pytest.raises(ValueError, match="user_vector: 7 values, 0 or 8 expected"):
        check_vector(np.ones(7, np.float32), 8)


def test_inline_items_fit_when_they_are_encoded_by_the_release() -> None:
    inline = InlineItems(("n",), np.ones((1, 8), np.float32), np.ones((1, 5), np.float32))
    one = Candidates(
        np.array([-1, 9], np.int32),
        np.ones(2, np.uint32),
        np.zeros((2, CHANNELS), np.float32),
        inline=inline,
    )
    check_fit(one, item_count=10, channel_count=CHANNELS)
    check_inline(inline, 8, 5)
    check_inline(NO_INLINE, 8, 5)
    with pytest.raises(ValueError, match=r"inline_items\.vectors: 8 values an item, 9 expected"):
        check_inline(inline, 9, 5)
    with pytest.raises(ValueError, match=r"inline_items\.features: 5 values an item, 4 expected"):
        check_inline(inline, 8, 4)
    with pytest.raises(ValueError, match=r"candidates\.rows: -2, but 1 inline items"):
        check_fit(replace(one, rows=np.array([-2, 9], np.int32)), 10, CHANNELS)
    with pytest.raises(ValueError, match=r"candidates\.statistic_count: 4, 0 or 6 expected"):
        check_fit(replace(one, statistics=np.zeros((2, 4), np.float32)), 10, CHANNELS)
