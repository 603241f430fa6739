"""The public protobuf messages ↔ the client's plain values; pure functions."""

from collections.abc import Iterable, Mapping
from typing import Any

from recsys.common.v1 import common_pb2
from recsys.gateway.v1 import gateway_pb2

from recstack import results


def recommend_request(
    user_id: str, k: int, options: Mapping[str, Any]
) -> gateway_pb2.RecommendRequest:
    """`options`: those of `recstack.client.calls.ListOptions`."""
    return gateway_pb2.RecommendRequest(
        user_id=user_id,
        session_id=options.get("session_id", ""),
        k=k,
        placement=options.get("placement", ""),
        context=dict(options.get("context", {})),
        filter=gateway_pb2.Filter(
            categories=options.get("categories", ()), tags=options.get("tags", ())
        ),
        exclude_item_ids=options.get("exclude", ()),
        page_token=options.get("page_token", ""),
    )


def events_request(events: Iterable[results.Event]) -> gateway_pb2.RecordEventsRequest:
    """Raises ValueError for a type that does not exist."""
    return gateway_pb2.RecordEventsRequest(events=[_event(event) for event in events])


def _event(event: results.Event) -> gateway_pb2.UserEvent:
    name = f"EVENT_TYPE_{event.type.upper()}"
    types = common_pb2.EventType
    if name not in types.keys() or name.endswith("UNSPECIFIED"):  # noqa: SIM118 - not a dict
        known = ", ".join(n.removeprefix("EVENT_TYPE_").lower() for n in types.keys()[1:])
        raise ValueError(f"type: there is no event type {event.type!r}; there are: {known}")
    return gateway_pb2.UserEvent(
        event_id=event.event_id,
        user_id=event.user_id,
        item_id=event.item_id,
        type=name,
        time=event.time,
        value=event.value,
        request_id=event.request_id,
        session_id=event.session_id,
    )


def recommendations(message: gateway_pb2.RecommendResponse) -> results.Recommendations:
    return results.Recommendations(
        items=_items(message.items),
        request_id=message.request_id,
        release=message.release,
        degraded=tuple(results.Degradation(d.stage, _reason(d.reason)) for d in message.degraded),
        cold_start=message.cold_start,
        next_page_token=message.next_page_token,
    )


def similar_items(message: gateway_pb2.SimilarItemsResponse) -> results.SimilarItems:
    return results.SimilarItems(_items(message.items), message.request_id, message.release)


def recorded(message: gateway_pb2.RecordEventsResponse) -> results.Recorded:
    errors = tuple(
        results.EventError(e.index, e.field, e.message, e.retryable) for e in message.errors
    )
    return results.Recorded(message.accepted, message.duplicates, errors)


def explanation(message: gateway_pb2.ExplainResponse) -> results.Explanation:
    return results.Explanation(
        response=recommendations(message.response),
        stages=tuple(_stage(stage) for stage in message.stages),
        item=_item_trace(message.item) if message.HasField("item") else None,
    )


def _items(messages: Iterable[Any]) -> tuple[results.Item, ...]:
    return tuple(
        results.Item(
            m.item_id,
            m.title,
            m.score,
            tuple(m.channels),
            dict(m.task_scores),
            tuple(m.categories),
            m.repeated,
        )
        for m in messages
    )


def _stage(m: Any) -> results.StageTrace:
    top = tuple(results.TracedItem(t.item_id, t.title, t.position, t.score) for t in m.top)
    return results.StageTrace(
        m.stage,
        m.received,
        m.kept,
        m.seconds,
        _reason(m.reason),
        dict(m.dropped),
        top,
        tuple(m.notes),
    )


def _item_trace(m: Any) -> results.ItemTrace:
    stages = tuple(
        results.ItemAtStage(s.stage, s.position, s.score, tuple(s.notes)) for s in m.stages
    )
    return results.ItemTrace(m.item_id, m.title, m.lost_at, m.reason, m.position, stages)


def _reason(number: Any) -> str:
    return str(common_pb2.Reason.Name(number)).removeprefix("REASON_")
