"""What Explain says, as plain data; wire and HTTP make their messages of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.domain.outcome import Failure
from services.gateway.answer import Answer


@dataclass(frozen=True, slots=True)
class TopItem:
    """An item after a stage; `position` from 1."""

    item_id: str
    title: str
    position: int
    score: float


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did: items in and out, dropped items by reason, its best items, notes."""

    stage: str
    received: int
    kept: int
    seconds: float
    failure: Failure | None
    dropped: Mapping[str, int]
    top: tuple[TopItem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemAtStage:
    """One item at one stage; `position` from 1, 0 when it is not there."""

    stage: str
    position: int
    score: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What became of the item asked for; `lost_at` is empty when it is in the list."""

    item_id: str
    title: str
    lost_at: str
    reason: str
    position: int
    stages: tuple[ItemAtStage, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The list, what each stage did, and what became of the item asked for, if any."""

    answer: Answer
    stages: tuple[StageReport, ...]
    item: ItemReport | None
