"""The breaker as a state machine, against a plain model of its promises."""

from dataclasses import replace

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.gateway.resilience.breaker import Breaker, BreakerSettings
from tests.unit.gateway.clock import Clock

SETTINGS = BreakerSettings(
    failures=3, ratio=0.5, calls=8, window_seconds=5.0, lasting_seconds=0.0, pause_seconds=1.0
)


def test_one_slow_batch_is_no_outage() -> None:
    clock = Clock()
    breaker = Breaker(replace(SETTINGS, lasting_seconds=0.125), clock)
    for _ in range(32):
        breaker.failed()
    assert breaker.open()
    clock.move(0.125)
    breaker.failed()
    assert not breaker.open()


def test_many_slow_batches_are_one() -> None:
    clock = Clock()
    breaker = Breaker(replace(SETTINGS, lasting_seconds=0.125), clock)
    for _ in range(4):
        breaker.succeeded()
        breaker.failed()
    assert breaker.open()
    clock.move(0.125)
    breaker.succeeded()
    breaker.failed()
    assert not breaker.open()


def test_failures_in_a_row_trip_it() -> None:
    breaker = Breaker(SETTINGS, Clock())
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.open()
    breaker.failed()
    assert not breaker.open()


def test_a_share_of_failures_trips_it() -> None:
    breaker = Breaker(SETTINGS, Clock())
    for _ in range(3):
        breaker.succeeded()
        breaker.failed()
    assert breaker.open()
    breaker.succeeded()
    breaker.failed()  # the eighth call: half of them failed
    assert not breaker.open()


def test_an_old_window_is_forgotten() -> None:
    clock = Clock()
    breaker = Breaker(SETTINGS, clock)
    for _ in range(3):
        breaker.succeeded()
        breaker.failed()
    clock.move(5.0)
    breaker.succeeded()
    breaker.failed()
    assert breaker.open()


def test_one_probe_a_pause_and_its_success_heals() -> None:
    clock = Clock()
    breaker = Breaker(SETTINGS, clock)
    for _ in range(3):
        breaker.failed()
    clock.move(0.999)
    assert not breaker.open()
    clock.move(0.001)
    assert breaker.open()
    assert not breaker.open()
    breaker.failed()
    clock.move(1.0)
    assert breaker.open()
    breaker.succeeded()
    assert breaker.open()
    assert breaker.open()


def test_a_probe_without_an_end_blocks_nothing() -> None:
    clock = Clock()
    breaker = Breaker(SETTINGS, clock)
    for _ in range(3):
        breaker.failed()
    clock.move(1.0)
    assert breaker.open()  # and nobody ever says how it ended
    clock.move(1.0)
    assert breaker.open()


def test_a_late_success_from_before_the_trip_heals_nothing() -> None:
    breaker = Breaker(SETTINGS, Clock())
    for _ in range(3):
        breaker.failed()
    breaker.succeeded()
    assert not breaker.open()


def test_a_late_success_after_a_failed_probe_heals_nothing() -> None:
    clock = Clock()
    breaker = Breaker(SETTINGS, clock)
    for _ in range(3):
        breaker.failed()
    clock.move(1.0)
    assert breaker.open()
    breaker.failed()
    breaker.succeeded()  # of a call from before the trip
    assert breaker.tripped


class Machine(RuleBasedStateMachine):
    """Calls come, end well or badly, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(SETTINGS, self.clock)
        self.in_a_row = 0
        self.passed_at: list[float] = []  # calls that passed while tripped

    @rule(well=st.booleans())
    def call(self, well: bool) -> None:
        tripped = self.breaker.tripped
        passes = self.breaker.open()
        if not tripped:
            assert passes, "a closed circuit lets all pass"
        if not passes:
            return
        if tripped:
            assert all(self.clock() - at >= 1.0 for at in self.passed_at), "one probe a pause"
            self.passed_at.append(self.clock())
        (self.breaker.succeeded if well else self.breaker.failed)()
        if well:
            assert not self.breaker.tripped or not tripped
            self.in_a_row = 0
        elif not tripped:
            self.in_a_row += 1
            assert self.breaker.tripped or self.in_a_row < SETTINGS.failures
        if not self.breaker.tripped:
            self.passed_at = []

    @rule(seconds=st.sampled_from([0.125, 0.5, 1.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)

    @invariant()
    def heals_within_one_good_pause(self) -> None:
        if self.breaker.tripped:
            assert self.breaker._probe_at is not None
            assert self.breaker._probe_at - self.clock() <= SETTINGS.pause_seconds


TestMachine = Machine.TestCase
TestMachine.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
