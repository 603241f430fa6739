"""Where channels run: a channel that hangs or fails holds up only itself."""

import asyncio
import gc
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from services.domain.context import RequestContext, UserContext
from services.domain.live import NOTHING_LIVE, Live
from services.domain.outcome import Reason
from services.domain.protocols import CandidateSource, Fetched
from services.domain.stages import RecallQuery
from services.recall.runners import Attempt, Batch, InlineRunner, Runner, ThreadRunner

QUERY = RecallQuery("r", UserContext.unknown("u"), RequestContext(now=0), 10, 1.0)
LONG = 60.0  # seconds; never waited for


def batch(name: str, *limits: int) -> Batch:
    """A query for each limit."""
    return Batch([QUERY] * len(limits), {name: list(limits)}, NOTHING_LIVE)


def alone(source: CandidateSource) -> ThreadRunner:
    """The channel on a thread of its own."""
    return ThreadRunner(source.name, [source])


async def ask(runner: Runner, *limits: int, timeout: float = LONG) -> Attempt:
    """The attempt of the only channel of a runner."""
    (attempt,) = await runner.fetch(batch(runner.names[0], *limits), timeout)
    return attempt


class Counting:
    """A channel that gives the first rows."""

    name = "counting"

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        return [Fetched(np.arange(n, dtype=np.int32), np.ones(n, np.float32)) for n in limits]


class Gated(Counting):
    """A channel that waits until its gate is open."""

    name = "gated"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.calls = 0

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        self.calls += 1
        self.begun.set()
        assert self.gate.wait(LONG)
        return super().fetch(queries, limits, live)


class Failing(Counting):
    """A channel that is broken."""

    name = "failing"

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        raise ZeroDivisionError("of all things")


@pytest.mark.parametrize("runner", [InlineRunner([Counting()]), alone(Counting())])
async def test_gives_what_the_channel_found(runner: Runner) -> None:
    attempt = await ask(runner, 2, 3)
    assert attempt.failure is None
    assert [found.rows.tolist() for found in attempt.fetched] == [[0, 1], [0, 1, 2]]


@pytest.mark.parametrize("runner", [InlineRunner([Failing()]), alone(Failing())])
async def test_a_channel_that_fails_is_reported(runner: Runner) -> None:
    attempt = await ask(runner, 1)
    assert attempt.failure is not None
    assert attempt.failure.reason is Reason.INTERNAL
    assert attempt.failure.message == "ZeroDivisionError: of all things"


async def test_a_channel_that_hangs_is_skipped_until_it_is_done() -> None:
    source = Gated()
    runner = alone(source)
    late = await ask(runner, 1, timeout=0.01)
    assert late.failure is not None
    assert (late.failure.reason, late.failure.message) == (
        Reason.TIMEOUT,
        "not done within 0.010 s",
    )
    skipped = await ask(runner, 1)
    assert skipped.failure is not None
    assert skipped.failure.message == "still busy with an earlier batch"
    assert source.calls == 1
    source.gate.set()
    while (again := await ask(runner, 1)).failure is not None:
        await asyncio.sleep(0)
    assert [found.rows.tolist() for found in again.fetched] == [[0]]
    assert source.calls == 2


async def test_a_batch_waits_for_one_that_is_in_time() -> None:
    source = Gated()
    runner = alone(source)
    first = asyncio.ensure_future(ask(runner, 1))
    await asyncio.to_thread(source.begun.wait, LONG)
    second = asyncio.ensure_future(ask(runner, 2))
    await asyncio.sleep(0)
    source.gate.set()
    assert [attempt.failure for attempt in await asyncio.gather(first, second)] == [None, None]


async def test_a_batch_that_never_began_does_not_mark_the_channel() -> None:
    source = Gated()
    runner = alone(source)
    first = asyncio.ensure_future(ask(runner, 1))
    await asyncio.to_thread(source.begun.wait, LONG)
    queued = await ask(runner, 2, timeout=0.01)
    assert queued.failure is not None
    source.gate.set()
    assert (await first).failure is None
    assert (await ask(runner, 3)).failure is None
    assert source.calls == 2  # the queued batch was not done for nobody


async def test_a_batch_behind_one_that_hangs_does_not_hide_it() -> None:
    source = Gated()
    runner = alone(source)
    both = await asyncio.gather(*(ask(runner, 1, timeout=0.01) for _ in range(2)))
    assert all(attempt.failure is not None for attempt in both)
    skipped = await ask(runner, 1, timeout=0.01)
    source.gate.set()
    assert skipped.failure is not None
    assert skipped.failure.message == "still busy with an earlier batch"


async def test_a_channel_that_hangs_is_skipped_after_its_call_was_cancelled() -> None:
    source = Gated()
    runner = alone(source)
    call = asyncio.ensure_future(ask(runner, 1))
    await asyncio.to_thread(source.begun.wait, LONG)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    skipped = await ask(runner, 1, timeout=0.01)
    source.gate.set()
    assert skipped.failure is not None
    assert skipped.failure.message == "still busy with an earlier batch"


async def test_channels_of_one_thread_fail_alone() -> None:
    runner = ThreadRunner("both", [Failing(), Counting()])
    asked = Batch([QUERY], {"failing": [1], "counting": [2]}, NOTHING_LIVE)
    failing, counting = await runner.fetch(asked, LONG)
    assert failing.failure is not None
    assert [found.rows.tolist() for found in counting.fetched] == [[0, 1]]


async def test_what_was_found_before_a_channel_hung_is_used() -> None:
    asked = Batch([QUERY], {"counting": [2], "gated": [1]}, NOTHING_LIVE)
    for patience in (0.05, 0.5, LONG):  # the first channel needs some time too
        source = Gated()
        counting, gated = await ThreadRunner("both", [Counting(), source]).fetch(asked, patience)
        source.gate.set()
        assert gated.failure is not None
        assert gated.failure.reason is Reason.TIMEOUT
        if counting.failure is None:
            break
    assert [found.rows.tolist() for found in counting.fetched] == [[0, 1]]


async def test_the_thread_ends_with_its_runner() -> None:
    def named(source: CandidateSource) -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name == f"recall-{source.name}"]

    source = Counting()
    source.name = "ends"
    runner = alone(source)
    await ask(runner, 1)
    (thread,) = named(source)
    del runner
    gc.collect()
    await asyncio.to_thread(thread.join, LONG)
    assert not thread.is_alive()
