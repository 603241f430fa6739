"""What clients ask of the gateway: as it came, and as it is once its limits are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import U64
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
    """A Recommend call within its limits. `user_id` may be the key of a session.

    `earlier`: keys of the items on the pages before this one, uint64 [m]; excluded already.
    """

    user_id: str
    k: int
    request: RequestContext
    earlier: U64 = field(default_factory=lambda: np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class EventInput:
    """One event as it came; `type` is an EventType number or 0.

    `unreadable`: field and message, when it could not be read at all.
    """

    event_id: str = ""
    user_id: str = ""
    item_id: str = ""
    type: int = 0
    time: int = 0
    value: float = 0.0
    request_id: str = ""
    session_id: str = ""
    unreadable: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class UserEvents:
    """Good events of one user or session as they came, and their positions in the call."""

    user_id: str
    events: tuple[Event, ...]
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """An event, user or item that was not stored; `field` is empty when the store failed.

    `index`: its position in the call.
    """

    index: int
    field: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """How a call on many users or items ended: so many were changed, the others were not."""

    changed: int
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class UserInput:
    """A user's profile as it came; `preferences`: chosen categories, best first."""

    user_id: str = ""
    profile: Mapping[str, str] = field(default_factory=dict)
    preferences: Sequence[str] = ()
