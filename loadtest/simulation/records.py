"""What a drive keeps of every answer, to be judged when it is over."""

from dataclasses import dataclass, field

from loadtest.simulation.people import Deed
from services.domain.arrays import I64


@dataclass(frozen=True, slots=True)
class Answered:
    """A list that came, in the order in which lists were looked at.

    Attributes:
        visit: its number; a session is one visit.
        person: row of the world.
        known: the person has an id.
        day: when it was looked at.
        rows: what was shown; -1: no item of the world.
        deeds: what the person did, impressions included.
        latency: seconds from the time at which it was to be asked for.
        skipped: stages that the answer says were skipped.
        gone: items among it whose deletion was acknowledged before it was asked for.
        release: that answered.
    """

    visit: int
    person: int
    known: bool
    day: float
    rows: I64
    deeds: tuple[Deed, ...]
    latency: float
    skipped: tuple[str, ...]
    gone: int
    release: str


@dataclass(slots=True)
class Records:
    """Of a whole drive.

    Attributes:
        failed: calls for lists that failed, by error, with their latency, seconds.
        events_failed: calls with events that failed, or events that were refused.
        catalog_failed: items that could not be put or deleted.
        born, died: items put and deleted on the way.
    """

    answered: list[Answered] = field(default_factory=list)
    failed: list[tuple[str, float]] = field(default_factory=list)
    events_failed: int = 0
    catalog_failed: int = 0
    born: int = 0
    died: int = 0
