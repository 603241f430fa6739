"""A gateway with two releases, whose stages answer from each as a test says."""

from dataclasses import dataclass
from typing import Any

import pytest

from services.domain.traffic import Policy
from services.gateway.answer import Answer
from services.gateway.gateway import Gateway
from services.gateway.lanes.lane import Routing
from services.gateway.pipeline import make_gateway
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from tests.unit.gateway.told import Told
from tests.unit.gateway.world import IDS, Scripted, World, make_release, make_world

SPLIT = Policy(1, "r1", "r2", weight=30.0, control=30.0)
ALL = Policy(1, "r1", "r2", weight=100.0)
NEW = "only in r2"
_OF_RELEASES = ("recall", "similar", "prerank", "rank", "rerank")


class ByRelease:
    """A stage that has a script for the canary's queries alone."""

    def __init__(self, stable: Scripted[Any, Any], canary: Scripted[Any, Any]) -> None:
        self._stages = {"r1": stable, "r2": canary}

    async def call(self, queries: Any, timeout: float) -> Any:
        (release,) = {query.release for query in queries}
        return await self._stages[release].call(queries, timeout)


@dataclass
class Two:
    """A gateway with two releases; `canary`: the stages as they answer from r2."""

    gateway: Gateway
    told: Told
    stable: World
    canary: World

    async def list(self, user: str, **asked: Any) -> Answer:
        return await self.gateway.recommend(RecommendInput(user_id=user, **asked), "id")

    def tallied(self, *lane: Any) -> int:
        reports = {(one.release, one.arm): one.sums for one in self.gateway.lanes.reports()}
        return int(reports[lane]["requests"]) if lane in reports else 0


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GatewayRelease]:
    """r1, and r2 that has one other item."""
    folder = tmp_path_factory.mktemp("releases")
    r2 = make_release(folder / "r2", release_id="r2", ids=[*IDS[:-1], NEW])
    return {"r1": make_release(folder / "r1"), "r2": r2}


@pytest.fixture
def two(releases: dict[str, GatewayRelease]) -> Two:
    told = Told(SPLIT, dict(releases))
    stable, canary = make_world(releases["r1"]), make_world(releases["r2"])
    stages = {
        name: ByRelease(one, canary[name]) if name in _OF_RELEASES else one
        for name, one in stable.stages.items()
    }
    settings = GatewaySettings(deadline_seconds=60.0)
    gateway = make_gateway(Routing(told, told), Stages(**stages), settings)
    return Two(gateway, told, stable, canary)
