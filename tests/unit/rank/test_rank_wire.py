"""Rank on the wire."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recsys.rank.v1 import rank_pb2 as pb

from services.domain.outcome import Failure, Outcome, Reason
from services.domain.stages import RankQuery, Scores
from services.rank import wire
from tests.unit.inference.queries import candidates, request, same, user


def query(seed: int, count: int = 7) -> RankQuery:
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return RankQuery("r1", user(seed), request(seed), candidates(seed, count), 0.25, vector)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 40)), max_size=3))
def test_queries_survive(cases: list[tuple[int, int]]) -> None:
    queries = [query(seed, count) for seed, count in cases]
    data = wire.encode_request(queries).SerializeToString()
    assert same(wire.decode_request(pb.RankRequest.FromString(data)), queries)


@given(st.integers(0, 40))
def test_results_survive(count: int) -> None:
    generator = np.random.default_rng(count)
    blended = generator.random(count, np.float32)
    outcomes = [
        Outcome.of(Scores(blended, generator.random((count, 2), np.float32))),
        Outcome(None, Failure(Reason.RELEASE_NOT_LOADED, "none")),
    ]
    data = wire.encode_response(outcomes).SerializeToString()
    assert same(wire.decode_response(pb.RankResponse.FromString(data)), outcomes)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("rows", b"\0" * 6, "candidates.rows: 6 bytes"),
        ("rows", b"\0" * 8, "candidates.recall_scores: 21 values, 6 expected"),
        ("channels", b"\0" * 8, "candidates.channels: 2 values, 7 expected"),
        ("recall_scores", b"\0" * 12, "candidates.recall_scores: 3 values, 21 expected"),
        ("channel_count", 4, "candidates.recall_scores: 21 values, 28 expected"),
        (
            "recall_scores",
            np.full(21, np.inf, "<f4").tobytes(),
            "candidates.recall_scores: not a finite number",
        ),
    ],
)
def test_a_wrong_column_is_named_and_fails_its_query_alone(
    field: str, value: object, named: str
) -> None:
    message = wire.encode_request([query(1), query(2)])
    setattr(message.queries[0].candidates, field, value)
    bad, good = wire.decode_request(message)
    assert same(good, query(2))
    assert isinstance(bad, Failure)
    assert (bad.reason, bad.message.startswith(named)) == (Reason.INVALID, True)


def test_too_many_candidates_and_a_user_without_an_id_are_refused() -> None:
    crowd = replace(query(1), candidates=candidates(1, 2000 + 1, items=10_000))
    nobody = replace(query(1), context=replace(user(1), user_id=""))
    crowded, nameless = wire.decode_request(wire.encode_request([crowd, nobody]))
    assert isinstance(crowded, Failure)
    assert crowded.message == "candidates: 2001 entries, at most 2000"
    assert isinstance(nameless, Failure)
    assert nameless.message.startswith("context.user_id")
