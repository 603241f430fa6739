"""A shadow beside real services: what it is asked, what is made of it, and that no user notices."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis.asyncio
from prometheus_client import REGISTRY
from recsys.rank.v1 import rank_pb2

from models.schema import layout
from models.schema.manifest import Manifest, hash_files
from services.domain.traffic import Arm, Policy, Shadow
from services.domain.traffic_report import (
    GATEWAYS_KEY,
    GatewayReport,
    LaneReport,
    parse,
    report_key,
)
from services.gateway.shadow.tally import ENDS
from services.rank.servicer import RankServicer
from tests.integration.stack import Stack, ids, running
from tests.redis import RedisServer, own_redis
from tests.releases import another_release, release, release_copy
from tests.traffic import publish

__all__ = ["own_redis", "release", "release_copy"]

PATIENCE = 60.0
K = 8
ALL = 100.0
OF_ALL = re.compile("shadow|batch_queries|retries")  # calls of stages, whoever asks


@pytest.fixture
async def leader(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """Writes the policy and reads the reports, as the rollout does."""
    async with redis.asyncio.Redis(port=own_redis.port) as client:
        yield client


def other_release(release: Path) -> Path:
    """One whose rank takes each item for another."""
    other = another_release(release, "other")
    items = np.load(other / layout.RANK_ITEMS)
    np.save(other / layout.RANK_ITEMS, items[::-1])
    replace(Manifest.read(other), files=hash_files(other)).write(other)
    return other


async def reported(leader: redis.asyncio.Redis) -> GatewayReport | None:
    """What the only gateway reported last."""
    for gateway in await leader.zrange(GATEWAYS_KEY, 0, -1):
        if document := await leader.get(report_key(str(gateway, "utf-8"))):  # type: ignore[arg-type]
            return parse(document)
    return None


async def lane(leader: redis.asyncio.Redis, requests: int) -> LaneReport:
    """The shadow's lane, when it was offered so many requests."""
    async with asyncio.timeout(PATIENCE):
        while True:
            report = await reported(leader)
            for lane in report.lanes if report else ():
                if lane.arm is Arm.SHADOW and sum(lane.sums[end] for end in ENDS) >= requests:
                    return lane
            await asyncio.sleep(0.05)


async def applied(leader: redis.asyncio.Redis, policy: Policy) -> None:
    """Returns when the policy is applied, and all that it names is loaded."""
    loaded = dict.fromkeys(policy.releases, "loaded")
    async with asyncio.timeout(PATIENCE):
        while True:
            report = await reported(leader)
            there = report is not None and report.version == policy.version
            if report and there and all(one == loaded for one in report.stages.values()):
                return
            await asyncio.sleep(0.05)


async def seen(stack: Stack, user: str) -> str:
    """How much of a user's is known as seen, as Explain tells."""
    explained = await stack.explain(user, k=K)
    (store,) = [stage for stage in explained.stages if stage.stage == "feature_store"]
    (note,) = [note for note in store.notes if note.endswith("items seen")]
    return note


def user_counts() -> dict[str, float]:
    """What Prometheus reads of users' requests, and of the stages that they asked."""
    return {
        f"{sample.name}{sample.labels}": sample.value
        for family in REGISTRY.collect()
        if family.name.startswith("recstack_gateway") and not OF_ALL.search(family.name)
        for sample in family.samples
        if sample.name.endswith(("_total", "_count"))
    }


async def test_a_copy_gives_the_same_lists(
    release_copy: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    copy = another_release(release_copy, "copy").name
    await publish(leader, Policy(1, release_copy.name, shadow=Shadow(copy, ALL, 64)))
    async with running(release_copy, own_redis) as stack:
        answers = [await stack.recommend(f"user {n % 4}", k=K) for n in range(12)]
        found = await lane(leader, 12)
    assert not any(answer.degraded for answer in answers)
    assert {answer.release for answer in answers} == {release_copy.name}
    sums = found.sums
    assert found.release == copy
    assert sums["compared"] == sums["overlap"] == sums["correlated"] == sums["drifted"] == 12
    assert sums["correlation"] == pytest.approx(12)
    assert sums["drift"] == pytest.approx(0, abs=1e-5)
    assert sums["seconds"] > 0
    assert sums["stable_seconds"] > 0
    shown = {answer.request_id: tuple(ids(answer.items)) for answer in answers}
    assert len(found.examples) == 12
    for example in found.examples:
        assert example.stable == example.shadow == shown[example.request_id]


async def test_another_release_differs_and_shows_nothing_to_anyone(
    release_copy: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    other = other_release(release_copy).name
    await publish(leader, Policy(1, release_copy.name, shadow=Shadow(other, ALL, 64)))
    async with running(release_copy, own_redis) as stack:
        for n in range(6):
            assert len((await stack.recommend(f"user {n}", k=K)).items) == K
        found = await lane(leader, 6)
        assert {await seen(stack, f"user {n}") for n in range(6)} == {f"about {K} items seen"}
    assert found.sums["compared"] == 6
    assert found.sums["overlap"] < 6
    assert any(example.stable != example.shadow for example in found.examples)


async def test_a_shadow_is_in_no_count_of_users(
    release_copy: Path, own_redis: RedisServer, leader: redis.asyncio.Redis
) -> None:
    """The same requests count the same, whether a shadow fails beside them or there is none."""
    other = other_release(release_copy).name
    grown: list[dict[str, float]] = []
    async with running(release_copy, own_redis) as stack:
        for version, shadow in ((1, None), (2, Shadow(other, ALL, 64))):
            policy = Policy(version, release_copy.name, shadow=shadow)
            await publish(leader, policy)
            await applied(leader, policy)
            before = user_counts()
            for n in range(5):
                await stack.recommend(f"user {version} {n}", k=K)
            if shadow is not None:
                assert (await lane(leader, 5)).sums["compared"] == 5
            after = user_counts()
            grown.append({name: after[name] - before.get(name, 0) for name in after})
    assert grown[0] == grown[1]


async def test_a_shadow_that_hangs_changes_nothing_for_users(
    release_copy: Path,
    own_redis: RedisServer,
    leader: redis.asyncio.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = other_release(release_copy).name
    asked = 0
    rank = RankServicer.Rank

    async def hanging(self: RankServicer, request: rank_pb2.RankRequest, context: Any) -> Any:
        nonlocal asked
        if request.queries[0].release == other:
            asked += 1
            await asyncio.Event().wait()
        return await rank(self, request, context)

    monkeypatch.setattr(RankServicer, "Rank", hanging)
    await publish(leader, Policy(1, release_copy.name, shadow=Shadow(other, ALL, 2)))
    async with running(release_copy, own_redis) as stack:
        users = [f"user {n}" for n in range(12)]
        expected = [ids((await stack.explain(user, k=K)).response.items) for user in users]
        answers = await asyncio.gather(*(stack.recommend(user, k=K) for user in users))
        assert [ids(answer.items) for answer in answers] == expected
        assert not any(answer.degraded for answer in answers)
        found = await lane(leader, 10)
        assert {end: found.sums[end] for end in ENDS if found.sums[end]} == {"dropped": 10}
        again = await asyncio.gather(*(stack.recommend(user, k=K) for user in users))
        assert not any(answer.degraded for answer in again)
        assert (await lane(leader, 22)).sums["dropped"] == 22
        assert asked
