"""What a rollout was for the people: from what they got, and from what was decided when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtest.canary.crowd import Asked

SOON = 1.0  # seconds after a rollback until every gateway answers from stable


@dataclass(frozen=True, slots=True)
class Decided:
    """A rollout that has ended.

    Attributes:
        release: that was on trial.
        phase: how it ended.
        why: in words, of who or what decided.
        guards: names of those that took it back.
        began: when its first step began, unix seconds; 0: it had none.
        ended: when it was decided how it ends, unix seconds.
        steps: percent and seconds of each step that it had.
        undue: steps that were left without data, in words.
        judged: what each guard said last.
    """

    release: str
    phase: str
    why: str
    guards: tuple[str, ...]
    began: float
    ended: float
    steps: tuple[tuple[float, float], ...] = ()
    undue: tuple[str, ...] = ()
    judged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one rollout.

    Attributes:
        name: what kind of release it was.
        wanted: the phase it had to end with.
        decided: how it did.
        seconds: from the begin of the first step to the end.
        requests: answered by the release, until no gateway did so any more.
        people: different ones among them.
        lists: all that were asked for meanwhile.
        errors: requests that failed, of people who were not on the release.
        canary_errors: of people whose list before was by the release.
        late: for each gateway, seconds from the end to the last request that began after it and
            was answered by the release; 0: there was none. Of a rollout that was taken back.
        p50, p95: milliseconds that lists of others took.
        ranks: milliseconds that gateways waited for rank in the control and in the canary, medians.
        kinds: of the errors, each once.
        refused: calls that gateways refused meanwhile for want of room, of anybody; a client asks
            again after the delay that is named, so they are errors only if that fails too.
    """

    name: str
    wanted: str
    decided: Decided
    seconds: float
    requests: int
    people: int
    lists: int
    errors: int
    canary_errors: int
    late: tuple[float, ...]
    p50: float
    p95: float
    ranks: tuple[float, float] = (0.0, 0.0)
    kinds: tuple[str, ...] = ()
    refused: int = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it has to be; empty: nothing."""
        late = max(self.late, default=0.0)
        found = (
            (self.decided.phase != self.wanted, f"{self.decided.phase}: {self.decided.why}"),
            (self.errors > 0, f"{self.errors} errors of people on stable{self._kinds}"),
            (late > SOON, f"canary answers {late:.2f} s after the rollback"),
            (self.lists == 0, "nobody asked for a list"),
        )
        return (*(what for wrong, what in found if wrong), *self.decided.undue)

    @property
    def _kinds(self) -> str:
        return f" ({', '.join(self.kinds)})" if self.kinds else ""


def outcome(
    name: str,
    wanted: str,
    decided: Decided,
    asked: Sequence[Asked],
    gateways: int,
) -> Outcome:
    """Of the lists that were asked for from the begin of the rollout on."""
    mine = [one for one in asked if one.release == decided.release]
    others = [one.took for one in asked if one.release not in ("", decided.release)]
    failed = _failed(asked, decided.release)
    p50, p95 = np.percentile(others, (50, 95)) * 1000 if others else (np.nan, np.nan)
    back = decided.phase != "promoted"
    return Outcome(
        name,
        wanted,
        decided,
        decided.ended - decided.began if decided.began else 0.0,
        len(mine),
        len({one.user for one in mine}),
        len(asked),
        failed.count(False),
        failed.count(True),
        tuple(_late(mine, decided.ended, place) for place in range(gateways)) if back else (),
        float(p50),
        float(p95),
        kinds=tuple(sorted({one.error for one in asked if one.error})),
    )


def _late(mine: Sequence[Asked], ended: float, place: int) -> float:
    after = [one.at - ended for one in mine if one.gateway == place and one.at > ended]
    return max(after, default=0.0)


def _failed(asked: Sequence[Asked], release: str) -> list[bool]:
    """Of each request that failed, whether the list that its person had before was by the release.

    Of somebody who had none it is not known: then it counts as stable's.
    """
    by_release: dict[str, bool] = {}
    failed = []
    for one in sorted(asked, key=lambda one: one.at):
        if one.error:
            failed.append(by_release.get(one.user, False))
        else:
            by_release[one.user] = one.release == release
    return failed
