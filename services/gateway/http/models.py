"""The JSON messages, for OpenAPI and for reading bodies; names equal the proto fields.

Answers are not built from these: `encoding` builds them as plain data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)


class RecommendedItem(BaseModel):
    """One item of a list."""

    item_id: str
    title: str = Field(description="Title of the catalog; empty when it has none.")
    score: float = Field(
        description="What it was ordered by before diversity and rules; comparable within a list."
    )
    channels: list[str] = Field(description="Channels that recalled it, such as two_tower.")
    task_scores: dict[str, float] = Field(
        description="Probability by task, such as like; empty when rank was skipped."
    )
    categories: list[str]
    repeated: bool = Field(
        description="The user was shown it before: there was nothing new left to show."
    )


class Degradation(BaseModel):
    """Something that was skipped."""

    stage: str = Field(
        description="feature_store, takedown, recall, recall.<channel>, prerank, rank, rerank or "
        "seen."
    )
    reason: str = Field(description="Why, such as REASON_TIMEOUT.")


class RecommendResponse(BaseModel):
    """A personal list, best first."""

    items: list[RecommendedItem]
    request_id: str = Field(description="Names this request in logs; send it with the events.")
    release: str = Field(description="Release that answered.")
    degraded: list[Degradation] = Field(description="What was skipped; empty: a full answer.")
    cold_start: bool = Field(description="True when nothing is known of the user.")
    next_page_token: str = Field(description="Token of the next page; empty: none.")


class SimilarItemsResponse(BaseModel):
    """Items like an item, closest first; score is the similarity."""

    items: list[RecommendedItem]
    request_id: str
    release: str


class UserEvent(BaseModel):
    """One thing a user did. Limits are checked event by event: a bad one fails alone."""

    model_config = ConfigDict(extra="forbid")

    event_id: str = Field("", description="Idempotency key, 1 to 128 bytes.")
    user_id: str = Field("", description="User id, 1 to 256 bytes; or give session_id.")
    item_id: str = Field("", description="1 to 256 bytes.")
    type: str = Field("", description="Such as EVENT_TYPE_CLICK.", examples=["EVENT_TYPE_CLICK"])
    time: int = Field(0, description="Unix seconds, at most 5 years ago and a day ahead; 0: now.")
    value: float = Field(0.0, description="DWELL: seconds; else a strength such as a rating.")
    request_id: str = Field("", description="request_id of the list the item was in.")
    session_id: str = Field(
        "", description="Session id of an anonymous visitor, 1 to 240 bytes; or give user_id."
    )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for an event that is not as UserEvent says: which field, and why."""

    field: str
    message: str


def _one_by_one(value: Any, read: ValidatorFunctionWrapHandler) -> UserEvent | Unreadable:
    """An event that cannot be read fails alone, as one beyond its limits does."""
    try:
        event: UserEvent = read(value)
    except ValidationError as error:
        first = error.errors()[0]
        return Unreadable(".".join(map(str, first["loc"])) or "event", str(first["msg"]))
    return event


class RecordEventsRequest(BaseModel):
    """1 to 1000 events."""

    model_config = ConfigDict(extra="forbid")

    events: list[Annotated[UserEvent, WrapValidator(_one_by_one)]]

    def read(self) -> Sequence[UserEvent | Unreadable]:
        """The events, or what is wrong with those that are none."""
        return self.events


class EventError(BaseModel):
    """An event that was not stored."""

    index: int = Field(description="Its position in the request, from 0.")
    field: str = Field(description="Field that is wrong; empty when the store failed.")
    message: str
    retryable: bool = Field(description="True when sending it again may succeed.")


class RecordEventsResponse(BaseModel):
    """How the events ended; good ones are accepted beside bad ones."""

    accepted: int = Field(description="Events stored now.")
    duplicates: int = Field(description="Events that were stored before.")
    errors: list[EventError]


class TracedItem(BaseModel):
    """An item after a stage."""

    item_id: str
    title: str
    position: int = Field(description="From 1.")
    score: float


class StageTrace(BaseModel):
    """What one stage did."""

    stage: str
    received: int = Field(description="Items that came in.")
    kept: int = Field(description="Items that went on.")
    seconds: float
    reason: str = Field(description="REASON_OK, or why the stage was skipped.")
    dropped: dict[str, int] = Field(description="Dropped items by reason.")
    top: list[TracedItem] = Field(description="The best items after this stage, at most 20.")
    notes: list[str]


class ItemAtStage(BaseModel):
    """One item at one stage."""

    stage: str
    position: int = Field(description="From 1; 0: not there.")
    score: float
    notes: list[str]


class ItemTrace(BaseModel):
    """What became of one item."""

    item_id: str
    title: str
    lost_at: str = Field(description="Stage that dropped it; empty when it is in the list.")
    reason: str
    position: int = Field(description="Place in the final list, from 1; 0 when it is not there.")
    stages: list[ItemAtStage]


class ExplainResponse(BaseModel):
    """How a list came to be."""

    response: RecommendResponse
    stages: list[StageTrace]
    item: ItemTrace | None = Field(None, description="Only when an item was asked for.")


class ErrorBody(BaseModel):
    """What went wrong."""

    status: str = Field(description="gRPC status name, such as INVALID_ARGUMENT.")
    field: str = Field(description="Field that is wrong; empty when none is.")
    message: str


class ErrorResponse(BaseModel):
    """Every error has this form."""

    error: ErrorBody
