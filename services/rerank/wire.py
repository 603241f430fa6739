"""Rerank messages ↔ domain objects; pure functions."""

from collections.abc import Sequence

import numpy as np
from recsys.rerank.v1 import rerank_pb2

from services.domain.outcome import Failure, Outcome
from services.domain.stages import (
    Reranked,
    RerankQuery,
    RuleNote,
    Slate,
)
from services.domain_wire import (
    check_rows,
    column,
    inline_from_proto,
    inline_to_proto,
    remaining_from_ms,
    remaining_to_ms,
    request_from_proto,
    request_to_proto,
    status_from_proto,
    status_to_proto,
)
from services.inference.batch import decode_each
from services.inference.limits import check_release, check_request


def encode_request(queries: Sequence[RerankQuery]) -> rerank_pb2.RerankRequest:
    """The batch as a message."""
    return rerank_pb2.RerankRequest(queries=[_query_to_proto(query) for query in queries])


def _query_to_proto(query: RerankQuery) -> rerank_pb2.RerankQuery:
    return rerank_pb2.RerankQuery(
        release=query.release,
        remaining_ms=remaining_to_ms(query.remaining),
        request=request_to_proto(query.request),
        rows=query.rows.astype("<i4", copy=False).tobytes(),
        scores=query.scores.astype("<f4", copy=False).tobytes(),
        k=query.k,
        explain=query.explain,
        inline_items=inline_to_proto(query.inline),
    )


def decode_request(request: rerank_pb2.RerankRequest) -> list[RerankQuery | Failure]:
    """Each query, or why it is invalid; columns are read-only views."""
    return decode_each(request.queries, _query_from_proto)


def _query_from_proto(message: rerank_pb2.RerankQuery) -> RerankQuery:
    rows = column(message.rows, np.int32, "rows")
    inline = inline_from_proto(message.inline_items)
    check_rows(rows, inline, "rows")
    return RerankQuery(
        release=check_release(message.release),
        request=check_request(request_from_proto(message.request)),
        rows=rows,
        scores=column(message.scores, np.float32, "scores", len(rows)),
        k=message.k,
        remaining=remaining_from_ms(message.remaining_ms),
        explain=message.explain,
        inline=inline,
    )


def encode_response(outcomes: Sequence[Outcome[Reranked]]) -> rerank_pb2.RerankResponse:
    """The answers as a message, in their order."""
    return rerank_pb2.RerankResponse(results=[_result_to_proto(outcome) for outcome in outcomes])


def _result_to_proto(outcome: Outcome[Reranked]) -> rerank_pb2.RerankResult:
    status = status_to_proto(outcome.failure)
    if outcome.value is None:
        return rerank_pb2.RerankResult(status=status)
    slate, notes = outcome.value.slate, outcome.value.notes
    return rerank_pb2.RerankResult(
        status=status,
        rows=slate.rows.astype("<i4", copy=False).tobytes(),
        scores=slate.scores.astype("<f4", copy=False).tobytes(),
        notes=[rerank_pb2.RuleNote(row=n.row, rule=n.rule, effect=n.effect) for n in notes],
    )


def decode_response(response: rerank_pb2.RerankResponse) -> list[Outcome[Reranked]]:
    """The outcome of each query; ValueError when a column has a wrong length."""
    return [_result_from_proto(result) for result in response.results]


def _result_from_proto(result: rerank_pb2.RerankResult) -> Outcome[Reranked]:
    if (failure := status_from_proto(result.status)) is not None:
        return Outcome(failure=failure)
    rows = column(result.rows, np.int32, "rows")
    scores = column(result.scores, np.float32, "scores", len(rows))
    notes = tuple(RuleNote(n.row, n.rule, n.effect) for n in result.notes)
    return Outcome.of(Reranked(Slate(rows, scores), notes))
