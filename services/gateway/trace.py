"""What happened to one request on its way: the answer is made of it, and `explain` reads it."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from services.domain.arrays import F32, I32
from services.domain.candidates import Candidates
from services.domain.context import UserContext
from services.domain.outcome import Failure, Reason
from services.domain.stages import (
    Recalled,
    RuleNote,
    Scores,
    Slate,
)
from services.gateway.item_view import ItemView
from services.gateway.requests import ListRequest


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates after a stage, best first, with the stage's scores.

    Attributes:
        scores: float32 [n].
        tasks: probability by task, float32 [n, T]; None when the stage gives none.
    """

    candidates: Candidates
    scores: F32
    tasks: F32 | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of one request: items in, items out, seconds, and why it was skipped."""

    stage: str
    received: int
    kept: int
    seconds: float
    failure: Failure | None


class Wait(NamedTuple):
    """Seconds that a request waited for what then gave nothing, and why it did not."""

    reason: Reason
    seconds: float


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of one request.

    Attributes:
        items: what rows mean.
        recalled: of recall, or of the fallback.
        prerank, rank: scores of the candidates that came in; None when the stage was skipped.
        preranked, ranked: the candidates that went on, best first.
        notes: what the rules of rerank did; only when asked to explain.
        slate: the final list.
        steps: the stages in their order.
        degraded: stage and failure of everything that was skipped, in the order of the way.
        taken_down: rows that recall or rerank had and that were taken out, int32 [m].
        waits: for stages, marks and changes of items that gave nothing.
    """

    items: ItemView
    request: ListRequest
    context: UserContext
    recalled: Recalled
    prerank: Scores | None
    preranked: Ranking
    rank: Scores | None
    ranked: Ranking
    notes: tuple[RuleNote, ...]
    slate: Slate
    steps: tuple[Step, ...]
    degraded: tuple[tuple[str, Failure], ...]
    taken_down: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    waits: tuple[Wait, ...] = ()

    @property
    def repeated(self) -> frozenset[int]:
        """Candidate rows that the user was shown before."""
        repeats = self.recalled.repeats
        return frozenset(self.recalled.candidates.rows[-repeats:].tolist() if repeats else ())
