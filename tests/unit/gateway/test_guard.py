"""What trips a stage's breaker, and what the stats say of it."""

import pytest
from structlog.testing import capture_logs

from services.domain.outcome import Outcome, Reason
from services.gateway.resilience.breaker import Breaker, BreakerSettings
from services.gateway.resilience.guard import FAIR_SECONDS, Guard
from services.gateway.stats import Stats
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.world import Scripted


class Guarded:
    """A guard over a scripted stage, with a breaker that trips at the second failure."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stats = Stats(self.clock)
        self.stage: Scripted[int, int] = Scripted(lambda query: query)
        breaker = Breaker(BreakerSettings(failures=2, lasting_seconds=0.0), self.clock)
        meter = self.stats.meter("rank")
        self.guard: Guard[int, int] = Guard("rank", self.stage, breaker, meter)

    async def ask(self, timeout: float = 1.0) -> str:
        """The reason of the failure; empty when there is an answer."""
        answered = await self.guard.ask(7, timeout, lambda value: "wrong" if value != 7 else "")
        assert (answered.value is None) == (answered.failure is not None)
        return answered.failure.reason.value if answered.failure else ""

    def counters(self) -> list[int]:
        row = self.stats.totals()[self.stats.series.index("rank")]
        return [int(n) for n in row[:3]]


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


async def test_a_tripped_stage_is_not_asked_and_comes_back(guarded: Guarded) -> None:
    guarded.stage.mode = "call_error"
    assert [await guarded.ask() for _ in range(3)] == ["UNAVAILABLE"] * 2 + ["BREAKER_OPEN"]
    assert len(guarded.stage.queries) == 2
    assert guarded.counters() == [3, 3, 1]
    guarded.stage.mode = "ok"
    assert await guarded.ask() == "BREAKER_OPEN"
    guarded.clock.move(1.0)
    assert [await guarded.ask() for _ in range(3)] == [""] * 3


async def test_wrong_values_trip_it(guarded: Guarded) -> None:
    guarded.stage.answer = lambda query: query + 1
    assert [await guarded.ask() for _ in range(3)] == ["INTERNAL"] * 2 + ["BREAKER_OPEN"]


async def test_bad_queries_do_not_trip_it(guarded: Guarded) -> None:
    guarded.stage.mode = "refuse"
    assert [await guarded.ask() for _ in range(5)] == ["RELEASE_NOT_LOADED"] * 5


async def test_callers_in_a_hurry_do_not_trip_it(guarded: Guarded) -> None:
    guarded.stage.mode = "hang"
    assert [await guarded.ask(FAIR_SECONDS / 20) for _ in range(4)] == ["TIMEOUT"] * 4
    assert await guarded.ask(0.0) == "EXPIRED"
    assert [await guarded.ask(FAIR_SECONDS) for _ in range(3)] == ["TIMEOUT"] * 2 + ["BREAKER_OPEN"]


async def test_an_outcome_with_nothing_in_it_is_a_failure(guarded: Guarded) -> None:
    async def nothing(_queries: object, _timeout: float) -> list[Outcome[int]]:
        return [Outcome()]

    guarded.stage.call = nothing  # type: ignore[method-assign, assignment]
    assert await guarded.ask() == Reason.INTERNAL.value


async def test_a_check_that_breaks_is_a_failure_of_the_stage(guarded: Guarded) -> None:
    guarded.stage.answer = lambda query: query
    answered = await guarded.guard.ask(7, 1.0, lambda value: str(value / 0))
    assert answered.failure is not None
    assert answered.failure.reason is Reason.INTERNAL


@pytest.mark.parametrize(
    ("mode", "reason"), [("call_error", "UNAVAILABLE"), ("refuse", "RELEASE_NOT_LOADED")]
)
async def test_it_says_once_that_a_stage_fails_and_is_back(
    guarded: Guarded, mode: str, reason: str
) -> None:
    with capture_logs() as lines:
        guarded.stage.mode = mode
        for _ in range(5):
            await guarded.ask()
        guarded.stage.mode = "ok"
        guarded.clock.move(1.0)
        for _ in range(5):
            await guarded.ask()
    assert [(line["event"], line["stage"]) for line in lines] == [
        ("stage keeps failing", "rank"),
        ("stage is back", "rank"),
    ]
    assert lines[0]["reason"] == reason
