"""Gateways follow the traffic policy of a real Redis, which is frozen, killed and spoilt."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import redis.asyncio
from pydantic import SecretStr

from recstack.redis_server import Access
from recstack.redis_users import OPERATOR, password_file, write_users
from services.chassis.redis import Login, open_redis, read_password
from services.domain.traffic import Arm, Policy
from services.domain.traffic_document import LEASE_KEY, POLICY_KEY
from services.domain.traffic_report import (
    GATEWAYS_KEY,
    GatewayReport,
    LaneReport,
    parse,
    report_key,
)
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.follow import FOLLOW_SECONDS, Follower, FollowerConfig
from services.gateway.traffic.open import TIMEOUT_SECONDS, Traffic, open_traffic
from services.gateway.traffic.report import Standing, TrafficReporter
from services.gateway.traffic.store import TrafficStore
from tests.redis import RedisServer, own_redis, running
from tests.traffic import publish
from tests.unit.gateway.clock import Clock

__all__ = ["own_redis"]

FIRST = Policy(0, "first")
LEASED = Policy(5, "a", "b", weight=100.0, lease_seconds=60.0)
PATIENCE = 30.0
ROOT = Path(__file__).parents[2]
LANE = LaneReport("b", Arm.CANARY, {"requests": 7}, {"latency": np.array([1, 6], np.int64)})


@pytest.fixture
async def leader(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """Writes the policy, as the rollout does."""
    client = open_redis(SecretStr(own_redis.url), timeout=PATIENCE)
    yield client
    await client.aclose()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def reported(leader: redis.asyncio.Redis, gateway: str) -> GatewayReport:
    """What a gateway reported last."""
    document = await leader.get(report_key(gateway))
    assert document is not None
    return parse(document)


def settings(server: RedisServer, folder: Path | None = None) -> GatewaySettings:
    file = folder / "policy.json" if folder else None
    return GatewaySettings(redis_url=SecretStr(server.url), policy_file=file)


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


def serves(traffic: Traffic, release: str) -> Callable[[], bool]:
    return lambda: traffic.follower.assign("u").release == release


def test_a_change_is_read_within_a_second() -> None:
    assert FOLLOW_SECONDS + TIMEOUT_SECONDS < 1.0


async def test_every_gateway_follows(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack
) -> None:
    both = [await open_traffic(settings(own_redis), stack, FIRST) for _ in range(2)]
    assert [one.follower.assign("u").release for one in both] == ["first"] * 2
    for policy, release in (
        (LEASED, "b"),
        (Policy(6, "a", "b"), "a"),
        (Policy(7, "c"), "c"),
    ):
        await publish(leader, policy)
        for one in both:
            await until(serves(one, release))
            assert one.follower.applied == policy


async def test_a_policy_that_is_there_holds_from_the_first_request(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack
) -> None:
    await publish(leader, LEASED)
    traffic = await open_traffic(settings(own_redis), stack, FIRST)
    assert serves(traffic, "b")()


async def test_a_leader_that_is_gone_loses_its_canary(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack
) -> None:
    await publish(leader, LEASED, seconds=0.5)
    traffic = await open_traffic(settings(own_redis), stack, FIRST)
    await until(serves(traffic, "a"))
    assert traffic.follower.applied == LEASED
    await publish(leader, LEASED)
    await until(serves(traffic, "b"))


async def test_a_frozen_redis(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack
) -> None:
    await publish(leader, LEASED, seconds=2.0)
    traffic = await open_traffic(settings(own_redis), stack, FIRST)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        await until(serves(traffic, "a"))
        assert traffic.follower.applied == LEASED
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    await until(lambda: traffic.follower.age < TIMEOUT_SECONDS)
    assert serves(traffic, "a")(), "its lease has expired in Redis too"
    await publish(leader, LEASED)
    await until(serves(traffic, "b"))


async def test_a_gateway_that_was_frozen_wakes_up_on_stable(
    own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    module = "tests.integration.following"
    command = (sys.executable, "-m", module, own_redis.url)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as gateway:
        try:
            assert asked(gateway) == "first"
            await publish(leader, LEASED, seconds=3.0)
            await until(lambda: asked(gateway) == "b")
            gateway.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(PATIENCE):
                while await leader.exists(LEASE_KEY):
                    await asyncio.sleep(0.05)
            own_redis.kill()  # it wakes up alone
            gateway.send_signal(signal.SIGCONT)
            assert asked(gateway) == "a"
        finally:
            gateway.kill()


def asked(gateway: "subprocess.Popen[str]") -> str:
    """The release that serves a user, by a gateway that follows in a process of its own."""
    assert gateway.stdin
    assert gateway.stdout
    print("u", file=gateway.stdin, flush=True)
    while not (line := gateway.stdout.readline()).startswith("serves"):
        assert line, "it has ended"
    return line.split()[1]


async def test_a_redis_that_dies_and_comes_back(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack, tmp_path: Path
) -> None:
    await publish(leader, LEASED, seconds=2.0)
    traffic = await open_traffic(settings(own_redis, tmp_path), stack, FIRST)
    await until((tmp_path / "policy.json").exists)
    own_redis.kill()
    await until(serves(traffic, "a"))
    another = await open_traffic(settings(own_redis, tmp_path), stack, FIRST)
    assert serves(another, "a")(), "of the copy"
    assert another.follower.applied.releases == ("a", "b")
    own_redis.start()
    await publish(leader, LEASED)
    for one in (traffic, another):
        await until(serves(one, "b"))


@pytest.mark.parametrize("spoil", ["not json", "of another type", "gone"])
async def test_a_spoilt_policy_changes_nothing(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack, spoil: str
) -> None:
    await publish(leader, LEASED)
    traffic = await open_traffic(settings(own_redis), stack, FIRST)
    await leader.delete(POLICY_KEY)
    if spoil == "not json":
        await leader.set(POLICY_KEY, b"\xff")
    elif spoil == "of another type":
        await leader.rpush(POLICY_KEY, "x")
    for _ in range(3):
        await traffic.follower.refresh()
    assert serves(traffic, "b")()
    assert bool(traffic.follower.malformed) == (spoil == "not json")
    await publish(leader, Policy(6, "c"))
    await until(serves(traffic, "c"))
    assert not traffic.follower.malformed


async def test_gateways_report(own_redis: RedisServer, leader: redis.asyncio.Redis) -> None:
    await publish(leader, LEASED)
    await leader.zadd(GATEWAYS_KEY, {"gone": 1.0})
    clock = Clock()
    store = TrafficStore(leader)
    follower = Follower(store, FIRST, FollowerConfig(clock=clock))
    await follower.refresh()
    standing = Standing({"gateway": {"a": "loaded"}}, (LANE,), "a")
    for name in ("one", "two"):
        async with TrafficReporter(store, name, follower, lambda: standing, clock):
            clock.move(30.0)
    assert await leader.zrange(GATEWAYS_KEY, 0, -1) == [b"one", b"two"]
    for name, leased in (("one", True), ("two", False)):
        assert 0 < await leader.pttl(report_key(name)) <= 5000
        report = await reported(leader, name)
        assert (report.gateway, report.seconds, report.version) == (name, 30.0, 5)
        assert report.leased == leased
        assert (report.stages, report.stable) == (standing.stages, "a")
        assert report.lanes[0].sums == {"requests": 7}
        assert report.lanes[0].histograms["latency"].tolist() == [1, 6]
    assert 0 < await leader.pttl(GATEWAYS_KEY) <= 5000


async def test_a_report_tells_the_newest_version_that_was_there(
    own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    store = TrafficStore(leader)
    follower = Follower(store, FIRST, FollowerConfig(clock=Clock()))
    for policy in (LEASED, Policy(3, "a")):
        await publish(leader, policy)
        await follower.refresh()
    assert follower.applied.version == 3
    standing = Standing({}, (), "a")
    reporter = TrafficReporter(store, "one", follower, lambda: standing, Clock())
    assert reporter.report().version == 5


async def test_reports_go_on_after_redis_was_away(
    own_redis: RedisServer, leader: redis.asyncio.Redis, stack: AsyncExitStack
) -> None:
    own_redis.kill()
    traffic = await open_traffic(settings(own_redis), stack, FIRST)
    await traffic.report(lambda: Standing({}, (LANE,), "a"), stack)
    await asyncio.sleep(0)
    own_redis.start()
    async with asyncio.timeout(PATIENCE):
        while not await leader.zcard(GATEWAYS_KEY):
            await asyncio.sleep(0.01)


async def test_the_users_of_redis_can_do_that(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    access = Access(write_users(secrets))
    operator = read_password(password_file(secrets, OPERATOR))
    with running(tmp_path / "redis", password=operator, access=access) as server:
        url = SecretStr(server.url)
        leader = open_redis(url, Login(OPERATOR, password_file(secrets, OPERATOR)))
        gateway = open_redis(url, Login("gateway", password_file(secrets, "gateway")))
        async with leader, gateway:
            await publish(leader, LEASED)
            store = TrafficStore(gateway)
            follower = Follower(store, FIRST)
            assert await follower.refresh()
            assert follower.assign("u").release == "b"
            standing = Standing({}, (), "a")
            async with TrafficReporter(store, "one", follower, lambda: standing, Clock()):
                pass
            assert await leader.zrangebyscore(GATEWAYS_KEY, "-inf", "+inf") == [b"one"]
            assert (await reported(leader, "one")).version == 5
