"""Who leads the rollouts, and how often it looks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, time

from services.domain.traffic import LEASE_SECONDS


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never go back: those of now, and what has passed since."""
    offset = time() - monotonic()
    return lambda: offset + monotonic()


@dataclass(frozen=True, slots=True)
class LeaderConfig:
    """Who leads, and how often it looks.

    Attributes:
        name: of this process, for people who asked another one: its address.
        tick_seconds: between two looks.
        leader_seconds: after which a silent leader is replaced.
        lease_seconds: after which gateways without a leader have all users on stable.
        clock: unix seconds, never going back.
    """

    name: str
    tick_seconds: float = 0.5
    leader_seconds: float = 5.0
    lease_seconds: float = LEASE_SECONDS
    clock: Callable[[], float] = field(default_factory=steady_clock)
