"""Similar-item queries and results on the wire; pure functions."""

from collections.abc import Sequence

import numpy as np
from recsys.recall.v1 import recall_pb2 as pb

from services.domain.outcome import Failure, Outcome
from services.domain.stages import Similar, SimilarQuery
from services.domain_wire import (
    check_rows,
    column,
    inline_from_proto,
    inline_to_proto,
    remaining_from_ms,
    remaining_to_ms,
    status_from_proto,
    status_to_proto,
)
from services.inference.batch import decode_each
from services.inference.limits import check_number, check_release

MAX_LIMIT = 1000


def encode_request(queries: Sequence[SimilarQuery]) -> pb.SimilarRequest:
    """The batch as a message."""
    return pb.SimilarRequest(
        queries=[
            pb.SimilarQuery(
                release=query.release,
                remaining_ms=remaining_to_ms(query.remaining),
                key=query.key,
                limit=query.limit,
            )
            for query in queries
        ]
    )


def decode_request(request: pb.SimilarRequest) -> list[SimilarQuery | Failure]:
    """Each query, or why it is invalid."""
    return decode_each(request.queries, _query)


def encode_response(outcomes: Sequence[Outcome[Similar]]) -> pb.SimilarResponse:
    """The results as a message."""
    return pb.SimilarResponse(results=[_result(outcome) for outcome in outcomes])


def decode_response(response: pb.SimilarResponse) -> list[Outcome[Similar]]:
    """The results of a response."""
    return [_outcome(result) for result in response.results]


def _query(message: pb.SimilarQuery) -> SimilarQuery:
    return SimilarQuery(
        release=check_release(message.release),
        key=message.key,
        limit=check_number(message.limit, "limit", MAX_LIMIT),
        remaining=remaining_from_ms(message.remaining_ms),
    )


def _result(outcome: Outcome[Similar]) -> pb.SimilarResult:
    if outcome.value is None:
        return pb.SimilarResult(status=status_to_proto(outcome.failure))
    return pb.SimilarResult(
        status=status_to_proto(None),
        rows=outcome.value.rows.astype("<i4", copy=False).tobytes(),
        scores=outcome.value.scores.astype("<f4", copy=False).tobytes(),
        inline_items=inline_to_proto(outcome.value.inline),
    )


def _outcome(result: pb.SimilarResult) -> Outcome[Similar]:
    if (failure := status_from_proto(result.status)) is not None:
        return Outcome(None, failure)
    rows = column(result.rows, np.int32, "rows")
    inline = inline_from_proto(result.inline_items)
    check_rows(rows, inline, "rows")
    scores = column(result.scores, np.float32, "scores", len(rows))
    return Outcome.of(Similar(rows, scores, inline))
