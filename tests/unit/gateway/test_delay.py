"""What the adaptive limit is told of lists that lack a part, were hurried or given up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from services.chassis.redis import RedisError
from services.domain.outcome import CallError, Failure, Reason
from services.gateway.admission.admission import Admission, AdmissionSettings
from services.gateway.admission.delay import cancelled_after, made_in
from services.gateway.admission.lag import LoopLag
from services.gateway.admission.limit import AdaptiveLimit, LimitSettings
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.trace import Wait
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.world import World, make_world

OWN, GIVEN = 0.48, 0.08  # seconds of a gateway that has 0.5, and with a caller that has 0.1
CALLER = 0.1
SLOW = 0.02
LATE = Wait(Reason.TIMEOUT, SLOW)


class Heard(Admission):
    """Remembers what it was told."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(AdmissionSettings(), clock, LoopLag(clock))
        self.delays: list[float] = []

    def observe(self, delay: float) -> None:
        self.delays.append(delay)


@dataclass
class Setting:
    """A gateway whose clock stands still unless a stage moves it."""

    world: World
    clock: Clock
    heard: Heard

    def fails(self, reason: Reason) -> Callable[[Any], NoReturn]:
        """What a stage does that gives nothing, after SLOW seconds."""

        def fail(_query: Any) -> NoReturn:
            self.clock.move(SLOW)
            raise CallError(Failure(reason))

        return fail

    async def ask(self, caller: float | None = None) -> list[float]:
        """What was heard of one list."""
        self.heard.delays.clear()
        await self.world.gateway.recommend(RecommendInput(user_id="u", k=5), "request", caller)
        return self.heard.delays


@pytest.fixture
def setting(release: GatewayRelease) -> Setting:
    clock = Clock()
    heard = Heard(clock)
    world = make_world(release, clock, admission=heard, deadline_seconds=0.5)
    return Setting(world, clock, heard)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.EXPIRED])
async def test_a_stage_that_had_its_whole_share_does_not_count(
    setting: Setting, reason: Reason
) -> None:
    setting.world["rank"].answer = setting.fails(reason)
    assert await setting.ask() == [pytest.approx(0.0)]
    assert await setting.ask(caller=0.49) == [pytest.approx(0.0)]


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.EXPIRED])
async def test_a_stage_that_a_short_deadline_hurried_does(setting: Setting, reason: Reason) -> None:
    setting.world["rank"].answer = setting.fails(reason)
    assert await setting.ask(CALLER) == [pytest.approx(SLOW * OWN / GIVEN)]


async def test_a_stage_that_cannot_be_reached_does_not_count(setting: Setting) -> None:
    setting.world["rank"].answer = setting.fails(Reason.UNAVAILABLE)
    assert await setting.ask(CALLER) == [pytest.approx(0.0)]


async def test_marks_that_gave_nothing_do_not_count(setting: Setting) -> None:
    setting.world["marks"].answer = setting.fails(Reason.UNAVAILABLE)
    assert await setting.ask() == [pytest.approx(0.0)]


async def test_changes_of_items_that_cannot_be_read_do_not_count(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_version: int | None) -> None:
        setting.clock.move(SLOW)
        raise RedisError("away")

    monkeypatch.setattr(setting.world.gateway.lanes.stable.funnel.takedown.table, "reach", away)
    assert await setting.ask() == [pytest.approx(0.0)]


async def test_a_call_that_was_cancelled_counts(release: GatewayRelease) -> None:
    clock = Clock()
    heard = Heard(clock)
    world = make_world(release, clock, admission=heard, deadline_seconds=60.0)
    world["rank"].mode = "hang"
    asked = asyncio.create_task(world.gateway.recommend(RecommendInput(user_id="u"), "request"))
    while not world["rank"].queries:
        await asyncio.sleep(0)
    clock.move(SLOW)
    asked.cancel()
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert heard.delays == [pytest.approx(SLOW)]


def test_a_deadline_that_was_over_says_that_it_takes_longer() -> None:
    assert cancelled_after(0.03, GIVEN, OWN) == 0.03, "its caller went away"
    assert cancelled_after(GIVEN, GIVEN, OWN) == pytest.approx(OWN)
    assert cancelled_after(0.5, OWN, OWN) == 0.5


def test_what_is_added_is_bounded_by_the_time_of_the_gateway() -> None:
    assert made_in(0.001, [LATE], 0.0, OWN) == OWN
    assert made_in(0.05, [LATE], 0.001, OWN) == OWN
    assert made_in(1.0, [LATE], 0.001, OWN) == 1.0


def test_lists_that_short_deadlines_left_without_stages_lower_the_limit() -> None:
    limit = AdaptiveLimit(LimitSettings(first=256))
    delay = made_in(0.06, [LATE] * 3, GIVEN, OWN)
    limit.update(delay, busiest=256)
    assert limit.value < 256
