"""What clients ask of the gateway: as it came, and as it is once its limits are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.domain.context import RequestContext
from services.domain.events import Event


@dataclass(frozen=True, slots=True)
class RecommendInput:
    """A Recommend call as it came, from gRPC or HTTP; the names are the fields' public names."""

    user_id: str = ""
    session_id: str = ""
    k: int | None = None
    page_token: str = ""
    placement: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    categories: Sequence[str] = ()
    tags: Sequence[str] = ()
    exclude_item_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A Recommend call within its limits. `user_id` may be the key of a session."""

    user_id: str
    k: int
    request: RequestContext


@dataclass(frozen=True, slots=True)
class EventInput:
    """One event as it came; `type` is an EventType number or 0."""

    event_id: str = ""
    user_id: str = ""
    item_id: str = ""
    type: int = 0
    time: int = 0
    value: float = 0.0
    request_id: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class UserEvents:
    """Good events of one user or session as they came, and their positions in the call."""

    user_id: str
    events: tuple[Event, ...]
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EventFault:
    """An event that was not stored; `field` is empty when the store failed."""

    index: int
    field: str
    message: str
    retryable: bool = False
