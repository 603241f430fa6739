"""Every call of a load, as columns."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.calls import OK, REFUSED, Answer

LISTS = ("list", "page", "anonymous")
EVENTS = "events"
KINDS = (*LISTS, EVENTS)
LATE_SEND = 0.010  # seconds after its time from which a call counts as sent late


@dataclass(frozen=True, slots=True)
class Calls:
    """What was measured, a row a call. Times are seconds from the begin of what counts.

    Attributes:
        kind: index into KINDS.
        due: when the call was to be sent.
        late: seconds after that at which it was sent.
        seconds: from `due` to the answer.
        outcome: index into `outcomes`.
        degraded: the answer skipped something.
        short: the list has fewer items than asked for.
        empty: the list has none.
        delayed: a refusal that says when to come again.
        outcomes: names.
        skipped: how often each "stage REASON" was skipped.
        releases: how many answers each gave.
        resent: calls that were sent a second time, see Answer.
    """

    kind: npt.NDArray[np.int8]
    due: npt.NDArray[np.float64]
    late: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.int8]
    degraded: npt.NDArray[np.bool_]
    short: npt.NDArray[np.bool_]
    empty: npt.NDArray[np.bool_]
    delayed: npt.NDArray[np.bool_]
    outcomes: tuple[str, ...]
    skipped: Mapping[str, int]
    releases: Mapping[str, int]
    resent: int

    def __len__(self) -> int:
        return len(self.due)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        return np.equal(self.outcome, self.outcomes.index(OK))

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        return np.equal(self.outcome, self.outcomes.index(REFUSED))

    def good(self, deadline: float) -> npt.NDArray[np.bool_]:
        """Answered within `deadline` seconds of when they were due, and not with an empty list."""
        return self.ok & ~self.empty & (self.seconds <= deadline)

    @property
    def lists(self) -> "Calls":
        return self.where(self.kind < len(LISTS))

    def of(self, kind: str) -> "Calls":
        return self.where(self.kind == KINDS.index(kind))

    def between(self, start: float, end: float) -> "Calls":
        """Those that were due in [start, end)."""
        return self.where((self.due >= start) & (self.due < end))

    def where(self, rows: npt.NDArray[np.bool_]) -> "Calls":
        """Some of them; `skipped`, `releases` and `resent` stay those of all."""
        return Calls(
            self.kind[rows],
            self.due[rows],
            self.late[rows],
            self.seconds[rows],
            self.outcome[rows],
            self.degraded[rows],
            self.short[rows],
            self.empty[rows],
            self.delayed[rows],
            self.outcomes,
            self.skipped,
            self.releases,
            self.resent,
        )


class Recorder:
    """Takes calls as they end. What was due before second 0 warms up and is not kept."""

    def __init__(self) -> None:
        self._kind, self._outcome = array("b"), array("b")
        self._due, self._late, self._seconds = array("d"), array("d"), array("d")
        self._degraded, self._delayed = array("b"), array("b")
        self._short, self._empty = array("b"), array("b")
        self._outcomes = {OK: 0, REFUSED: 1}
        self._skipped: Counter[str] = Counter()
        self._releases: Counter[str] = Counter()
        self._resent = 0
        self.warming = 0

    def add(
        self, kind: str, due: float, sent: float, ended: float, answer: Answer, k: int = 0
    ) -> None:
        """`k`: items asked for; 0: not a list."""
        if due < 0:
            self.warming += 1
            return
        outcome = self._outcomes.setdefault(answer.outcome, len(self._outcomes))
        self._kind.append(KINDS.index(kind))
        self._due.append(due)
        self._late.append(sent - due)
        self._seconds.append(ended - due)
        self._outcome.append(outcome)
        self._degraded.append(bool(answer.degraded))
        self._short.append(not outcome and len(answer.items) < k)
        self._empty.append(not outcome and not answer.items and k > 0)
        self._delayed.append(answer.delay_ms is not None)
        self._resent += answer.resent
        self._skipped.update(answer.degraded)
        if answer.release:
            self._releases[answer.release] += 1

    def calls(self) -> Calls:
        """All until now."""
        return Calls(
            np.array(self._kind, np.int8),
            np.array(self._due),
            np.array(self._late),
            np.array(self._seconds),
            np.array(self._outcome, np.int8),
            np.array(self._degraded, np.bool_),
            np.array(self._short, np.bool_),
            np.array(self._empty, np.bool_),
            np.array(self._delayed, np.bool_),
            tuple(self._outcomes),
            dict(self._skipped),
            dict(self._releases),
            self._resent,
        )
