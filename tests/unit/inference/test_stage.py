"""The stage over loaded releases, and batches at the edge."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from services.chassis.errors import InvalidArgumentError
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.inference.batch import MAX_QUERIES, answer_each, decode_each
from services.inference.stage import ReleaseStage


@dataclass(frozen=True)
class Query:
    release: str
    remaining: float
    value: int


class Doubling:
    """A model; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def run(self, queries: Sequence[Query]) -> Sequence[Outcome[int]]:
        self.batches.append([query.value for query in queries])
        return [Outcome.of(2 * query.value) for query in queries]


class Hanging:
    """A model that never answers."""

    async def run(self, queries: Sequence[Query]) -> Sequence[Outcome[int]]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class Releases(dict[str, Doubling | Hanging]):
    """Loaded releases."""

    def ids(self) -> tuple[str, ...]:
        return tuple(self)


async def test_answers_in_order_with_one_batch_a_release() -> None:
    releases = Releases(a=Doubling(), b=Doubling())
    queries = [Query(release, 1.0, i) for i, release in enumerate("abab")]
    outcomes = await ReleaseStage(releases).call(queries, 1.0)
    assert [outcome.value for outcome in outcomes] == [0, 2, 4, 6]
    assert [model.batches for model in releases.values()] == [[[0, 2]], [[1, 3]]]


async def test_expired_and_unknown_releases_fail_alone() -> None:
    model = Doubling()
    queries = [Query("a", 0.0, 1), Query("x", 1.0, 2), Query("a", 1.0, 3), Query("a", -1.0, 4)]
    outcomes = await ReleaseStage(Releases(a=model)).call(queries, math.inf)
    reasons = [outcome.failure and outcome.failure.reason for outcome in outcomes]
    assert reasons == [Reason.EXPIRED, Reason.RELEASE_NOT_LOADED, None, Reason.EXPIRED]
    assert outcomes[1].failure is not None
    assert outcomes[1].failure.message == "release x is not loaded; loaded: a"
    assert model.batches == [[3]]


async def test_a_model_that_hangs_is_a_timeout_of_the_call() -> None:
    with pytest.raises(CallError) as raised:
        await ReleaseStage(Releases(a=Hanging())).call([Query("a", 1.0, 1)], 0.01)
    assert raised.value.failure.reason is Reason.TIMEOUT


async def test_no_queries_no_answers() -> None:
    assert await ReleaseStage(Releases()).call([], 1.0) == []


def _decode(text: str) -> Query:
    return Query("a", 1.0, int(text))


async def test_a_query_that_cannot_be_decoded_fails_alone() -> None:
    decoded = decode_each(["1", "x", "3"], _decode)
    outcomes = await answer_each(ReleaseStage(Releases(a=Doubling())), decoded, None)
    assert [outcome.value for outcome in outcomes] == [2, None, 6]
    assert outcomes[1].failure is not None
    assert outcomes[1].failure.reason is Reason.INVALID
    assert "'x'" in outcomes[1].failure.message


async def test_a_failed_call_is_the_failure_of_its_queries_only() -> None:
    decoded = decode_each(["1", "x"], _decode)
    outcomes = await answer_each(ReleaseStage(Releases(a=Hanging())), decoded, 0.01)
    reasons = [outcome.failure.reason for outcome in outcomes if outcome.failure]
    assert reasons == [Reason.TIMEOUT, Reason.INVALID]


async def test_only_bad_queries_ask_no_model() -> None:
    model = Doubling()
    failure = Failure(Reason.INVALID, "wrong")
    stage: ReleaseStage[Query, int] = ReleaseStage(Releases(a=model))
    assert await answer_each(stage, [failure], None) == [Outcome(None, failure)]
    assert model.batches == []


def test_a_batch_that_is_too_large_is_refused_whole() -> None:
    assert len(decode_each(["1"] * MAX_QUERIES, _decode)) == MAX_QUERIES
    with pytest.raises(InvalidArgumentError, match="queries: 257, at most 256"):
        decode_each(["1"] * (MAX_QUERIES + 1), _decode)
