"""Calls of a load, as tests need them."""

from loadtest.calls import OK, REFUSED, Answer
from loadtest.measurements import Calls, Recorder

ITEMS = tuple(map(str, range(20)))


class Made:
    """Records calls one by one."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def ok(self, due: float, seconds: float, late: float = 0.0, kind: str = "list") -> "Made":
        answer = Answer(OK, ITEMS, release="r1")
        self.recorder.add(kind, due, due + late, due + seconds, answer, 20)
        return self

    def listed(self, due: float, items: int) -> "Made":
        """A good list of so many of 20 items."""
        self.recorder.add("list", due, due, due + 0.01, Answer(OK, ITEMS[:items]), 20)
        return self

    def degraded(self, due: float, *skipped: str) -> "Made":
        answer = Answer(OK, ITEMS[:5], degraded=skipped, release="r1")
        self.recorder.add("list", due, due, due + 0.01, answer, 20)
        return self

    def failed(self, due: float, seconds: float, outcome: str = "UNAVAILABLE") -> "Made":
        self.recorder.add("list", due, due, due + seconds, Answer(outcome), 20)
        return self

    def refused(self, due: float, delay_ms: int | None = 100) -> "Made":
        answer = Answer(REFUSED, delay_ms=delay_ms)
        self.recorder.add("list", due, due, due + 0.001, answer, 20)
        return self

    def steadily(self, start: float, end: float, seconds: float = 0.01) -> "Made":
        """Ten good lists a second."""
        for tenth in range(round(start * 10), round(end * 10)):
            self.ok(tenth / 10, seconds)
        return self

    @property
    def calls(self) -> Calls:
        return self.recorder.calls()
