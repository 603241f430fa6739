"""Two releases behind one gateway: who is answered by which, while the policy in Redis changes."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio
from pydantic import SecretStr
from recsys.common.v1 import common_pb2
from recsys.gateway.v1 import gateway_pb2 as pb

from services.chassis.channel import open_channel
from services.chassis.redis import open_redis
from services.domain.traffic import Arm, Policy, assign
from services.domain.traffic_report import GATEWAYS_KEY, GatewayReport, parse, report_key
from services.inference.client import ReleaseClient
from tests.integration.stack import Stack, ids, running
from tests.redis import RedisServer, own_redis
from tests.releases import another_release, release, release_copy
from tests.traffic import publish

__all__ = ["own_redis", "release", "release_copy"]

PATIENCE = 30.0
OTHER = "other"
ACTS = common_pb2.EVENT_TYPE_CLICK, common_pb2.EVENT_TYPE_PURCHASE
USERS = [f"user {i}" for i in range(40)]


@pytest.fixture
async def leader(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """Writes the policy, as the rollout does."""
    client = open_redis(SecretStr(own_redis.url), timeout=PATIENCE)
    yield client
    await client.aclose()


@pytest.fixture
def stable(release_copy: Path) -> Path:
    """The release of the start; `OTHER` is beside it."""
    another_release(release_copy, OTHER)
    return release_copy


@asynccontextmanager
async def serving(
    stable: Path, server: RedisServer, leader: redis.asyncio.Redis, policy: Policy, lease: float
) -> AsyncIterator[Stack]:
    """A stack that was started under a policy."""
    await publish(leader, policy, lease)
    async with running(stable, server) as stack:
        yield stack


def split(stable: Path, weight: float = 40.0, control: float = 40.0) -> Policy:
    return Policy(1, stable.name, OTHER, weight, control, lease_seconds=60.0)


async def answered_by(stack: Stack, user: str) -> str:
    return str((await stack.recommend(user, k=5)).release)


async def moved(stack: Stack, user: str, release: str) -> None:
    """Returns when a user is answered by a release."""
    async with asyncio.timeout(PATIENCE):
        while await answered_by(stack, user) != release:
            await asyncio.sleep(0.02)


async def reported(
    leader: redis.asyncio.Redis, holds: Callable[[GatewayReport], object]
) -> GatewayReport:
    """The first report of the gateway of which something holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for gateway in await leader.zrange(GATEWAYS_KEY, 0, -1):
                document = await leader.get(report_key(gateway.decode()))
                if document is not None and holds(report := parse(document)):
                    return report
            await asyncio.sleep(0.05)


def lists(report: GatewayReport) -> dict[tuple[str, Arm], float]:
    return {(lane.release, lane.arm): lane.sums["requests"] for lane in report.lanes}


async def test_users_are_split_taken_back_and_promoted(
    stable: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    policy = split(stable)
    assigned = {user: assign(user, policy) for user in USERS}
    tried = next(user for user in USERS if assigned[user].arm is Arm.CANARY)
    async with serving(stable, own_redis, leader, policy, lease=60.0) as stack:
        for user in USERS:
            assert await answered_by(stack, user) == assigned[user].release
        expected = {
            (one.release, one.arm): sum(other == one for other in assigned.values())
            for one in assigned.values()
        }
        assert len(expected) == 3
        report = await reported(leader, lambda report: lists(report) == expected)
        assert (report.stable, report.version, report.leased) == (stable.name, 1, True)
        for lane in report.lanes:
            shown = lane.histograms["items"].sum() if lane.arm is not Arm.STABLE else None
            assert shown in (None, 5 * lane.sums["requests"])

        await publish(leader, Policy(2, stable.name))
        await moved(stack, tried, stable.name)
        assert {await answered_by(stack, user) for user in USERS} == {stable.name}

        await publish(leader, Policy(3, OTHER))
        await moved(stack, tried, OTHER)
        assert {await answered_by(stack, user) for user in USERS} == {OTHER}
        report = await reported(leader, lambda report: report.version == 3)
        assert report.stable == OTHER
        assert (await stack.http.get("/stats")).json()["release"] == OTHER


async def test_without_a_lease_nobody_is_on_the_canary(
    stable: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    policy = Policy(1, stable.name, OTHER, weight=100.0, lease_seconds=60.0)
    async with serving(stable, own_redis, leader, policy, lease=0) as stack:
        assert await answered_by(stack, "u") == stable.name
        await publish(leader, policy, seconds=1.5)
        await moved(stack, "u", OTHER)
        await moved(stack, "u", stable.name)
        assert {await answered_by(stack, user) for user in USERS} == {stable.name}


async def test_a_stage_that_lost_the_canary_changes_nothing_for_its_users(
    stable: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    policy = Policy(1, stable.name, OTHER, weight=100.0, lease_seconds=60.0)
    async with serving(stable, own_redis, leader, policy, lease=60.0) as stack:
        assert await answered_by(stack, "before") == OTHER
        shutil.rmtree(stable.parent / OTHER)
        rank = f"127.0.0.1:{stack.servers['rank'].port}"
        async with open_channel(rank) as channel:
            await ReleaseClient(channel, PATIENCE).unload(OTHER)
        made = await stack.recommend("u", k=5)
        assert (made.release, len(made.items), list(made.degraded)) == (stable.name, 5, [])
        notes = (await stack.explain("u")).stages[0].notes
        assert "about 5 items seen" in notes, "they were marked once"
        where = f"rank {rank}"
        report = await reported(
            leader, lambda report: report.stages[where].get(OTHER, "")[:3] == "ref"
        )
        assert report.stages[where][OTHER].startswith(f"refused: no release {OTHER}")
        assert report.stages["gateway"][OTHER] == "loaded"
        assert lists(report)[OTHER, Arm.CANARY] == 1


async def test_what_users_do_is_counted_for_their_arm(
    stable: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    policy = split(stable)
    users = {assign(user, policy).arm: user for user in USERS}
    async with serving(stable, own_redis, leader, policy, lease=60.0) as stack:
        for arm, user in users.items():
            shown = ids((await stack.recommend(user, k=5)).items)
            events = [
                pb.UserEvent(event_id=f"{arm} {i}", user_id=user, item_id=shown[i], type=kind)
                for i, kind in enumerate(ACTS)
            ]
            for _ in range(2):
                await stack.stub.RecordEvents(pb.RecordEventsRequest(events=events))
        report = await reported(leader, lambda report: len(lists(report)) == 3)
    judged = [lane for lane in report.lanes if lane.arm is not Arm.STABLE]
    assert len(judged) == 2
    for lane in judged:
        groups = [lane.histograms[f"user_{what}"] for what in ("lists", "clicks", "conversions")]
        assert [int(group.sum()) for group in groups] == [1, 1, 1], "sent again, they are not new"


async def test_a_gateway_that_starts_without_the_stable_release_serves_its_own(
    stable: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    policy = Policy(1, "nowhere")
    async with serving(stable, own_redis, leader, policy, lease=0) as stack:
        assert await answered_by(stack, "u") == stable.name
        report = await reported(leader, lambda report: report.stages)
        assert report.stable == stable.name
        states = {name.split()[0]: states["nowhere"] for name, states in report.stages.items()}
        assert set(states) == {"gateway", "recall", "prerank", "rank", "rerank"}
        assert all(state.startswith("refused: no release nowhere") for state in states.values())
