"""Natural batching: every query answered exactly once, in order, one call at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.request_id import request_id
from services.domain.outcome import CallError, Failure, Outcome, Reason
from services.gateway.resilience.batching import Batching, BatchLimits
from tests.unit.gateway.clock import Clock


@dataclass(frozen=True)
class Query:
    """`size` is its number of candidates."""

    name: int
    size: int = 1
    release: str = "r1"
    remaining: float = 1.0


class Stage:
    """Holds each call until the test lets it end."""

    def __init__(self) -> None:
        self.calls: list[list[Query]] = []
        self.ids: list[str] = []
        self.timeouts: list[float] = []
        self.gates: list[asyncio.Future[None]] = []
        self.failure: Exception | None = None
        self.surplus = 0

    async def call(self, queries: Sequence[Query], timeout: float) -> Sequence[Outcome[int]]:
        self.calls.append(list(queries))
        self.timeouts.append(timeout)
        self.ids.append(request_id.get())
        self.gates.append(asyncio.get_running_loop().create_future())
        await self.gates[-1]
        if self.failure:
            raise self.failure
        return [Outcome.of(query.name) for query in queries] + [Outcome.of(0)] * self.surplus

    async def entered(self, calls: int) -> None:
        """Until so many calls came; they come within a few turns of the loop or never."""
        for _ in range(20):
            if len(self.calls) >= calls:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{len(self.calls)} calls, not {calls}")

    def end(self, call: int) -> None:
        self.gates[call].set_result(None)


def batching(
    stage: Stage, queries: int = 4, items: int = 10, clock: Clock | None = None
) -> Batching[Query, int]:
    return Batching(stage, BatchLimits(queries, items), lambda q: q.size, clock or Clock())


def ask(client: Batching[Query, int], query: Query) -> "asyncio.Task[Sequence[Outcome[int]]]":
    return asyncio.create_task(client.call([query], 1.0))  # type: ignore[arg-type]


async def test_what_queues_is_the_next_batch() -> None:
    stage = Stage()
    client = batching(stage)
    first = ask(client, Query(0))
    await stage.entered(1)
    others = [ask(client, Query(i)) for i in range(1, 4)]
    await asyncio.sleep(0)
    assert len(stage.calls) == 1  # one call in flight
    stage.end(0)
    assert await first == [Outcome.of(0)]
    await stage.entered(2)
    assert [q.name for q in stage.calls[1]] == [1, 2, 3]
    stage.end(1)
    assert [(await task)[0].value for task in others] == [1, 2, 3]


async def test_those_who_ask_in_the_same_turn_go_together() -> None:
    stage = Stage()
    client = batching(stage)
    tasks = [ask(client, Query(i)) for i in range(3)]
    await stage.entered(1)
    assert [q.name for q in stage.calls[0]] == [0, 1, 2]
    stage.end(0)
    await asyncio.gather(*tasks)


async def test_batches_are_capped_by_count_and_by_items() -> None:
    stage = Stage()
    client = batching(stage, queries=4, items=10)
    sizes = [1, 1, 1, 1, 1, 6, 3, 3, 50, 1]
    tasks = [ask(client, Query(i, size)) for i, size in enumerate(sizes)]
    for call in range(5):
        await stage.entered(call + 1)
        stage.end(call)
    await asyncio.gather(*tasks)
    assert [[q.size for q in call] for call in stage.calls] == [
        [1, 1, 1, 1],
        [1, 6, 3],
        [3],
        [50],
        [1],
    ]


async def test_the_size_of_each_batch_is_told() -> None:
    stage, sizes = Stage(), list[int]()
    client: Batching[Query, int] = Batching(
        stage, BatchLimits(queries=2), lambda q: q.size, Clock(), sizes.append
    )
    tasks = [ask(client, Query(i)) for i in range(3)]
    for call in range(2):
        await stage.entered(call + 1)
        stage.end(call)
    await asyncio.gather(*tasks)
    assert sizes == [2, 1]


async def test_each_release_has_a_lane() -> None:
    stage = Stage()
    client = batching(stage)
    tasks = [ask(client, Query(i, release=f"r{i}")) for i in range(2)]
    await stage.entered(2)
    assert [call[0].release for call in stage.calls] == ["r0", "r1"]
    stage.end(1)
    stage.end(0)
    await asyncio.gather(*tasks)
    assert not client._lanes  # a release nobody asks for leaves nothing behind


async def test_a_cancelled_query_leaves_the_queue() -> None:
    stage = Stage()
    client = batching(stage)
    first = ask(client, Query(0))
    await stage.entered(1)
    gone, stays = ask(client, Query(1)), ask(client, Query(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    stage.end(0)
    await first
    await stage.entered(2)
    assert [q.name for q in stage.calls[1]] == [2]
    stage.end(1)
    assert (await stays)[0].value == 2
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_hung_call_frees_its_lane() -> None:
    stage = Stage()
    client = Batching(stage, BatchLimits(), lambda q: q.size, asyncio.get_running_loop().time)
    hung = asyncio.create_task(client.call([Query(0)], 0.05))
    await stage.entered(1)
    after = asyncio.create_task(client.call([Query(1)], 60.0))
    assert (await hung)[0].failure is not None
    assert (await hung)[0].failure.reason is Reason.TIMEOUT  # type: ignore[union-attr]
    await stage.entered(2)
    assert stage.gates[0].cancelled()
    stage.end(1)
    assert (await after)[0].value == 1


@pytest.mark.parametrize(
    ("error", "surplus", "reason"),
    [
        (CallError(Failure(Reason.OVERLOADED, "busy")), 0, Reason.OVERLOADED),
        (ZeroDivisionError("x"), 0, Reason.INTERNAL),
        (None, 1, Reason.INTERNAL),
    ],
)
async def test_a_failed_call_answers_all_its_queries(
    error: Exception | None, surplus: int, reason: Reason
) -> None:
    stage = Stage()
    client = batching(stage)
    stage.failure, stage.surplus = error, surplus
    tasks = [ask(client, Query(i)) for i in range(2)]
    await stage.entered(1)
    stage.end(0)
    for task in tasks:
        failure = (await task)[0].failure
        assert failure is not None
        assert failure.reason is reason
    stage.failure, stage.surplus = None, 0
    good = ask(client, Query(9))  # the lane goes on
    await stage.entered(2)
    stage.end(1)
    assert (await good)[0].value == 9


async def test_time_in_the_queue_is_taken_off() -> None:
    stage, clock = Stage(), Clock()
    client = batching(stage, clock=clock)
    first = ask(client, Query(0))
    await stage.entered(1)
    waits = ask(client, Query(1, remaining=1.0))
    await asyncio.sleep(0)
    clock.move(0.25)
    stage.end(0)
    await first
    await stage.entered(2)
    assert stage.calls[1][0].remaining == pytest.approx(0.75)
    assert stage.timeouts[1] == pytest.approx(0.75)
    stage.end(1)
    await waits


async def test_a_batch_is_named_after_its_requests() -> None:
    stage = Stage()
    client = batching(stage)

    async def named(name: str, query: Query) -> None:
        request_id.set(name)
        await client.call([query], 1.0)

    tasks = [asyncio.create_task(named(name, Query(i))) for i, name in enumerate("abc")]
    await stage.entered(1)
    stage.end(0)
    await asyncio.gather(*tasks)
    tasks = [asyncio.create_task(named("d", Query(3)))]
    await stage.entered(2)
    stage.end(1)
    await asyncio.gather(*tasks)
    assert stage.ids == ["a+2", "d"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 6),  # queries of one call
            st.integers(1, 7),  # candidates of each
            st.sampled_from(["r1", "r2"]),
            st.integers(0, 3),  # turns of the loop before it
            st.booleans(),  # given up
        ),
        max_size=12,
    ),
    st.integers(1, 5),
    st.integers(1, 12),
)
def test_every_query_is_answered_once_and_in_order(
    callers: list[tuple[int, int, str, int, bool]], queries: int, items: int
) -> None:
    asyncio.run(_check(callers, queries, items))


class Busy:
    """Takes two turns of the loop; notes what overlaps."""

    def __init__(self) -> None:
        self.calls: list[list[Query]] = []
        self.running: dict[str, int] = {}

    async def call(self, batch: Sequence[Query], timeout: float) -> Sequence[Outcome[int]]:
        (release,) = {query.release for query in batch}
        assert not self.running.get(release), "two calls of one release in flight"
        self.running[release] = 1
        self.calls.append(list(batch))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.running[release] = 0
        return [Outcome.of(query.name) for query in batch]


async def _check(callers: list[tuple[int, int, str, int, bool]], queries: int, items: int) -> None:
    stage = Busy()
    client = Batching(stage, BatchLimits(queries, items), lambda q: q.size, Clock())
    asked: list[tuple[list[Query], asyncio.Task[Sequence[Outcome[int]]], bool]] = []
    name = 0
    for count, size, release, turns, gives_up in callers:
        for _ in range(turns):
            await asyncio.sleep(0)
        batch = [Query(name + i, size, release) for i in range(count)]
        name += count
        task = asyncio.create_task(client.call(batch, 60.0))  # type: ignore[arg-type]
        asked.append((batch, task, gives_up))
        if gives_up:
            await asyncio.sleep(0)
            task.cancel()
    ends = await asyncio.gather(*(task for _, task, _ in asked), return_exceptions=True)
    for (batch, _, gives_up), end in zip(asked, ends, strict=True):
        if isinstance(end, BaseException):
            assert gives_up
        else:
            assert [outcome.value for outcome in end] == [query.name for query in batch]
    sent = [query.name for call in stage.calls for query in call]
    assert len(sent) == len(set(sent))
    wanted = {q.name for batch, _, gives_up in asked if not gives_up for q in batch}
    assert wanted <= set(sent)
    for release in ("r1", "r2"):
        names = [q.name for call in stage.calls for q in call if q.release == release]
        assert names == sorted(names), "first come, first served"
    for call in stage.calls:
        assert len(call) <= queries
        assert len(call) == 1 or sum(query.size for query in call) <= items
