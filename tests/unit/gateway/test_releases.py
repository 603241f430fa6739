"""What the gateway and its stages hold: told, heard, and kept in step with traffic."""

import asyncio
import shutil
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chassis.errors import InvalidArgumentError
from services.domain.traffic import Policy
from services.gateway.lanes.lane import Routing
from services.gateway.release import GatewayRelease
from services.gateway.release_control import OWN, ReleaseControl
from services.gateway.release_upkeep import LINGER_SECONDS, RETRY_SECONDS, ReleaseUpkeep
from services.gateway.requests import RecommendInput
from services.inference.holder import (
    HolderAwayError,
    NoSuchReleaseError,
    ReleaseInUseError,
    ReleaseRecord,
    ReleaseState,
)
from services.inference.keeper import ReleaseKeeper
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from tests.unit.gateway.clock import Clock
from tests.unit.gateway.told import Told
from tests.unit.gateway.world import make_release, make_world

PATIENCE = 30.0
NOW = 1_700_000_000
ADDRESSES = {"rank": "rank:50054"}


class Stage(ReleaseKeeper):
    """A stage of this process that can go away, and begin again with one release."""

    away = False

    def __init__(self, slots: ReleaseSlots[GatewayRelease]) -> None:
        super().__init__(slots, lambda: NOW)
        self.urgent: dict[str, bool] = {}

    async def list(self) -> tuple[ReleaseRecord, ...]:
        if self.away:
            raise HolderAwayError("UNAVAILABLE: connection refused")
        return self.records

    async def load(
        self, release: str, *, urgent: bool = False, by_hand: bool = False
    ) -> ReleaseRecord:
        await self.list()
        self.urgent[release] = urgent
        return await super().load(release, urgent=urgent, by_hand=by_hand)

    async def unload(self, release: str, instead: str = "") -> None:
        await self.list()
        await super().unload(release, instead)


class Several:
    """A gateway and two stages that started with r1; r2 and r3 are there too."""

    def __init__(self, folder: Path) -> None:
        for release in ("r1", "r2", "r3"):
            make_release(folder / release, release_id=release)
        self.folder, self.clock = folder, Clock()
        self.named: tuple[str, ...] = ()
        self.answering: tuple[str, ...] = ()
        self.stages = {"recall": self.stage(), "rank": self.stage()}
        self.control = self.gateway()
        self.upkeep = ReleaseUpkeep(self.control, self.clock)

    def slots(self, release: str = "r1") -> ReleaseSlots[GatewayRelease]:
        slots = ReleaseSlots(ReleaseStore(str(self.folder)), GatewayRelease)
        slots.load(release)
        return slots

    def stage(self, release: str = "r1") -> Stage:
        return Stage(self.slots(release))

    def gateway(self, start: str = "r1") -> ReleaseControl:
        return ReleaseControl(
            self.slots(start), self.stages, ADDRESSES, lambda: self.named, lambda: self.answering
        )

    def restart(self, start: str = "r1") -> None:
        """The gateway, as another process."""
        self.control = self.gateway(start)
        self.upkeep = ReleaseUpkeep(self.control, self.clock)

    def damage(self, release: str) -> None:
        (self.folder / release / "extra").write_text("who put this here")

    def mend(self, release: str) -> None:
        (self.folder / release / "extra").unlink()

    async def refused(self, *holders: str) -> None:
        await self.tended(
            lambda: all(
                "refused" in states.values()
                for holder, states in self.states().items()
                if holder in holders
            )
        )

    def states(self) -> dict[str, dict[str, str]]:
        return {
            holding.holder: {name: record.state.value for name, record in holding.records.items()}
            for holding in self.control.holdings()
        }

    async def tended(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.upkeep.tend()
                await asyncio.sleep(0.005)

    async def everywhere(self, *releases: str) -> None:
        await self.tended(lambda: all(self.control.everywhere(one) for one in releases))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is waited for that others on this machine take."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def several(tmp_path: Path) -> Several:
    return Several(tmp_path / "releases")


def only(*releases: str) -> dict[str, dict[str, str]]:
    held = dict.fromkeys(releases, ReleaseState.LOADED.value)
    return {OWN: held, "recall": held, "rank": held}


async def test_before_the_first_look_a_stage_holds_nothing(several: Several) -> None:
    assert not several.control.everywhere("r1")
    gateway, recall, rank = several.control.holdings()
    assert (gateway.holder, gateway.problem, gateway.has("r1")) == ("gateway", "", True)
    assert (recall.address, recall.problem) == ("", "not asked yet")
    assert (rank.address, rank.has("r1")) == ("rank:50054", False)
    await several.control.look()
    assert several.control.everywhere("r1")


async def test_a_release_is_loaded_everywhere(several: Several) -> None:
    begun = await several.control.load("r2")
    assert all(set(one.records) == {"r1", "r2"} and not one.problem for one in begun)
    await several.everywhere("r2")
    assert several.control.ids() == ("r1", "r2")
    opened = several.control.get("r2")
    assert opened is not None
    assert opened.id == "r2"


async def test_a_stage_that_is_away_is_a_problem_and_is_told_when_it_is_back(
    several: Several,
) -> None:
    await several.everywhere("r1")
    several.stages["rank"].away = True
    _, recall, rank = await several.control.load("r2")
    assert (recall.problem, rank.problem) == ("", "UNAVAILABLE: connection refused")
    assert rank.has("r1")
    several.named = ("r1", "r2")
    await several.tended(lambda: "r2" in several.control.ids())
    assert not several.control.everywhere("r2")
    several.stages["rank"].away = False
    await several.everywhere("r1", "r2")


async def test_a_stage_that_starts_again_gets_what_traffic_names(several: Several) -> None:
    several.named = several.answering = ("r1", "r2")
    await several.everywhere("r1", "r2")
    several.stages["rank"] = several.stage("r3")
    await several.control.look()
    assert not several.control.everywhere("r1")
    await several.everywhere("r1", "r2")
    # What most people wait for is loaded at full speed; the canary beside what serves.
    assert several.stages["rank"].urgent == {"r1": True, "r2": False}


async def test_what_serves_everybody_is_not_slowed_down(several: Several) -> None:
    several.named, several.answering = ("r2", "r3"), ("r1", "r3")
    await several.everywhere("r2", "r3")
    for stage in several.stages.values():
        assert stage.urgent == {"r2": False, "r3": False}, "lists have all stages, from r1"


async def test_without_a_policy_stages_get_what_the_gateway_stands_on(several: Several) -> None:
    several.answering = ("r1",)
    several.stages["rank"] = several.stage("r3")
    await several.everywhere("r1")
    assert several.states()["rank"] == {"r3": "loaded", "r1": "loaded"}
    assert several.stages["rank"].urgent == {"r1": False}, "other gateways may stand on r3"


async def test_a_refusal_is_not_for_ever(several: Several) -> None:
    several.named = several.answering = ("r1", "r2")
    several.damage("r2")
    await several.refused(OWN, "recall", "rank")
    several.mend("r2")
    several.clock.move(RETRY_SECONDS - 1)
    await several.upkeep.tend()
    assert not any("loading" in states.values() for states in several.states().values())
    several.clock.move(1)
    await several.everywhere("r1", "r2")


async def test_one_that_is_refused_again_is_tried_again_later(several: Several) -> None:
    several.named = several.answering = ("r1",)
    several.damage("r1")
    several.stages["rank"] = several.stage("r2")
    await several.refused("rank")
    assert several.stages["rank"].urgent == {"r1": True}
    for _ in range(3):
        several.stages["rank"].urgent.clear()
        await several.upkeep.tend()
        assert not several.stages["rank"].urgent
        several.clock.move(RETRY_SECONDS)
        await several.upkeep.tend()
        assert several.stages["rank"].urgent == {"r1": False}
        await several.refused("rank")


async def test_what_traffic_names_anew_is_tried_at_once(several: Several) -> None:
    several.damage("r2")
    several.named = ("r1", "r2")
    await several.refused(OWN, "recall", "rank")
    several.named = ("r1",)
    await several.upkeep.tend()
    several.mend("r2")
    several.named = ("r1", "r2")
    await several.everywhere("r1", "r2")


async def test_what_traffic_no_longer_names_is_unloaded_later(several: Several) -> None:
    several.named = ("r1", "r2")
    await several.everywhere("r1", "r2")
    await several.control.load("r3")
    several.named = ("r2",)
    await several.everywhere("r1", "r2", "r3")
    await several.upkeep.tend()
    several.clock.move(LINGER_SECONDS - 1)
    await several.upkeep.tend()
    assert several.states() == only("r1", "r2", "r3")
    several.clock.move(2)
    await several.upkeep.tend()
    assert several.states() == only("r2", "r3")
    assert several.control.start == "r2"
    several.clock.move(LINGER_SECONDS)
    await several.upkeep.tend()
    assert several.states() == only("r2", "r3"), "r3 was loaded by hand"


async def test_what_another_gateway_had_loaded_is_unloaded_too(several: Several) -> None:
    several.named = ("r1", "r2")
    await several.everywhere("r1", "r2")
    several.restart()
    several.stages["rank"] = several.stage("r3")
    several.named = ("r1",)
    await several.everywhere("r1")
    await several.upkeep.tend()
    several.clock.move(LINGER_SECONDS)
    await several.upkeep.tend()
    assert several.states() == only("r1")


async def test_a_gateway_that_does_not_hear_of_traffic_unloads_nothing(several: Several) -> None:
    """Others have put a canary into the stages meanwhile."""
    heard = False
    several.upkeep = ReleaseUpkeep(several.control, several.clock, current=lambda: heard)
    several.named = ("r1",)
    for stage in several.stages.values():
        await stage.load("r2")
    await several.tended(lambda: several.states()["rank"] == {"r1": "loaded", "r2": "loaded"})
    for _ in range(2):
        several.clock.move(LINGER_SECONDS)
        await several.upkeep.tend()
    assert several.states()["rank"] == {"r1": "loaded", "r2": "loaded"}
    heard = True
    await several.upkeep.tend()
    several.clock.move(LINGER_SECONDS - 1)
    await several.upkeep.tend()
    assert "r2" in several.states()["rank"], "the time begins when it hears again"
    several.clock.move(1)
    await several.upkeep.tend()
    assert several.states() == only("r1")


async def test_nothing_is_unloaded_while_somebody_lacks_the_stable_release(
    several: Several,
) -> None:
    """Another gateway may answer from the release that it was started with."""
    several.named = ("r2",)
    await several.everywhere("r2")
    several.damage("r2")
    several.stages["rank"] = several.stage("r1")
    await several.refused("rank")
    for _ in range(3):
        several.clock.move(LINGER_SECONDS)
        await several.upkeep.tend()
    assert several.states()["recall"] == {"r1": "loaded", "r2": "loaded"}


async def test_without_a_policy_nothing_is_unloaded(several: Several) -> None:
    several.stages["rank"] = several.stage("r2")
    for _ in range(2):
        await several.everywhere("r1")
        await several.upkeep.tend()
        several.clock.move(LINGER_SECONDS)
    assert several.states()["rank"] == {"r2": "loaded", "r1": "loaded"}


async def test_what_is_wanted_by_hand_stays_although_traffic_had_it_loaded(
    several: Several,
) -> None:
    several.named = ("r1", "r2")
    await several.everywhere("r1", "r2")
    await several.control.load("r2")
    several.restart()
    several.named = ("r1",)
    for _ in range(2):
        await several.upkeep.tend()
        several.clock.move(LINGER_SECONDS)
    assert "r2" in several.states()["rank"]


async def test_a_stage_that_is_away_lets_go_when_it_is_back(several: Several) -> None:
    several.named = ("r1", "r2")
    await several.everywhere("r1", "r2")
    several.named = ("r1",)
    several.stages["rank"].away = True
    await several.upkeep.tend()
    for _ in range(2):
        several.clock.move(LINGER_SECONDS)
        await several.upkeep.tend()
        assert several.states() == {**only("r1"), "rank": only("r1", "r2")["rank"]}
    several.stages["rank"].away = False
    several.clock.move(LINGER_SECONDS)
    await several.upkeep.tend()
    assert several.states() == only("r1")


async def test_what_traffic_names_again_in_time_stays(several: Several) -> None:
    for named in (("r1", "r2"), ("r1",), ("r1", "r2"), ("r1",)):
        several.named = named
        await several.everywhere(*named)
        await several.upkeep.tend()
        several.clock.move(LINGER_SECONDS / 2 - 1)
    await several.upkeep.tend()
    assert several.states() == only("r1", "r2")


async def test_a_release_that_cannot_be_loaded_stops_nothing(several: Several) -> None:
    several.named = ("r1", "r4", "r2")
    await several.everywhere("r1", "r2")
    assert set(several.states()[OWN]) == {"r1", "r2"}


async def test_why_a_release_is_missing_is_known_until_it_is_there(several: Several) -> None:
    several.named = ("r1", "r4")
    several.stages["recall"].away = True
    await several.upkeep.tend()
    assert set(several.upkeep.missing) == {(OWN, "r4"), ("rank", "r4")}, "recall may have it"
    assert several.upkeep.missing["rank", "r4"].startswith("no release r4 in ")
    make_release(several.folder / "r4", release_id="r4")
    several.stages["recall"].away = False
    await several.everywhere("r4")
    assert not several.upkeep.missing
    several.named = ("r1", "r5")
    await several.upkeep.tend()
    several.named = ("r1",)
    await several.upkeep.tend()
    assert not several.upkeep.missing


async def test_the_release_of_the_start_goes_once_it_answers_nobody(several: Several) -> None:
    policy = Told(Policy(1, "r1", "r2", weight=100.0))

    def named() -> tuple[str, ...]:
        return policy.applied.releases

    control = ReleaseControl(
        several.slots(), several.stages, ADDRESSES, named, answering=lambda: lanes.releases()
    )
    world = make_world(Routing(policy, control), deadline_seconds=60.0)
    lanes = world.gateway.lanes
    several.control, several.upkeep = control, ReleaseUpkeep(control, several.clock, lanes.tidy)
    await several.everywhere("r1", "r2")
    assert (lanes.of("u").lane.release.id, lanes.stable.release.id) == ("r2", "r1")
    with pytest.raises(ReleaseInUseError, match="traffic names"):
        await control.unload("r1", "r2")
    policy.applied = Policy(2, "r2")
    await several.upkeep.tend()
    several.clock.move(LINGER_SECONDS)
    await several.upkeep.tend()
    assert several.states() == only("r2")
    assert (lanes.releases(), control.start) == (("r2",), "r2")
    made = await world.gateway.recommend(RecommendInput(user_id="u"), "id")
    assert made.release == "r2"


async def test_a_gateway_that_starts_waits_for_what_traffic_names(several: Several) -> None:
    several.stages["rank"].away = True
    several.named = ("r1", "r2", "r4")
    await several.upkeep.settle(PATIENCE)
    gateway, recall, rank = several.control.holdings()
    assert (gateway.has("r2"), recall.has("r2"), rank.has("r2")) == (True, True, False)
    assert several.stages["recall"].urgent == {"r2": True, "r4": True}, "nobody is served here"


async def test_a_gateway_that_starts_waits_for_its_own_release_where_there_is_no_policy(
    several: Several,
) -> None:
    several.restart("r2")
    await several.upkeep.settle(PATIENCE)
    assert several.control.everywhere("r2")
    assert several.stages["rank"].urgent == {"r2": False}, "others are served from r1 there"
    assert several.stages["recall"].urgent == {"r2": True}


async def test_a_gateway_that_starts_has_stages_hurry_for_what_most_people_wait_for(
    several: Several,
) -> None:
    several.named = ("r2", "r3")
    await several.upkeep.settle(PATIENCE)
    assert several.stages["rank"].urgent == {"r2": True, "r3": False}


async def test_a_gateway_that_starts_does_not_wait_for_ever(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = ReleaseRecord("r2", ReleaseState.LOADING)
    several.named = ("r1", "r2")
    monkeypatch.setattr(several.stages["rank"], "_records", {"r2": never})
    await several.upkeep.settle(0.05)
    assert not several.control.everywhere("r2")


async def test_what_is_in_use_is_not_unloaded(several: Several) -> None:
    await several.control.load("r2")
    await several.everywhere("r2")
    several.named = ("r1", "r2")
    with pytest.raises(ReleaseInUseError, match="traffic names release r2"):
        await several.control.unload("r2")
    several.named = ()
    with pytest.raises(ReleaseInUseError, match="stands on release r1"):
        await several.control.unload("r1")
    with pytest.raises(InvalidArgumentError, match="instead: release r3 is not loaded"):
        await several.control.unload("r1", "r3")
    with pytest.raises(NoSuchReleaseError, match="release r3 is not loaded"):
        await several.control.unload("r3")
    assert several.states() == only("r1", "r2")
    assert [one.problem for one in await several.control.unload("r1", "r2")] == ["", "", ""]
    assert several.states() == only("r2")


async def test_what_lists_come_from_is_kept_by_everybody(several: Several) -> None:
    control = ReleaseControl(several.slots(), several.stages, ADDRESSES, answering=lambda: ("r1",))
    await control.load("r2")
    while not control.everywhere("r2"):
        await asyncio.sleep(0.01)
        await control.look()
    with pytest.raises(ReleaseInUseError, match="this gateway answers from release r1"):
        await control.unload("r1", "r2")
    assert control.everywhere("r1")


async def test_a_gateway_can_forget_alone(several: Several) -> None:
    await several.control.load("r2")
    await several.everywhere("r2")
    await several.control.unload("r2", here_only=True)
    assert several.states() == {**only("r1"), "rank": only("r1", "r2")["rank"]}
    with pytest.raises(NoSuchReleaseError):
        await several.control.unload("r2", here_only=True)
    await several.control.unload("r2")
    assert several.states() == only("r1")


async def test_what_a_stage_of_its_own_process_kept_it_forgets_at_the_second_try(
    several: Several,
) -> None:
    await several.control.load("r2")
    await several.everywhere("r2")
    several.stages["recall"].away = True
    _, recall, rank = await several.control.unload("r2", here_only=True)
    assert (recall.problem, rank.problem) == ("UNAVAILABLE: connection refused", "")
    several.stages["recall"].away = False
    await several.control.unload("r2", here_only=True)
    assert several.states() == {**only("r1"), "rank": only("r1", "r2")["rank"]}


async def test_stages_forget_a_release_though_they_lack_the_one_of_the_gateway(
    several: Several,
) -> None:
    for name in several.stages:
        several.stages[name] = several.stage("r3")
    several.restart()
    await several.control.load("r2")
    await several.everywhere("r1", "r2")
    for name in several.stages:
        await several.stages[name].unload("r1")
    after = await several.control.unload("r2")
    assert [one.problem for one in after] == ["", "", ""]
    assert several.states() == {
        OWN: {"r1": "loaded"},
        **dict.fromkeys(several.stages, only("r3")[OWN]),
    }


async def test_trouble_is_told_once_and_when_it_comes_again(several: Several) -> None:
    several.named = ("r1", "r4")
    with capture_logs() as lines:
        for _ in range(3):
            await several.upkeep.tend()
    assert missing(lines) == [(OWN, "r4"), ("recall", "r4"), ("rank", "r4")]
    make_release(several.folder / "r4", release_id="r4")
    await several.everywhere("r4")
    await several.upkeep.tend()
    several.stages["rank"] = several.stage()
    shutil.rmtree(several.folder / "r4")
    with capture_logs() as lines:
        for _ in range(3):
            await several.upkeep.tend()
    assert missing(lines) == [("rank", "r4")]
    with capture_logs() as lines:
        for several.named in (("r1", "r5"), ("r1",), ("r1", "r5")):
            await several.upkeep.tend()
    assert missing(lines).count(("rank", "r5")) == 2


def missing(lines: Sequence[MutableMapping[str, Any]]) -> list[tuple[str, str]]:
    found = [line for line in lines if line["event"] == "release is missing"]
    return [(line["holder"], line["release"]) for line in found]


async def test_a_stage_that_keeps_a_release_says_why(several: Several) -> None:
    await several.control.load("r2")
    await several.everywhere("r2")
    several.stages["rank"].away = True
    _, recall, rank = await several.control.unload("r2")
    assert (recall.problem, rank.problem) == ("", "UNAVAILABLE: connection refused")
    several.stages["rank"].away = False
    _, recall, rank = await several.control.unload("r2")
    assert several.states() == only("r1")
