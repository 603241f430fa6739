"""How the rate of a load changes over time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

STEPS = 5
PEAK = "peak"
AFTER = 4  # the part of a spike that comes after its peak: a quarter


@dataclass(frozen=True, slots=True)
class Phase:
    """A time of one rate.

    Attributes:
        name: as reports show it.
        rate: lists asked for a second, on average.
        seconds: how long.
    """

    name: str
    rate: float
    seconds: float

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.seconds > 0):
            raise ValueError(f"rate and seconds must be above 0, not {self.rate}, {self.seconds}")


Profile = tuple[Phase, ...]


def steady(rate: float, seconds: float, peak: float) -> Profile:
    """One rate all the time."""
    return (Phase("steady", rate, seconds),)


def steps(rate: float, seconds: float, peak: float) -> Profile:
    """Five equal steps up to the rate: where does it begin to hurt?"""
    rates = [rate * step / STEPS for step in range(1, STEPS + 1)]
    return tuple(Phase(f"{share:g}/s", share, seconds / STEPS) for share in rates)


def spike(rate: float, seconds: float, peak: float) -> Profile:
    """A quarter at the rate, half at `peak` times the rate, a quarter at the rate again."""
    return (
        Phase("before", rate, seconds / 4),
        Phase(PEAK, rate * peak, seconds / 2),
        Phase("after", rate, seconds / AFTER),
    )


PROFILES: Mapping[str, Callable[[float, float, float], Profile]] = {
    "steady": steady,
    "steps": steps,
    "spike": spike,
}


def length(profile: Profile) -> float:
    """Seconds of all phases."""
    return sum(phase.seconds for phase in profile)
