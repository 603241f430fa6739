"""Public messages ↔ what the gateway works with. Pure."""

from collections.abc import Sequence

from recsys.gateway.v1 import gateway_pb2 as pb

from services.domain.outcome import Failure, Reason
from services.gateway.answer import Answer
from services.gateway.explain.explanation import (
    Explanation,
    ItemAtStage,
    ItemReport,
    StageReport,
    TopItem,
)
from services.gateway.gateway import Recorded
from services.gateway.requests import EventInput, RecommendInput

# Names, as protobuf takes them for enums too: its type stubs want members, not numbers.
REASONS = {reason: f"REASON_{reason.value}" for reason in Reason}


def recommend_input(request: pb.RecommendRequest) -> RecommendInput:
    """The request as it came."""
    return RecommendInput(
        user_id=request.user_id,
        session_id=request.session_id,
        k=request.k if request.HasField("k") else None,
        page_token=request.page_token,
        placement=request.placement,
        context=dict(request.context),
        categories=request.filter.categories,
        tags=request.filter.tags,
        exclude_item_ids=request.exclude_item_ids,
    )


def event_inputs(request: pb.RecordEventsRequest) -> list[EventInput]:
    """The events as they came."""
    return [
        EventInput(
            e.event_id, e.user_id, e.item_id, e.type, e.time, e.value, e.request_id, e.session_id
        )
        for e in request.events
    ]


def recommend_response(answer: Answer) -> pb.RecommendResponse:
    """The answer of Recommend."""
    response = pb.RecommendResponse(
        request_id=answer.request_id,
        release=answer.release,
        degraded=_degraded(answer.degraded),
        cold_start=answer.cold_start,
    )
    _add_items(response, answer)
    return response


def similar_response(answer: Answer) -> pb.SimilarItemsResponse:
    """The answer of SimilarItems."""
    response = pb.SimilarItemsResponse(request_id=answer.request_id, release=answer.release)
    _add_items(response, answer)
    return response


def record_response(recorded: Recorded) -> pb.RecordEventsResponse:
    """The answer of RecordEvents."""
    return pb.RecordEventsResponse(
        accepted=recorded.accepted,
        duplicates=recorded.duplicates,
        errors=[
            pb.EventError(index=f.index, field=f.field, message=f.message, retryable=f.retryable)
            for f in recorded.faults
        ],
    )


def explain_response(explanation: Explanation) -> pb.ExplainResponse:
    """The answer of Explain."""
    return pb.ExplainResponse(
        response=recommend_response(explanation.answer),
        stages=[_stage(stage) for stage in explanation.stages],
        item=_item_trace(explanation.item) if explanation.item else None,
    )


def _add_items(response: pb.RecommendResponse | pb.SimilarItemsResponse, answer: Answer) -> None:
    """Adds in place: half the time of building the items and their maps first."""
    add = response.items.add
    for text, score, channels, task_scores in answer.items:
        item = add(
            item_id=text.item_id,
            title=text.title,
            score=score,
            channels=channels,
            categories=text.categories,
        )
        if task_scores:
            scores = item.task_scores
            for task, probability in task_scores.items():
                scores[task] = probability


def _degraded(degraded: Sequence[tuple[str, Failure]]) -> list[pb.Degradation]:
    return [
        pb.Degradation(stage=stage, reason=REASONS[failure.reason]) for stage, failure in degraded
    ]


def _stage(stage: StageReport) -> pb.StageTrace:
    failure = stage.failure
    return pb.StageTrace(
        stage=stage.stage,
        received=stage.received,
        kept=stage.kept,
        seconds=stage.seconds,
        reason="REASON_OK" if failure is None else REASONS[failure.reason],
        dropped=stage.dropped,
        top=[_traced(item) for item in stage.top],
        notes=stage.notes,
    )


def _traced(item: TopItem) -> pb.TracedItem:
    return pb.TracedItem(
        item_id=item.item_id, title=item.title, position=item.position, score=item.score
    )


def _item_trace(item: ItemReport) -> pb.ItemTrace:
    return pb.ItemTrace(
        item_id=item.item_id,
        title=item.title,
        lost_at=item.lost_at,
        reason=item.reason,
        position=item.position,
        stages=[_at_stage(stage) for stage in item.stages],
    )


def _at_stage(stage: ItemAtStage) -> pb.ItemAtStage:
    return pb.ItemAtStage(
        stage=stage.stage, position=stage.position, score=stage.score, notes=stage.notes
    )
