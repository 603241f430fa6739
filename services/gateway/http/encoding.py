"""Answers as plain data for JSON; the names equal the proto fields. Pure."""

from dataclasses import asdict
from typing import Any

from services.domain.events import EventType
from services.domain.outcome import Failure
from services.gateway.answer import Answer, AnsweredItem
from services.gateway.explain.explanation import Explanation, StageReport
from services.gateway.recording import Recorded
from services.gateway.users import ExportedItem, UserExport

Json = dict[str, Any]


def recommend_json(answer: Answer) -> Json:
    """RecommendResponse."""
    return {
        "items": [_item(item) for item in answer.items],
        "request_id": answer.request_id,
        "release": answer.release,
        "degraded": [
            {"stage": stage, "reason": _reason(failure)} for stage, failure in answer.degraded
        ],
        "cold_start": answer.cold_start,
        "next_page_token": answer.next_page_token,
    }


def similar_json(answer: Answer) -> Json:
    """SimilarItemsResponse."""
    return {
        "items": [_item(item) for item in answer.items],
        "request_id": answer.request_id,
        "release": answer.release,
    }


def record_json(recorded: Recorded) -> Json:
    """RecordEventsResponse."""
    return {
        "accepted": recorded.accepted,
        "duplicates": recorded.duplicates,
        "errors": [asdict(fault) for fault in recorded.faults],
    }


def explain_json(explanation: Explanation) -> Json:
    """ExplainResponse."""
    body: Json = {
        "response": recommend_json(explanation.answer),
        "stages": [_stage(stage) for stage in explanation.stages],
    }
    if explanation.item is not None:
        body["item"] = asdict(explanation.item)
    return body


def export_json(export: UserExport) -> Json:
    """ExportUserResponse."""
    user = export.user
    return {
        "user": {
            "user_id": user.user_id,
            "profile": dict(user.profile),
            "preferences": list(user.preferences),
        },
        "events": [
            {
                "item": _exported(event.item),
                "type": f"EVENT_TYPE_{EventType(event.type).name}",
                "time": event.time,
                "value": event.value,
            }
            for event in export.events
        ],
        "shown": [_exported(item) for item in export.shown],
        "seen_count": export.seen_count,
    }


def _exported(item: ExportedItem) -> Json:
    return {"key": str(item.key), "item_id": item.item_id}  # 64 bits are no number in JavaScript


def error_json(
    status: str, message: str, field: str = "", retry_after_ms: int | None = None
) -> Json:
    """The form of every error; `status` is the name of a gRPC status."""
    error: Json = {"status": status, "field": field, "message": message}
    if retry_after_ms is not None:
        error["retry_after_ms"] = retry_after_ms
    return {"error": error}


def _item(item: AnsweredItem) -> Json:
    text = item.text
    return {
        "item_id": text.item_id,
        "title": text.title,
        "score": item.score,
        "channels": item.channels,
        "task_scores": item.task_scores or {},
        "categories": text.categories,
        "repeated": item.repeated,
    }


def _stage(stage: StageReport) -> Json:
    return {
        "stage": stage.stage,
        "received": stage.received,
        "kept": stage.kept,
        "seconds": stage.seconds,
        "reason": _reason(stage.failure),
        "dropped": dict(stage.dropped),
        "top": [asdict(item) for item in stage.top],
        "notes": stage.notes,
    }


def _reason(failure: Failure | None) -> str:
    return "REASON_OK" if failure is None else f"REASON_{failure.reason.value}"
