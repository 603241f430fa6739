"""The rollout service, a gateway or Redis killed, frozen or cut off while a canary has users."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from services.rollout.phase import Phase
from services.rollout.record import Kind
from tests.integration.rollout_stack import (
    LEASE,
    RolloutStack,
    asking,
    canary_users,
    eventually,
    rolling_out,
)
from tests.redis import RedisServer, own_redis
from tests.releases import another_release, release, release_copy

__all__ = ["own_redis", "release", "release_copy"]

CANARY = "canary"
APPLIED = 1.0  # seconds, within which every gateway that reaches Redis follows a decision
SLACK = 1.5  # of a busy machine: a gateway looks at its clock when a request comes


@pytest.fixture
async def stack(
    release_copy: Path, own_redis: RedisServer, tmp_path: Path
) -> AsyncIterator[RolloutStack]:
    """A stack with half of its users on the canary."""
    another_release(release_copy, CANARY)
    async with rolling_out(release_copy, CANARY, own_redis, tmp_path / "stack") as running:
        yield running


async def log_of(stack: RolloutStack) -> list[str]:
    """The audit log with every look, oldest first, an id an entry."""
    entries = await asyncio.to_thread(stack.rollouts.decisions, 1000, holds=True)
    return [entry.id for entry in reversed(entries)]


async def decided_since(stack: RolloutStack, log: list[str]) -> list[Kind]:
    """What was decided beyond a log, oldest first."""
    decided = await asyncio.to_thread(stack.rollouts.decisions)
    return [entry.kind for entry in reversed(decided) if entry.id not in log]


async def test_the_rollout_service_killed_or_frozen(
    stack: RolloutStack, release_copy: Path
) -> None:
    before, log = await stack.record(), await log_of(stack)
    users = canary_users(before)
    async with asking(stack, users[:2]) as errors:
        stack.signal("rollout", signal.SIGKILL)
        assert_same(before, await stack.record())
        await eventually(lambda: decided_since(stack, log), lambda new: new == [Kind.TAKEN_UP])
        for gateway in (0, 1):
            await stack.until_served(gateway, users, CANARY)

        stack.signal("rollout", signal.SIGSTOP)
        for gateway in (0, 1):
            assert await stack.until_served(gateway, users, release_copy.name) < LEASE + SLACK
        await asyncio.sleep(LEASE)
        assert await stack.served(0, users) == {release_copy.name}  # it does not come back
        stack.signal("rollout", signal.SIGCONT)
        for gateway in (0, 1):
            await stack.until_served(gateway, users, CANARY)
        assert_same(before, await stack.record())
    assert (await log_of(stack))[: len(log)] == log
    assert await decided_since(stack, log) == [Kind.TAKEN_UP] * 2
    assert errors == []


def assert_same(before: object, after: object) -> None:
    """What was decided is as it was."""
    names = ("rollout", "phase", "step", "percent", "release", "stable")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


async def test_redis_frozen_or_killed(
    stack: RolloutStack, release_copy: Path, own_redis: RedisServer
) -> None:
    before, log = await stack.record(), await log_of(stack)
    users = canary_users(before)
    async with asking(stack, users[:2]) as errors:
        os.kill(own_redis.pid, signal.SIGSTOP)
        for gateway in (0, 1):
            assert await stack.until_served(gateway, users, release_copy.name) < LEASE + SLACK
        os.kill(own_redis.pid, signal.SIGCONT)
        for gateway in (0, 1):
            await stack.until_served(gateway, users, CANARY)

        await asyncio.sleep(1.5)  # what is acknowledged is on disk within a second
        own_redis.kill()
        for gateway in (0, 1):
            assert await stack.until_served(gateway, users, release_copy.name) < LEASE + SLACK
        await asyncio.to_thread(own_redis.start)
        for gateway in (0, 1):
            await stack.until_served(gateway, users, CANARY)
        assert_same(before, await stack.record())
    assert (await log_of(stack))[: len(log)] == log
    assert errors == []


async def test_a_gateway_killed_frozen_or_cut_off(stack: RolloutStack, release_copy: Path) -> None:
    users = canary_users(await stack.record())
    stack.signal("gateway", signal.SIGKILL)
    await eventually(lambda: _serves(stack, users), bool)
    await stack.until_served(0, users, CANARY)

    stack.signal("gateway", signal.SIGSTOP)
    stack.link.cut()
    async with asking(stack, []) as errors:
        decided = time.monotonic()
        assert (await stack.command("abort")).phase is Phase.ROLLED_BACK
        assert await stack.until_served(1, users, release_copy.name) < LEASE + SLACK
        await asyncio.sleep(max(0.0, decided + LEASE - time.monotonic()))
        stack.signal("gateway", signal.SIGCONT)
        assert await stack.served(0, users) == {release_copy.name}
        assert await stack.served(1, users) == {release_copy.name}
    assert errors == []


async def _serves(stack: RolloutStack, users: list[str]) -> bool:
    try:
        return bool(await stack.served(0, users))
    except grpc.aio.AioRpcError:
        return False


async def test_after_a_rollback_every_request_is_on_stable(
    stack: RolloutStack, release_copy: Path
) -> None:
    users = canary_users(await stack.record())
    async with asking(stack, users) as errors:
        await stack.command("abort")
        decided = time.monotonic()
        for gateway in (0, 1):
            await stack.until_served(gateway, users, release_copy.name)
        await asyncio.sleep(APPLIED)
        for gateway in (0, 1):
            await stack.served(gateway, users)
    late = [asked for asked in stack.asked if asked.started > decided + APPLIED]
    assert late
    assert {asked.release for asked in late} == {release_copy.name}
    assert errors == []
