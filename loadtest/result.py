"""What a load found, in whole; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.measurements import KINDS, Calls
from loadtest.options import Options
from loadtest.profiles import PEAK, Profile
from loadtest.summary import Summary, summary
from loadtest.timeline import Timeline, recovery, timeline

SHORTEST = 1e-3  # seconds; nothing ran for none, which rates are divided by


@dataclass(frozen=True, slots=True)
class Sender:
    """What the load itself took.

    Attributes:
        cpu_seconds: of this process, while the load ran, answers read and people simulated.
        wall_seconds: from its begin to the last answer.
        calls: sent, while it warmed up too.
        unfinished: lists that were due and have no end: the load was stopped, or failed itself.
    """

    cpu_seconds: float
    wall_seconds: float
    calls: int
    unfinished: int = 0

    @property
    def microseconds_a_call(self) -> float:
        return self.cpu_seconds / max(self.calls, 1) * 1e6

    @property
    def of_a_core(self) -> float:
        return self.cpu_seconds / max(self.wall_seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class Result:
    """A load.

    Attributes:
        every: of all calls; lists: of lists; kinds: of each kind.
        phases: of the lists of each phase.
        line: lists second by second.
        skipped: how often each "stage REASON" was skipped.
        releases: how many lists each answered.
        resent: calls that were sent a second time, see Answer.
        recovery: seconds after the peak of a spike until it was normal; None: never, or no spike.
    """

    every: Summary
    lists: Summary
    kinds: Mapping[str, Summary]
    phases: Mapping[str, Summary]
    line: Timeline
    skipped: Mapping[str, int]
    releases: Mapping[str, int]
    resent: int
    recovery: float | None
    sender: Sender


def result(calls: Calls, options: Options, sender: Sender, seconds: float | None = None) -> Result:
    """`seconds`: how long it ran when it was stopped early; 0 or less: while it warmed up."""
    lists, deadline = calls.lists, options.deadline
    ran = options.seconds if seconds is None else seconds
    seconds = min(max(ran, SHORTEST), options.seconds)
    line = timeline(lists, seconds, deadline)
    ends = _bounds(options.phases)
    return Result(
        every=summary(calls, seconds, deadline),
        lists=summary(lists, seconds, deadline),
        kinds={
            kind: summary(some, seconds, deadline) for kind in KINDS if len(some := calls.of(kind))
        },
        phases={
            name: summary(lists.between(start, end), end - start, deadline)
            for name, (start, end) in ends.items()
            if start < seconds
        },
        line=line,
        skipped=calls.skipped,
        releases=calls.releases,
        resent=calls.resent,
        recovery=recovery(line, ends[PEAK][1], options.p99) if PEAK in ends else None,
        sender=sender,
    )


def _bounds(profile: Profile) -> dict[str, tuple[float, float]]:
    """Begin and end of each phase."""
    bounds, start = {}, 0.0
    for phase in profile:
        bounds[phase.name] = (start, start + phase.seconds)
        start += phase.seconds
    return bounds
