"""Feature store messages ↔ domain objects; pure functions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from recsys.common.v1 import common_pb2
from recsys.feature_store.v1 import feature_store_pb2 as pb

from services.domain.context import UserContext
from services.domain.events import Event, EventType
from services.domain.outcome import Outcome
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Marked,
    MarkShownQuery,
)
from services.domain_wire import (
    column,
    context_from_proto,
    context_to_proto,
    remaining_from_ms,
    remaining_to_ms,
    status_from_proto,
    status_to_proto,
)


def encode_contexts_request(queries: Sequence[ContextQuery]) -> pb.GetContextsRequest:
    """The batch as a message."""
    return pb.GetContextsRequest(
        queries=[
            pb.ContextQuery(user_id=q.user_id, remaining_ms=remaining_to_ms(q.remaining))
            for q in queries
        ]
    )


def decode_context_query(message: pb.ContextQuery) -> ContextQuery:
    """One query."""
    return ContextQuery(message.user_id, remaining_from_ms(message.remaining_ms))


def encode_contexts_response(outcomes: Sequence[Outcome[UserContext]]) -> pb.GetContextsResponse:
    """The answers as a message, in their order."""
    return pb.GetContextsResponse(
        results=[
            pb.ContextResult(
                status=status_to_proto(o.failure),
                context=None if o.value is None else context_to_proto(o.value),
                items_version=0 if o.value is None else o.value.items_version,
            )
            for o in outcomes
        ]
    )


def decode_contexts_response(response: pb.GetContextsResponse) -> list[Outcome[UserContext]]:
    """The outcome of each query; ValueError when a column has a wrong length."""
    outcomes: list[Outcome[UserContext]] = []
    for result in response.results:
        failure = status_from_proto(result.status)
        value = None if failure else context_from_proto(result.context)
        if value is not None:
            value = replace(value, items_version=result.items_version)
        outcomes.append(Outcome(value, failure))
    return outcomes


def encode_marks_request(queries: Sequence[MarkShownQuery]) -> pb.MarkShownRequest:
    """The batch as a message."""
    return pb.MarkShownRequest(
        queries=[
            pb.MarkShownQuery(
                user_id=q.user_id,
                keys=q.keys.astype("<u8", copy=False).tobytes(),
                now=q.now,
                remaining_ms=remaining_to_ms(q.remaining),
            )
            for q in queries
        ]
    )


def decode_mark_query(message: pb.MarkShownQuery) -> MarkShownQuery:
    """One query; ValueError when the keys have a wrong length."""
    keys = column(message.keys, np.uint64, "keys")
    return MarkShownQuery(
        message.user_id, keys, message.now, remaining_from_ms(message.remaining_ms)
    )


def encode_marks_response(outcomes: Sequence[Outcome[Marked]]) -> pb.MarkShownResponse:
    """The answers as a message, in their order."""
    return pb.MarkShownResponse(
        results=[pb.MarkShownResult(status=status_to_proto(o.failure)) for o in outcomes]
    )


def decode_marks_response(response: pb.MarkShownResponse) -> list[Outcome[Marked]]:
    """The outcome of each query."""
    failures = [status_from_proto(result.status) for result in response.results]
    return [Outcome(None if failure else Marked(), failure) for failure in failures]


def encode_events_request(queries: Sequence[AppendEventsQuery]) -> pb.AppendEventsRequest:
    """The batch as a message."""
    return pb.AppendEventsRequest(
        queries=[
            pb.AppendEventsQuery(
                user_id=q.user_id,
                events=[_event_to_proto(event) for event in q.events],
                remaining_ms=remaining_to_ms(q.remaining),
            )
            for q in queries
        ]
    )


def _event_to_proto(event: Event) -> pb.Event:
    return pb.Event(
        event_id=event.event_id,
        key=event.key,
        type=common_pb2.EventType.Name(event.type),
        time=event.time,
        value=event.value,
        item_id=event.item_id,
        request_id=event.request_id,
    )


def decode_events_query(message: pb.AppendEventsQuery) -> AppendEventsQuery:
    """One query; ValueError when an event has no known type."""
    events = tuple(
        Event(e.event_id, e.key, EventType(e.type), e.time, e.value, e.item_id, e.request_id)
        for e in message.events
    )
    return AppendEventsQuery(message.user_id, events, remaining_from_ms(message.remaining_ms))


def encode_events_response(outcomes: Sequence[Outcome[Appended]]) -> pb.AppendEventsResponse:
    """The answers as a message, in their order."""
    return pb.AppendEventsResponse(
        results=[
            pb.AppendEventsResult(
                status=status_to_proto(o.failure),
                accepted=o.value.accepted if o.value else 0,
                duplicates=o.value.duplicates if o.value else 0,
            )
            for o in outcomes
        ]
    )


def decode_events_response(response: pb.AppendEventsResponse) -> list[Outcome[Appended]]:
    """The outcome of each query."""
    outcomes: list[Outcome[Appended]] = []
    for result in response.results:
        failure = status_from_proto(result.status)
        value = None if failure else Appended(result.accepted, result.duplicates)
        outcomes.append(Outcome(value, failure))
    return outcomes
