"""One run a batch, results by query; what does not fit the release fails alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.candidates import Candidates
from services.domain.outcome import Reason
from services.domain.stages import Scores
from services.inference.fit import check_fit, check_vector
from services.inference.scoring import score_fitting
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


@pytest.mark.parametrize(
    ("rows", "channels", "message"),
    [
        ([0, 9], CHANNELS + 1, "candidates.channel_count: 3, the release has 4 channels"),
        ([0, 10], CHANNELS, "candidates.rows: 10, the release has 10 items"),
        ([-1, 3], CHANNELS, "candidates.rows: -1: items outside the release are not supported"),
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
