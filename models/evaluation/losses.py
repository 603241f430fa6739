"""Where the true items of a query are lost on their way through the stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.funnel import Trail
from models.evaluation.places import Places
from services.domain.arrays import Bools

SHOWN = "shown"
UNKNOWN = "recall: not in the release"
NOT_RECALLED = "recall: no channel found it"
CUT = "prerank: beyond the cut"
LOW = "rank: below the list"


def reason_of(trail: Trail, row: int, k: int) -> str:
    """Why the item is not in the final list of k, or SHOWN. `row`: -1 is not in the release."""
    if row < 0:
        return UNKNOWN
    if row in trail.final.slate.rows:
        return SHOWN
    if row not in trail.recalled.candidates.rows:
        dropped = (one.reason for one in trail.recalled.dropped if row in one.rows)
        reason = next(dropped, "")
        return f"recall: {reason}" if reason else NOT_RECALLED
    if row not in trail.kept.rows:
        return CUT
    if row not in trail.ranked.rows[:k]:
        return LOW
    notes = [note.rule for note in trail.final.notes if note.row == row]
    return f"rerank: {notes[-1]}" if notes else "rerank: displaced"


@dataclass(frozen=True, slots=True)
class Loss:
    """True items that come into a stage and leave it, and why the others do not.

    Attributes:
        gained: items in its output that were not in its input: rerank may lift one into the list.
        reasons: what happened to the lost, the most frequent first.
    """

    stage: str
    came: int
    left: int
    gained: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def lost(self) -> int:
        return self.came - self.left + self.gained


def losses(places: Places, k: int) -> list[Loss]:
    """The table of a release's stages; rank and rerank count what is in the first k."""
    if not len(places.reasons):
        return []
    total = len(places.reasons)
    inside = [
        np.ones(total, np.bool_),
        _in(places, "recall", 10**9),
        _in(places, "prerank", 10**9),
        _in(places, "rank", k),
        _in(places, "rerank", k),
    ]
    stages = ("recall", "prerank", "rank", "rerank")
    return [
        Loss(
            stage,
            int(np.count_nonzero(before)),
            int(np.count_nonzero(after)),
            int(np.count_nonzero(after & ~before)),
            _reasons(places, stage),
        )
        for stage, before, after in zip(stages, inside, inside[1:], strict=False)
    ]


def _in(places: Places, stage: str, k: int) -> Bools:
    return np.asarray(places.found(stage).places < k)


def _reasons(places: Places, stage: str) -> tuple[tuple[str, int], ...]:
    names: Sequence[str] = places.about.reasons
    counts = np.bincount(places.reasons, minlength=len(names))
    of_stage = [
        (name.partition(": ")[2], int(count))
        for name, count in zip(names, counts, strict=True)
        if name.startswith(f"{stage}: ") and count
    ]
    return tuple(sorted(of_stage, key=lambda one: -one[1]))
