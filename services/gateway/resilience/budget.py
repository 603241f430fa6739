"""Splitting a request's time over its stages."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Clock = Callable[[], float]
"""Seconds from any fixed point, never going back."""

WEIGHTS: tuple[tuple[str, float], ...] = (
    ("feature_store", 3.0),
    ("recall", 3.0),
    ("prerank", 2.0),
    ("rank", 3.0),
    ("rerank", 2.0),
    ("seen", 2.0),
)
"""The stages in their order; a stage's weight is its part of the time that is left."""


MOST = 2.0
"""A stage may take at most twice its weight's part: one that hangs costs no more than that."""

KEPT = 0.5
"""At least half of its weight's part is kept for each stage to come."""


class Part(NamedTuple):
    """What bounds a stage's time.

    Attributes:
        of_left: its weight over those of the stages from it on.
        most: the most it may take, of the whole.
        kept: what is kept for those after it, of the whole.
    """

    of_left: float
    most: float
    kept: float


def parts(weights: Sequence[tuple[str, float]]) -> dict[str, Part]:
    """The parts by stage; `weights` in the order of the stages."""
    whole = left = sum(weight for _, weight in weights)
    result = {}
    for stage, weight in weights:
        after = left - weight
        result[stage] = Part(weight / left, min(MOST * weight / whole, 1.0), KEPT * after / whole)
        left = after
    return result


class Budget:
    """The time of one request.

    Args:
        seconds: all of it.
        parts: of the stages.
        clock: the time now.
    """

    __slots__ = ("_clock", "_end", "_parts", "_seconds")

    def __init__(self, seconds: float, parts: Mapping[str, Part], clock: Clock) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = clock() + seconds
        self._parts = parts

    def share(self, stage: str) -> float:
        """Seconds that `stage` may take if it starts now; 0 when the time is over.

        Between half and twice its weight's part: what other stages did not use flows on, and a
        slow stage may borrow from those to come.
        """
        part, whole = self._parts[stage], self._seconds
        left = max(self._end - self._clock(), 0.0)
        return min(max(left * part.of_left, left - whole * part.kept), whole * part.most)


MANY_SECONDS = 5.0
"""Limit of a call on many items or users: nobody waits for a page there."""

MARGIN_SECONDS = 0.02


def request_seconds(limit: float, caller: float | None, margin: float = MARGIN_SECONDS) -> float:
    """Time for the stages: the gateway's limit or the caller's, less a margin for the way back.

    Args:
        limit: the gateway's own limit, seconds.
        caller: what the caller's deadline leaves, seconds; None when it set none.
        margin: kept for the answer, seconds; never more than a fifth of the time.
    """
    whole = limit if caller is None else min(limit, caller)
    return max(whole - min(margin, whole / 5), 0.0)
