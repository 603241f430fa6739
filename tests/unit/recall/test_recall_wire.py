"""Recall on the wire."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recsys.recall.v1 import recall_pb2 as pb

from services.domain.inline import InlineItems
from services.domain.outcome import Failure, Outcome, Reason
from services.domain.stages import (
    ChannelReport,
    Dropped,
    Recalled,
    RecallQuery,
    Similar,
    SimilarQuery,
)
from services.recall import similar_wire, wire
from tests.unit.inference.queries import candidates, request, same, user


def query(seed: int) -> RecallQuery:
    return RecallQuery("r1", user(seed), request(seed), 600, 0.25, explain=True, at_least=seed % 20)


@given(st.lists(st.integers(0, 1000), max_size=3))
def test_queries_survive(seeds: list[int]) -> None:
    queries = [query(seed) for seed in seeds]
    data = wire.encode_request(queries).SerializeToString()
    assert same(wire.decode_request(pb.RecallRequest.FromString(data)), queries)


@given(st.integers(0, 1000), st.integers(0, 40))
def test_results_survive(seed: int, count: int) -> None:
    late = Failure(Reason.TIMEOUT, "late")
    recalled = Recalled(
        candidates(seed, count),
        np.random.default_rng(seed).normal(size=8).astype(np.float32),
        (ChannelReport("one", 5, 3, 0.25), ChannelReport("two", 0, 0, 0.5, late)),
        (Dropped(np.array([4, 2], np.int32), np.array([1, 3], np.uint32), "seen"),),
        repeats=count // 2,
    )
    outcomes = [Outcome.of(recalled), Outcome(None, Failure(Reason.EXPIRED, "over"))]
    data = wire.encode_response(outcomes).SerializeToString()
    assert same(wire.decode_response(pb.RecallResponse.FromString(data)), outcomes)


def _break_history(message: pb.RecallQuery) -> None:
    message.context.history.times = b"\0" * 4


def _break_seen(message: pb.RecallQuery) -> None:
    message.context.seen.recent = b"\0" * 7


def _break_bloom(message: pb.RecallQuery) -> None:
    message.context.seen.generations[0].data = b"\0" * 3


def _break_values(message: pb.RecallQuery) -> None:
    count = len(message.context.history.keys) // 8
    message.context.history.values = np.full(count, np.nan, "<f4").tobytes()


def _long_history(message: pb.RecallQuery) -> None:
    for name, width in (("keys", 8), ("times", 4), ("events", 1), ("values", 4)):
        setattr(message.context.history, name, b"\0" * (201 * width))


def _break(path: str, value: object) -> Callable[[pb.RecallQuery], None]:
    def change(message: pb.RecallQuery) -> None:
        target = message
        *parents, name = path.split(".")
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, name, value)

    return change


def _many_attributes(message: pb.RecallQuery) -> None:
    message.request.attributes.update({str(i): "x" for i in range(33)})


def _many_profile(message: pb.RecallQuery) -> None:
    message.context.profile.update({str(i): "x" for i in range(65)})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_break("release", ""), "release: 0 characters"),
        (_break("release", "r" * 129), "release: 129 characters"),
        (_break("limit", 0), "limit: 0"),
        (_break("limit", 5001), "limit: 5001, 1 to 5000 expected"),
        (_break("context.user_id", ""), "context.user_id: 0 bytes"),
        (_break("context.user_id", "ü" * 129), "context.user_id: 258 bytes"),
        (_break("request.exclude", b"\0" * 9), "request.exclude: 9 bytes"),
        (_break_history, "history.times: 1 values, 5 expected"),
        (_long_history, "context.history: 201 entries, at most 200"),
        (_break_values, "context.history.values: not a finite number"),
        (_break_seen, "seen.recent: 7 bytes"),
        (_break_bloom, "seen.generations: 24 bits"),
        (_many_attributes, "request.attributes: 34 entries"),
        (_many_profile, "context.profile: 67 entries"),
    ],
)
def test_a_wrong_field_is_named_and_fails_its_query_alone(
    change: Callable[[pb.RecallQuery], None], named: str
) -> None:
    message = wire.encode_request([query(1), query(2), query(3)])
    change(message.queries[1])
    good, bad, also_good = wire.decode_request(message)
    assert isinstance(bad, Failure)
    assert bad.reason is Reason.INVALID
    assert named in bad.message
    assert same([good, also_good], [query(1), query(3)])


@given(st.integers(0, 2**64 - 1), st.integers(1, 1000))
def test_similar_survives(key: int, limit: int) -> None:
    queries = [SimilarQuery("r1", key, limit, 0.5), SimilarQuery("r2", 7, 1, -0.001)]
    data = similar_wire.encode_request(queries).SerializeToString()
    assert similar_wire.decode_request(pb.SimilarRequest.FromString(data)) == queries
    nothing = np.empty((1, 0), np.float32)
    newer = InlineItems(("n1",), nothing, nothing)
    similar = Similar(np.array([3, -1], np.int32), np.array([0.5, 0.25], np.float32), newer)
    outcomes = [Outcome.of(similar), Outcome.failed(Reason.INVALID, "key: unknown")]
    data = similar_wire.encode_response(outcomes).SerializeToString()
    assert same(similar_wire.decode_response(pb.SimilarResponse.FromString(data)), outcomes)


@pytest.mark.parametrize("limit", [0, 1001])
def test_similar_limits_are_checked(limit: int) -> None:
    good = SimilarQuery("r1", 7, 1, 0.5)
    request = similar_wire.encode_request([replace(good, limit=limit), good])
    bad, kept = similar_wire.decode_request(request)
    assert kept == good
    assert isinstance(bad, Failure)
    assert bad.message == f"limit: {limit}, 1 to 1000 expected"
