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


FLOW = 2.0
"""What flows on from earlier stages at most doubles a stage's time: one that hangs then costs a
request a part of its time, not all that the others saved."""


class Part(NamedTuple):
    """The most a stage may take: a part of the time left, and a part of the whole."""

    of_left: float
    of_whole: float


def parts(weights: Sequence[tuple[str, float]]) -> dict[str, Part]:
    """By stage: its weight over those still to come, and FLOW times its weight over all.

    What a stage does not use flows on to those after it; since every stage takes at most its own
    part of what is left, some is always left for the last.
    """
    whole = left = sum(weight for _, weight in weights)
    result = {}
    for stage, weight in weights:
        result[stage] = Part(weight / left, min(FLOW * weight / whole, 1.0))
        left -= weight
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
        """Seconds that `stage` may take if it starts now; 0 when the time is over."""
        part = self._parts[stage]
        left = max(self._end - self._clock(), 0.0)
        return min(left * part.of_left, self._seconds * part.of_whole)


def request_seconds(limit: float, caller: float | None, margin: float) -> float:
    """Time for the stages: the gateway's limit or the caller's, less a margin for the way back.

    Args:
        limit: the gateway's own limit, seconds.
        caller: what the caller's deadline leaves, seconds; None when it set none.
        margin: kept for the answer, seconds; never more than a fifth of the time.
    """
    whole = limit if caller is None else min(limit, caller)
    return max(whole - min(margin, whole / 5), 0.0)
