"""The JSON messages on events, for OpenAPI and for reading bodies; names equal the proto fields."""

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
from pydantic.config import JsonDict

_EVENT: JsonDict = {
    "event_id": "e1",
    "user_id": "196",
    "item_id": "242",
    "type": "EVENT_TYPE_CLICK",
}


class UserEvent(BaseModel):
    """One thing a user did. Limits are checked event by event: a bad one fails alone."""

    model_config = ConfigDict(extra="forbid")

    event_id: str = Field("", description="Idempotency key, 1 to 128 bytes.")
    user_id: str = Field("", description="User id, 1 to 256 bytes; or give session_id.")
    item_id: str = Field("", description="1 to 256 bytes.")
    type: str = Field("", description="Such as EVENT_TYPE_CLICK.", examples=["EVENT_TYPE_CLICK"])
    time: int = Field(
        0, strict=True, description="Unix seconds, at most 5 years ago and a day ahead; 0: now."
    )
    value: float = Field(
        0.0, strict=True, description="DWELL: seconds; else a strength such as a rating."
    )
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

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"events": [_EVENT]}]}
    )

    events: list[Annotated[UserEvent, WrapValidator(_one_by_one)]] = Field(
        json_schema_extra={"minItems": 1, "maxItems": 1000}
    )

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
