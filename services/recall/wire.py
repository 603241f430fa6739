"""Recall queries and results on the wire; pure functions."""

from collections.abc import Sequence

import numpy as np
from recsys.recall.v1 import recall_pb2 as pb

from services.domain.outcome import Failure, Outcome
from services.domain.stages import (
    ChannelReport,
    Dropped,
    Recalled,
    RecallQuery,
)
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
    check_context,
    check_number,
    check_release,
    check_request,
)

MAX_LIMIT = 5000


def encode_request(queries: Sequence[RecallQuery]) -> pb.RecallRequest:
    """The batch as a message."""
    return pb.RecallRequest(
        queries=[
            pb.RecallQuery(
                release=query.release,
                remaining_ms=remaining_to_ms(query.remaining),
                context=context_to_proto(query.context),
                request=request_to_proto(query.request),
                limit=query.limit,
                explain=query.explain,
                at_least=query.at_least,
            )
            for query in queries
        ]
    )


def decode_request(request: pb.RecallRequest) -> list[RecallQuery | Failure]:
    """Each query, or why it is invalid."""
    return decode_each(request.queries, _query)


def encode_response(outcomes: Sequence[Outcome[Recalled]]) -> pb.RecallResponse:
    """The results as a message."""
    return pb.RecallResponse(results=[_result(outcome) for outcome in outcomes])


def decode_response(response: pb.RecallResponse) -> list[Outcome[Recalled]]:
    """The results of a response."""
    return [_outcome(result) for result in response.results]


def _query(message: pb.RecallQuery) -> RecallQuery:
    return RecallQuery(
        release=check_release(message.release),
        context=check_context(context_from_proto(message.context)),
        request=check_request(request_from_proto(message.request)),
        limit=check_number(message.limit, "limit", MAX_LIMIT),
        remaining=remaining_from_ms(message.remaining_ms),
        explain=message.explain,
        at_least=min(message.at_least, message.limit),
    )


def _result(outcome: Outcome[Recalled]) -> pb.RecallResult:
    if outcome.value is None:
        return pb.RecallResult(status=status_to_proto(outcome.failure))
    recalled = outcome.value
    return pb.RecallResult(
        status=status_to_proto(None),
        candidates=candidates_to_proto(recalled.candidates),
        user_vector=recalled.user_vector.astype("<f4", copy=False).tobytes(),
        reports=[
            pb.ChannelReport(
                channel=report.channel,
                fetched=report.fetched,
                kept=report.kept,
                seconds=report.seconds,
                status=status_to_proto(report.failure),
            )
            for report in recalled.reports
        ],
        dropped=[
            pb.Dropped(
                rows=dropped.rows.astype("<i4", copy=False).tobytes(),
                channels=dropped.channels.astype("<u4", copy=False).tobytes(),
                reason=dropped.reason,
            )
            for dropped in recalled.dropped
        ],
        repeats=recalled.repeats,
    )


def _outcome(result: pb.RecallResult) -> Outcome[Recalled]:
    if (failure := status_from_proto(result.status)) is not None:
        return Outcome(None, failure)
    reports = tuple(
        ChannelReport(r.channel, r.fetched, r.kept, r.seconds, status_from_proto(r.status))
        for r in result.reports
    )
    return Outcome.of(
        Recalled(
            candidates_from_proto(result.candidates),
            column(result.user_vector, np.float32, "user_vector"),
            reports,
            tuple(_dropped(dropped) for dropped in result.dropped),
            result.repeats,
        )
    )


def _dropped(message: pb.Dropped) -> Dropped:
    rows = column(message.rows, np.int32, "dropped.rows")
    return Dropped(
        rows, column(message.channels, np.uint32, "dropped.channels", len(rows)), message.reason
    )
