"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that does not come out as it was served, and how."""

    request_id: str
    time: int
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check over a log.

    Attributes:
        name: what was compared.
        compared: requests that were computed again.
        skipped: why a request was not → how many.
        differences: one a request.
        worst: largest absolute difference of a number that was compared, 0 when there is none.
    """

    name: str
    compared: int
    skipped: dict[str, int]
    differences: Sequence[Difference]
    worst: float = 0.0
