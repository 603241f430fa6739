"""What the client gives and takes: plain values, no protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

EventType = Literal["impression", "click", "like", "purchase", "dismiss", "dwell"]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list.

    Attributes:
        item_id: its id.
        title: empty when the catalog has none.
        score: what it was ordered by before diversity and rules; comparable within one list only.
        channels: names of the recall channels that found it.
        task_scores: probability by task, such as "like"; empty when rank was skipped.
        categories: of the catalog.
        repeated: the user was shown it before: there was nothing new left to show.
    """

    item_id: str
    title: str
    score: float
    channels: tuple[str, ...]
    task_scores: Mapping[str, float]
    categories: tuple[str, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Degradation:
    """A stage that was skipped, and why, such as "rank" and "TIMEOUT"."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A personal list, best first.

    Attributes:
        items: distinct, at most k.
        request_id: names this request in logs; send it with the events that follow.
        release: which release answered.
        degraded: what was skipped on the way; empty: a full answer.
        cold_start: nothing is known of the user.
        next_page_token: for the next page of this list; empty: this is the last.
    """

    items: tuple[Item, ...]
    request_id: str
    release: str
    degraded: tuple[Degradation, ...]
    cold_start: bool
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class SimilarItems:
    """Items like an item, closest first."""

    items: tuple[Item, ...]
    request_id: str
    release: str


@dataclass(frozen=True, slots=True)
class Event:
    """What a user, or an anonymous visitor, did with an item; give user_id or session_id.

    Attributes:
        user_id: the user.
        item_id: the item.
        type: what was done.
        event_id: idempotency key: the same id of the same user or session counts once.
        time: unix seconds; 0: now.
        value: seconds for "dwell", otherwise a strength such as a rating; 0: none.
        request_id: of the list the item was in; empty: not from a list.
        session_id: the anonymous visitor's session.
    """

    user_id: str = ""
    item_id: str = ""
    type: EventType = "click"
    event_id: str = field(default_factory=lambda: uuid4().hex)
    time: int = 0
    value: float = 0.0
    request_id: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class EventError:
    """An event that was not stored: its position, the wrong field, and whether to send it again."""

    index: int
    field: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """How the events ended; those with errors were not stored."""

    accepted: int
    duplicates: int
    errors: tuple[EventError, ...]


@dataclass(frozen=True, slots=True)
class TracedItem:
    """An item at one stage; `position` counts from 1."""

    item_id: str
    title: str
    position: int
    score: float


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage had, kept and dropped, and in how many seconds.

    Attributes:
        reason: "OK", or why the stage was skipped.
        dropped: count of dropped items by reason.
        top: the best items after this stage.
    """

    stage: str
    received: int
    kept: int
    seconds: float
    reason: str
    dropped: Mapping[str, int]
    top: tuple[TracedItem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemAtStage:
    """What one stage thought of the item; `position` from 1, 0: not there."""

    stage: str
    position: int
    score: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemTrace:
    """What became of one item.

    Attributes:
        lost_at: stage that dropped it; empty when it is in the list.
        reason: why.
        position: its place in the final list from 1, 0 when it is not there.
    """

    item_id: str
    title: str
    lost_at: str
    reason: str
    position: int
    stages: tuple[ItemAtStage, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a list came to be."""

    response: Recommendations
    stages: tuple[StageTrace, ...]
    item: ItemTrace | None
