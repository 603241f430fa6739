"""Public messages ↔ what the gateway works with. Pure."""

from collections.abc import Sequence

from recsys.common.v1 import common_pb2
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
from services.gateway.recording import Recorded
from services.gateway.requests import Changed, EventInput, Fault, RecommendInput, UserInput
from services.gateway.users import ExportedItem, UserExport

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
        next_page_token=answer.next_page_token,
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


def user_inputs(request: pb.PutUsersRequest) -> list[UserInput]:
    """The users as they came."""
    return [UserInput(u.user_id, dict(u.profile), u.preferences) for u in request.users]


def put_users_response(ended: Changed) -> pb.PutUsersResponse:
    """The answer of PutUsers."""
    return pb.PutUsersResponse(stored=ended.changed, errors=catalog_errors(ended.faults))


def erase_users_response(ended: Changed) -> pb.EraseUsersResponse:
    """The answer of EraseUsers."""
    return pb.EraseUsersResponse(erased=ended.changed, errors=catalog_errors(ended.faults))


def catalog_errors(faults: Sequence[Fault]) -> list[pb.CatalogError]:
    """What was not stored or changed."""
    return [
        pb.CatalogError(index=f.index, field=f.field, message=f.message, retryable=f.retryable)
        for f in faults
    ]


def export_response(export: UserExport) -> pb.ExportUserResponse:
    """The answer of ExportUser."""
    user = export.user
    return pb.ExportUserResponse(
        user=pb.User(
            user_id=user.user_id, profile=dict(user.profile), preferences=user.preferences
        ),
        events=[
            pb.ExportedEvent(
                item=_exported(event.item),
                type=common_pb2.EventType.Name(event.type),
                time=event.time,
                value=event.value,
            )
            for event in export.events
        ],
        shown=[_exported(item) for item in export.shown],
        seen_count=export.seen_count,
    )


def _exported(item: ExportedItem) -> pb.ExportedItem:
    return pb.ExportedItem(key=item.key, item_id=item.item_id)


def _add_items(response: pb.RecommendResponse | pb.SimilarItemsResponse, answer: Answer) -> None:
    """Adds in place: half the time of building the items and their maps first."""
    add = response.items.add
    for text, score, channels, task_scores, repeated in answer.items:
        item = add(
            item_id=text.item_id,
            title=text.title,
            score=score,
            channels=channels,
            categories=text.categories,
            repeated=repeated,
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
