"""The rollout service on a real Redis, with gateways that follow it and say what they count."""

import json
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio
from pydantic import SecretStr

from recstack.redis_server import Access
from recstack.redis_users import OPERATOR, password_file, write_users
from services.chassis.redis import Login, RedisError, open_redis, read_password
from services.domain.traffic import Policy
from services.domain.traffic_document import LEASE_KEY, POLICY_KEY
from services.domain.traffic_report import GATEWAYS_KEY, report_key
from services.gateway.traffic.follow import Follower
from services.gateway.traffic.store import TrafficStore
from services.rollout.document import dump_entry
from services.rollout.errors import BadRequestError, ConflictError, NotLeaderError
from services.rollout.leader import LeaderConfig
from services.rollout.phase import Phase
from services.rollout.record import Kind
from services.rollout.rollouts import Rollouts
from services.rollout.store import LEADER_KEY, LOG_KEY, RECORD_KEY
from services.rollout.wire import decode_entry, encode_entry
from tests.redis import RedisServer, own_redis, running
from tests.rollouts import CANARY, SPEC, STABLE, Clock, FakeGateway

__all__ = ["own_redis"]

TICK = 0.5
LONG = 60.0  # leases: nothing expires because the machine is slow
PATIENCE = 30.0


class World:
    """Gateways on a Redis, and processes that may lead; time passes when `run` says so."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self.client = client
        self.clock = Clock()
        self.gateways = [FakeGateway("g0"), FakeGateway("g1")]
        self.traffic = TrafficStore(client)
        self.follower = Follower(self.traffic, Policy(0, STABLE))
        self.leaders = [self.rollouts("first")]

    def rollouts(self, name: str) -> Rollouts:
        config = LeaderConfig(name, TICK, LONG, LONG, self.clock)
        return Rollouts(self.client, config)

    @property
    def first(self) -> Rollouts:
        return self.leaders[0]

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.clock.now += TICK
            assert await self.follower.refresh()
            for gateway in self.gateways:
                gateway.policy = self.follower.applied
                gateway.serve(TICK)
                await self.traffic.report(gateway.report())
            for leader in self.leaders:
                await leader.tick()

    async def until(self, done: Callable[[], bool], seconds: float = 120) -> None:
        for _ in range(round(seconds / TICK)):
            if done():
                return
            await self.run(TICK)
        raise AssertionError(f"not within {seconds} s: {self.first.record}")

    async def ended(self) -> Phase:
        await self.until(lambda: self.first.record is not None and self.first.record.ended)
        assert self.first.record is not None
        return self.first.record.phase


@pytest.fixture
async def client(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    client = open_redis(SecretStr(own_redis.url), timeout=PATIENCE, retries=0)
    yield client
    await client.aclose()


@pytest.fixture
async def world(client: redis.asyncio.Redis) -> World:
    world = World(client)
    await world.run(TICK)
    return world


async def test_a_good_release_is_promoted(world: World) -> None:
    started = await world.first.start(CANARY, SPEC, "", "ann")
    assert (started.phase, started.stable) == (Phase.PREPARING, STABLE)
    with pytest.raises(ConflictError, match="one at a time"):
        await world.first.start("r3", SPEC, "", "bob")
    assert await world.ended() is Phase.PROMOTED
    await world.run(TICK)
    assert world.follower.applied.releases == (CANARY,)
    assert await world.client.get(LEASE_KEY) is None
    log = await world.first.decisions(1000, started.rollout, holds=True)
    kinds = [entry.kind for entry in log if entry.kind is not Kind.HOLD]
    assert kinds == [Kind.ADVANCE, Kind.ADVANCE, Kind.PREPARED, Kind.STARTED], "newest first"
    assert [entry.at for entry in log] == sorted((e.at for e in log), reverse=True)
    looks = [entry for entry in log if entry.verdicts]
    assert len(looks) >= 40
    for entry in looks:
        assert {verdict.guard for verdict in entry.verdicts} == {"errors", "lists"}
        assert entry.arms["canary"]["requests"] == entry.arms["control"]["requests"]
    numbers = looks[0].verdicts[0].numbers
    assert {"canary", "control", "evidence", "threshold"} <= numbers.keys()
    assert await world.first.decisions(3, holds=True) == log[:3]
    decided = [entry for entry in log if entry.kind is not Kind.HOLD]
    assert await world.first.decisions(4) == decided, "looks that hold push out nothing"
    assert await world.first.decisions(10, "another") == []


async def test_a_bad_release_is_rolled_back(world: World) -> None:
    world.gateways[1].errors = 0.2
    await world.first.start(CANARY, SPEC, "", "ann")
    assert await world.ended() is Phase.ROLLED_BACK
    await world.run(TICK)
    assert world.follower.assign("anybody").release == STABLE
    view = await world.first.view()
    assert view.record is not None
    assert "errors: worse" in view.record.why
    assert {gateway.lacks for gateway in view.gateways} == {()}


async def test_a_release_that_is_refused_never_has_users(world: World) -> None:
    world.gateways[0].stages["rank"] = {STABLE: "loaded", CANARY: "refused: hash"}
    await world.first.start(CANARY, SPEC, "", "ann")
    assert await world.ended() is Phase.REFUSED


async def test_without_reports_nothing_goes_on(world: World) -> None:
    await world.first.start(CANARY, SPEC, "", "ann")
    await world.run(5)
    gone, world.gateways[:] = list(world.gateways), []
    await world.client.delete(GATEWAYS_KEY)  # silent for as long as reports are kept
    await world.run(60)
    view = await world.first.view()
    assert view.record is not None
    assert (view.record.phase, view.record.step, view.gateways) == (Phase.RUNNING, 0, ())
    world.gateways[:] = gone[:1]
    assert await world.ended() is Phase.PROMOTED


async def test_of_two_that_compete_one_leads(world: World) -> None:
    world.leaders.append(world.rollouts("second"))
    await world.first.start(CANARY, SPEC, "", "ann")
    await world.run(5)
    assert [leader.leads for leader in world.leaders] == [True, False]
    with pytest.raises(NotLeaderError, match="ask first"):
        await world.leaders[1].abort("bob", "")
    await world.client.delete(LEADER_KEY)  # the first stood still for too long
    await world.leaders[1].tick()
    await world.first.tick()
    assert [leader.leads for leader in world.leaders] == [False, True]
    world.leaders.reverse()
    assert await world.ended() is Phase.PROMOTED
    log = await world.leaders[1].decisions(1000)
    assert [entry.leader for entry in log if entry.kind is Kind.TAKEN_UP] == ["second"]
    await world.leaders[0].__aexit__(None, None, None)
    await world.leaders[1].tick()
    assert world.leaders[1].leads


async def test_what_a_frozen_leader_wrote_is_refused(world: World) -> None:
    await world.first.start(CANARY, SPEC, "", "ann")
    await world.run(5)
    await world.client.set(LEADER_KEY, "0123 second", px=60_000)
    before = [await world.client.get(key) for key in (RECORD_KEY, POLICY_KEY)]
    await world.first.tick()
    with pytest.raises(NotLeaderError, match="ask second"):
        await world.first.promote("ann", "")
    assert before == [await world.client.get(key) for key in (RECORD_KEY, POLICY_KEY)]


async def test_what_cannot_be_logged_is_not_done(world: World) -> None:
    await world.first.start(CANARY, SPEC, "", "ann")
    await world.run(5)
    assert await world.client.get(LEASE_KEY) is not None
    log = await world.client.dump(LOG_KEY)
    assert log is not None
    await world.client.set(LOG_KEY, "no log")
    before = [await world.client.get(key) for key in (RECORD_KEY, POLICY_KEY)]
    with pytest.raises(RedisError, match="WRONGTYPE"):
        await world.first.abort("ann", "")
    assert before == [await world.client.get(key) for key in (RECORD_KEY, POLICY_KEY)]
    await world.client.restore(LOG_KEY, 0, log, replace=True)
    assert (await world.first.abort("ann", "")).phase is Phase.ROLLED_BACK


async def test_entries_of_another_version_are_left_out(world: World) -> None:
    """What is left is what the service can tell: none of it takes the history with it."""
    await world.first.start(CANARY, SPEC, "", "ann")
    known = await world.first.decisions(10)
    entry = json.loads(dump_entry(known[0]))
    for other in ({"phase": "halted"}, {"step": 1 << 31}, {"kind": "moved"}):
        await world.client.xadd(LOG_KEY, {"e": json.dumps(entry | other)})
    await world.client.xadd(LOG_KEY, {"another": "field"})
    found = await world.first.decisions(10)
    assert found == known
    assert [decode_entry(encode_entry(one)) for one in found] == known


async def test_the_shadow_of_nobodys_rollout(world: World) -> None:
    with pytest.raises(BadRequestError, match="percent"):
        await world.first.start_shadow(CANARY, 0, 4, "ann")
    with pytest.raises(BadRequestError, match="is the stable one"):
        await world.first.start_shadow(STABLE, 5, 4, "ann")
    view = await world.first.start_shadow(CANARY, 5, 4, "ann")
    assert (view.release, view.percent, view.at_once) == (CANARY, 5, 4)
    await world.run(TICK)
    shadow = world.follower.applied.shadow
    assert shadow is not None
    assert shadow.release == CANARY
    assert (await world.first.stop_shadow("ann")).release == ""
    with pytest.raises(ConflictError, match="no shadow"):
        await world.first.stop_shadow("ann")
    log = await world.first.decisions(10)
    assert [entry.kind for entry in log] == [Kind.SHADOW_STOPPED, Kind.SHADOW_STARTED]


@pytest.mark.parametrize(
    ("release", "spec", "stable", "why"),
    [
        ("../r2", SPEC, "", "release"),
        (CANARY, "steps: []", "", "spec: .*guards"),
        (CANARY, SPEC.replace("errors", "eror"), "", "no such guard"),
        (CANARY, SPEC, CANARY, "stable one"),
        (STABLE, SPEC, "", "stable one already"),
    ],
)
async def test_bad_orders(world: World, release: str, spec: str, stable: str, why: str) -> None:
    with pytest.raises(BadRequestError, match=why):
        await world.first.start(release, spec, stable, "ann")
    assert await world.client.get(RECORD_KEY) is None


async def test_a_report_that_cannot_be_read_is_told(world: World) -> None:
    await world.client.set(report_key("g0"), "{")
    assert any("g0" in problem for problem in (await world.first.view()).problems)


async def test_redis_is_killed_and_comes_back(own_redis: RedisServer, world: World) -> None:
    await world.first.start(CANARY, SPEC, "", "ann")
    await world.run(5)
    own_redis.kill()
    await world.first.tick()
    with pytest.raises(RedisError):
        await world.first.view()
    own_redis.start()
    assert await world.ended() is Phase.PROMOTED


async def test_its_user_of_redis_may_do_all_that(tmp_path_factory: pytest.TempPathFactory) -> None:
    secrets = tmp_path_factory.mktemp("secrets")
    users = write_users(secrets)
    operator = read_password(password_file(secrets, OPERATOR))
    folder = tmp_path_factory.mktemp("redis")
    with running(folder, password=operator, access=Access(users)) as server:
        url = SecretStr(server.url)
        login = Login("rollout", password_file(secrets, "rollout"))
        async with (
            open_redis(url, login) as own,
            open_redis(url, Login("gateway", password_file(secrets, "gateway"))) as gateway,
        ):
            world = World(own)
            world.traffic = TrafficStore(gateway)
            world.follower = Follower(world.traffic, Policy(0, STABLE))
            await world.run(TICK)
            await world.first.start(CANARY, SPEC, "", "ann")
            assert await world.ended() is Phase.PROMOTED
            await world.first.start_shadow(STABLE, 5, 4, "ann")
            assert len(await world.first.decisions(1000, holds=True)) > 40
            async with world.rollouts("second"):
                pass
            await world.first.__aexit__(None, None, None)
