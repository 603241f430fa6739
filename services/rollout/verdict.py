"""What a guard says of a canary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What is to be done; too little data is HOLD, and so is what is not a number."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One guard's word on one look at the evidence.

    Attributes:
        kind: what is to be done.
        guard: name of the guard.
        reason: why, for people.
        numbers: what it was decided by, for the record; finite, what is not is left out.
    """

    kind: Kind
    guard: str
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
