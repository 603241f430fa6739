"""Rank queries and results on the wire; pure functions."""

from collections.abc import Sequence

import numpy as np
from recsys.rank.v1 import rank_pb2 as pb

from services.domain.outcome import Failure, Outcome
from services.domain.stages import RankQuery, Scores
from services.domain_wire import (
    candidates_from_proto,
    candidates_to_proto,
    column,
    context_from_proto,
    context_to_proto,
    remaining_from_ms,
    remaining_to_ms,
    request_from_proto,
    request_to_proto,
    status_from_proto,
    status_to_proto,
)
from services.inference.batch import decode_each
from services.inference.limits import (
    check_candidates,
    check_context,
    check_finite,
    check_release,
    check_request,
)

MAX_CANDIDATES = 2000


def encode_request(queries: Sequence[RankQuery]) -> pb.RankRequest:
    """The batch as a message."""
    return pb.RankRequest(
        queries=[
            pb.RankQuery(
                release=query.release,
                remaining_ms=remaining_to_ms(query.remaining),
                context=context_to_proto(query.context),
                request=request_to_proto(query.request),
                candidates=candidates_to_proto(query.candidates),
                user_vector=query.user_vector.astype("<f4", copy=False).tobytes(),
            )
            for query in queries
        ]
    )


def decode_request(request: pb.RankRequest) -> list[RankQuery | Failure]:
    """Each query, or why it is invalid."""
    return decode_each(request.queries, _query)


def encode_response(outcomes: Sequence[Outcome[Scores]]) -> pb.RankResponse:
    """The results as a message."""
    return pb.RankResponse(results=[_result(outcome) for outcome in outcomes])


def decode_response(response: pb.RankResponse) -> list[Outcome[Scores]]:
    """The results of a response."""
    return [_outcome(result) for result in response.results]


def _query(message: pb.RankQuery) -> RankQuery:
    return RankQuery(
        release=check_release(message.release),
        context=check_context(context_from_proto(message.context)),
        request=check_request(request_from_proto(message.request)),
        candidates=check_candidates(candidates_from_proto(message.candidates), MAX_CANDIDATES),
        remaining=remaining_from_ms(message.remaining_ms),
        user_vector=check_finite(
            column(message.user_vector, np.float32, "user_vector"), "user_vector"
        ),
    )


def _result(outcome: Outcome[Scores]) -> pb.RankResult:
    if outcome.value is None:
        return pb.RankResult(status=status_to_proto(outcome.failure))
    scores = outcome.value
    return pb.RankResult(
        status=status_to_proto(None),
        scores=scores.blended.astype("<f4", copy=False).tobytes(),
        tasks=scores.tasks.astype("<f4", copy=False).tobytes(),
        task_count=scores.tasks.shape[1],
    )


def _outcome(result: pb.RankResult) -> Outcome[Scores]:
    if (failure := status_from_proto(result.status)) is not None:
        return Outcome(None, failure)
    scores = column(result.scores, np.float32, "scores")
    size = len(scores) * result.task_count
    tasks = column(result.tasks, np.float32, "tasks", size)
    return Outcome.of(Scores(scores, tasks.reshape(len(scores), result.task_count)))
