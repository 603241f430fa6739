"""The adaptive limit, priorities and the rate limit, on a clock that the tests move."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from services.gateway.admission.admission import Admission, AdmissionSettings, Why
from services.gateway.admission.http import priority_of
from services.gateway.admission.lag import LoopLag
from services.gateway.admission.limit import AdaptiveLimit, LimitSettings
from services.gateway.admission.priority import Priority, of_list
from services.gateway.admission.rate import KEY_BYTES, MAX_KEYS, RateLimit, RateSettings
from services.gateway.errors import OverloadedError
from tests.unit.gateway.clock import Clock

CAPACITY = 300.0  # calls a second that the simulated machine can do
ALONE = 0.005  # seconds of a call that is alone


class StillLag(LoopLag):
    """A loop that adds nothing: simulated time has no turns."""

    def measure(self) -> None:
        pass


def door(clock: Clock, settings: AdmissionSettings | None = None) -> Admission:
    return Admission(settings or AdmissionSettings(), clock, StillLag(clock), lambda: 0.5)


class Machine:
    """Calls come at even distances; a machine that shares itself among them, behind the door."""

    def __init__(self, seconds_of: Callable[[int], float]) -> None:
        """`seconds_of`: how long a call takes that comes when so many others are in flight."""
        self.clock = Clock()
        self.admission = door(self.clock)
        self.seconds_of = seconds_of
        self.ends: list[tuple[float, int, float, ExitStack]] = []
        self.number = itertools.count()

    def offer(self, rate: float, seconds: float) -> tuple[float, float]:
        """Answers a second, and the longest delay among those of the last half."""
        start, answered, longest = self.clock.now, 0, 0.0
        for position in range(int(rate * seconds)):
            at = start + position / rate
            for delay in self._until(at):
                answered += 1
                if self.clock.now > start + seconds / 2:
                    longest = max(longest, delay)
            self._arrive(at)
        return answered / seconds, longest

    def _until(self, at: float) -> list[float]:
        delays = []
        while self.ends and self.ends[0][0] <= at:
            end, _, delay, stack = heapq.heappop(self.ends)
            self.clock.now = end
            stack.close()
            self.admission.observe(delay)
            delays.append(delay)
        self.clock.now = at
        return delays

    def _arrive(self, at: float) -> None:
        stack = ExitStack()
        try:
            stack.enter_context(self.admission.admitted(Priority.LOGGED_IN))
        except OverloadedError:
            return
        delay = self.seconds_of(self.admission.in_flight)
        heapq.heappush(self.ends, (at + delay, next(self.number), delay, stack))


def busy(in_flight: int) -> float:
    """A machine with a capacity: a queue of n takes n / capacity."""
    return max(ALONE, in_flight / CAPACITY)


def test_below_capacity_nothing_is_refused() -> None:
    machine = Machine(busy)
    answered, longest = machine.offer(0.8 * CAPACITY, 30)
    assert answered >= 0.79 * CAPACITY
    assert longest <= 0.02
    assert not machine.admission.refused


@pytest.mark.parametrize("times", [2, 3, 10])
def test_at_overload_the_machine_is_busy_and_the_answers_are_in_time(times: int) -> None:
    machine = Machine(busy)
    answered, longest = machine.offer(times * CAPACITY, 30)
    assert answered >= 0.9 * CAPACITY
    assert longest <= 2 * LimitSettings().target


def test_after_an_overload_nothing_is_refused_any_more() -> None:
    machine = Machine(busy)
    machine.offer(10 * CAPACITY, 30)
    machine.offer(0.8 * CAPACITY, 1)
    machine.admission.refused.clear()
    machine.offer(0.8 * CAPACITY, 10)
    assert not machine.admission.refused


def test_a_slow_stage_that_more_calls_do_not_make_slower_closes_no_door() -> None:
    slow = 3 * LimitSettings().target
    machine = Machine(lambda in_flight: slow)
    machine.offer(400, 60)
    machine.admission.refused.clear()
    _, longest = machine.offer(400, 10)
    assert not machine.admission.refused
    assert longest == slow


def test_when_it_is_fast_again_the_target_is_what_it_was() -> None:
    limit = AdaptiveLimit(LimitSettings(target=0.05, least=16))
    for _ in range(100):
        limit.update(0.2, busiest=4)
    assert limit.target == pytest.approx(0.3, rel=0.01)
    limit.update(0.01, busiest=200)
    assert limit.target == 0.05


def test_the_limit_stays_within_its_bounds() -> None:
    limit = AdaptiveLimit(LimitSettings(target=0.05, least=4, most=40, first=90))
    assert limit.value == 40
    for _ in range(50):
        limit.update(9.0, busiest=40)
    assert limit.value == 4
    limit = AdaptiveLimit(LimitSettings(target=0.05, least=4, most=40, first=30))
    for _ in range(50):
        limit.update(0.01, busiest=40)
    assert limit.value == 40


def test_a_limit_that_nobody_reached_does_not_grow() -> None:
    limit = AdaptiveLimit(LimitSettings(first=32))
    limit.update(0.01, busiest=20)
    assert limit.value == 32


def test_one_slow_window_costs_no_more_than_three_tenths() -> None:
    limit = AdaptiveLimit(LimitSettings(least=1, first=100))
    limit.update(60.0, busiest=100)
    assert limit.value == pytest.approx(70)


def test_who_is_refused_first() -> None:
    clock = Clock()
    settings = AdmissionSettings(LimitSettings(least=100, first=100))
    refused_at: dict[Priority, int] = {}
    admission = door(clock, settings)
    with ExitStack() as calls:
        for in_flight in range(101):
            for priority in Priority:
                try:
                    with admission.admitted(priority):
                        pass
                except OverloadedError:
                    refused_at.setdefault(priority, in_flight)
            if in_flight < 100:
                calls.enter_context(admission.admitted(Priority.WRITE))
    assert admission.in_flight == 0
    assert refused_at == {
        Priority.WRITE: 100,
        Priority.PAGING: 100,
        Priority.LOGGED_IN: 90,
        Priority.ANONYMOUS: 75,
        Priority.SIMILAR: 50,
        Priority.EXPLAIN: 40,
    }


def test_lists_by_who_asks() -> None:
    assert of_list("u", "") is Priority.LOGGED_IN
    assert of_list("", "") is Priority.ANONYMOUS
    assert of_list("", "token") is of_list("u", "token") is Priority.PAGING


@pytest.mark.parametrize(
    ("method", "path", "query", "priority"),
    [
        ("GET", "/v1/users/7/recommendations", b"k=5", Priority.LOGGED_IN),
        ("GET", "/v1/users/7/recommendations", b"k=5&page_token=x", Priority.PAGING),
        ("GET", "/v1/users/7/recommendations", b"%96=\xff&page_token=%96", Priority.PAGING),
        ("GET", "/v1/users/7/recommendations", b"k=5&page_token=", Priority.LOGGED_IN),
        ("GET", "/v1/users/7/recommendations", b"page_token=x&page_token=", Priority.LOGGED_IN),
        ("GET", "/v1/users/7/recommendations", b"tag=page_token=x", Priority.LOGGED_IN),
        ("GET", "/v1/users/7/recommendations", b"no_page_token=x", Priority.LOGGED_IN),
        ("GET", "/v1/sessions/7/recommendations", b"", Priority.ANONYMOUS),
        ("GET", "/v1/users/7/explain", b"item=3", Priority.EXPLAIN),
        ("GET", "/v1/items/7/similar", b"", Priority.SIMILAR),
        ("POST", "/v1/events", b"", Priority.WRITE),
        ("PUT", "/v1/items/similar", b"", Priority.WRITE),
    ],
)
def test_calls_by_http(method: str, path: str, query: bytes, priority: Priority) -> None:
    assert priority_of(method, path, query) is priority


def test_the_delay_grows_with_the_overload() -> None:
    clock = Clock()
    admission = door(clock, AdmissionSettings(LimitSettings(least=1, most=1)))

    def refusal() -> float:
        with pytest.raises(OverloadedError) as error, admission.admitted(Priority.WRITE):
            pass
        return error.value.retry_after

    with admission.admitted(Priority.WRITE):
        assert refusal() == pytest.approx(0.1)
        for _ in range(29):
            refusal()
    for _ in range(9):
        with admission.admitted(Priority.WRITE):
            pass
    clock.move(1.0)
    for _ in range(8):
        admission.observe(0.01)
    with admission.admitted(Priority.WRITE):
        assert refusal() == pytest.approx(3.0)  # 30 were refused for 10 that were let in


def test_a_call_that_fails_is_not_in_flight_any_more() -> None:
    admission = door(Clock())
    call = admission.admitted(Priority.WRITE)
    call.__enter__()
    assert admission.in_flight == 1
    assert not call.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert admission.in_flight == 0


def test_a_client_has_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    rate = RateLimit(RateSettings(per_second=2.0, burst=3), clock)
    assert [rate.wait("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rate.wait("a") == pytest.approx(0.5)
    assert rate.wait("b") == 0.0
    clock.move(0.25)
    assert rate.wait("a") == pytest.approx(0.25)
    clock.move(0.25)
    assert rate.wait("a") == 0.0
    clock.move(1000)
    assert Counter(rate.wait("a") == 0.0 for _ in range(10)) == {True: 3, False: 7}


def test_the_rate_limit_is_off_unless_it_is_set() -> None:
    rate = RateLimit(RateSettings(), Clock())
    assert {rate.wait("a") for _ in range(1000)} == {0.0}
    assert len(rate) == 0


def test_keys_are_forgotten_and_long_ones_are_cut() -> None:
    rate = RateLimit(RateSettings(per_second=1.0, burst=1), Clock())
    for number in range(MAX_KEYS + 10):
        rate.wait(str(number))
    assert len(rate) == MAX_KEYS
    assert rate.wait("0") == 0.0, "the oldest was forgotten"
    assert rate.wait(str(MAX_KEYS + 9)) > 0.0, "the newest was not"
    assert rate.wait("k" * KEY_BYTES + "a") == 0.0
    assert rate.wait("k" * KEY_BYTES + "b") > 0.0


def test_a_refusal_by_rate_is_counted_and_takes_no_place() -> None:
    admission = door(Clock(), AdmissionSettings(rate=RateSettings(per_second=1.0, burst=1)))
    with admission.admitted(Priority.LOGGED_IN, "a"):
        with pytest.raises(OverloadedError) as refused, admission.admitted(Priority.LOGGED_IN, "a"):
            pass
        assert refused.value.retry_after == pytest.approx(1.0)
        assert admission.in_flight == 1
    assert admission.refused == {(Why.RATE, Priority.LOGGED_IN): 1}


def test_a_call_that_overload_refuses_pays_no_token() -> None:
    settings = AdmissionSettings(LimitSettings(least=1, most=1), RateSettings(1.0, burst=1))
    admission = door(Clock(), settings)
    with admission.admitted(Priority.WRITE, "other"):
        for _ in range(3):
            with pytest.raises(OverloadedError), admission.admitted(Priority.WRITE, "a"):
                pass
    assert admission.refused == {(Why.LIMIT, Priority.WRITE): 3}
    with admission.admitted(Priority.WRITE, "a"):
        pass
