"""Stages and Redis die and hang while requests run: every request is answered."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc

from services.chassis.channel import open_channel
from tests.e2e.stack import RunningStack, alive

Harm = Callable[[RunningStack, str], Awaitable[None]]

VICTIMS = ("feature_store", "recall", "prerank", "rank", "rerank", "redis")
CALLERS = 4
DEADLINE = 1.0  # twice what the gateway promises, for a loaded machine; a later answer is a failure
DEGRADED = 20  # answers that skip something before the victim comes back
FULL_AGAIN = 20  # full answers in a row that count as recovered
BACK_WITHIN = 10.0


@dataclass
class Traffic:
    """Answers so far. A request that fails ends the test: the caller's exception is raised."""

    skipped: Counter[str] = field(default_factory=Counter)
    degraded: int = 0
    full_in_a_row: int = 0
    failed: BaseException | None = None

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                if self.failed:
                    raise self.failed
                await asyncio.sleep(0.02)


@asynccontextmanager
async def traffic(stack: RunningStack) -> AsyncIterator[Traffic]:
    """Callers that ask one after another for as long as the context is open, and never twice."""
    seen = Traffic()

    async def caller(stub: Any, first: int) -> None:
        user = first
        while True:
            request = gateway_pb2.RecommendRequest(user_id=str(1 + user % 943), k=5)
            answer = await stub.Recommend(request, timeout=DEADLINE)
            assert len({item.item_id for item in answer.items}) == 5
            seen.skipped.update(degradation.stage for degradation in answer.degraded)
            seen.degraded += bool(answer.degraded)
            seen.full_in_a_row = 0 if answer.degraded else seen.full_in_a_row + 1
            user += CALLERS

    def note(task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            seen.failed = task.exception()

    async with open_channel(stack.grpc) as channel:
        stub = gateway_pb2_grpc.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
        callers = [asyncio.create_task(caller(stub, first)) for first in range(CALLERS)]
        for task in callers:
            task.add_done_callback(note)
        yield seen
        for task in callers:
            task.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    if seen.failed:
        raise seen.failed


def recovered(seen: Traffic) -> Callable[[], bool]:
    return lambda: seen.full_in_a_row >= FULL_AGAIN


def stage(victim: str) -> str:
    """What answers skip while the victim is away."""
    return "feature_store" if victim == "redis" else victim


async def kill(stack: RunningStack, victim: str) -> None:
    """Kills it, and waits until answers have skipped it, it was started again and they are full."""
    async with traffic(stack) as seen:
        await seen.until(recovered(seen), BACK_WITHIN)
        seen.skipped.clear()
        pid = stack.pids()[victim]
        os.kill(pid, signal.SIGKILL)
        await seen.until(lambda: not alive(pid), BACK_WITHIN)
        await seen.until(lambda: victim in stack.pids(), BACK_WITHIN)
        seen.full_in_a_row = 0
        await seen.until(recovered(seen), BACK_WITHIN)
    assert seen.skipped[stage(victim)] > 0
    assert stack.pids()[victim] != pid


async def freeze(stack: RunningStack, victim: str) -> None:
    """Freezes it until answers have skipped it, thaws it, and waits until answers are full."""
    async with traffic(stack) as seen:
        await seen.until(recovered(seen), BACK_WITHIN)
        seen.skipped.clear()
        seen.degraded = 0
        pid = stack.pids()[victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            await seen.until(lambda: seen.degraded >= DEGRADED, 3 * BACK_WITHIN)
        finally:
            os.kill(pid, signal.SIGCONT)
        seen.full_in_a_row = 0
        await seen.until(recovered(seen), BACK_WITHIN)
    assert seen.skipped[stage(victim)] > 0
    assert stack.pids()[victim] == pid


@pytest.mark.parametrize("victim", VICTIMS)
async def test_killed(stack: RunningStack, victim: str) -> None:
    await kill(stack, victim)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_frozen(stack: RunningStack, victim: str) -> None:
    await freeze(stack, victim)


@pytest.mark.parametrize("harm", [kill, freeze])
async def test_redis_under_workers(workers: RunningStack, harm: Harm) -> None:
    await harm(workers, "redis")
