"""What users do."""

from dataclasses import dataclass
from enum import IntEnum

MAX_VALUE = 3.4028234e38  # the largest float32: larger ones would be stored as infinity


class EventType(IntEnum):
    """Kinds of events. The numbers are stored and travel on the wire; never reuse one."""

    IMPRESSION = 1
    CLICK = 2
    LIKE = 3
    PURCHASE = 4
    DISMISS = 5
    DWELL = 6


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a user did with an item.

    Attributes:
        event_id: the client's idempotency key; the same id twice counts once.
        key: 64-bit item key.
        type: what was done.
        time: when, unix seconds.
        value: DWELL: seconds; otherwise a strength such as a rating, 0 when there is none.
        item_id: the id of the item; empty when only the key is known.
        request_id: of the list the item was in; empty when it was in none.
    """

    event_id: str
    key: int
    type: EventType
    time: int
    value: float = 0.0
    item_id: str = ""
    request_id: str = ""
