"""Where channels run: on the event loop, or together on a thread that may hang without harm."""

import asyncio
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from services.chassis.log import get_logger
from services.domain.live import Live
from services.domain.outcome import Failure, Reason
from services.domain.protocols import CandidateSource, Fetched
from services.domain.stages import RecallQuery


@dataclass(frozen=True, slots=True)
class Batch:
    """What channels are asked.

    Attributes:
        queries: of B users.
        limits: by channel name, most items wanted by query [B].
        live: what changes while the release serves.
    """

    queries: Sequence[RecallQuery]
    limits: dict[str, list[int]]
    live: Live


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a channel did for a batch: `fetched` by query, or a failure and nothing."""

    fetched: Sequence[Fetched]
    seconds: float
    failure: Failure | None = None


class Runner(Protocol):
    """Some channels and the place they run in."""

    @property
    def names(self) -> tuple[str, ...]: ...

    async def fetch(self, batch: Batch, timeout: float) -> list[Attempt]:
        """One attempt a channel, in the order of `names`.

        Never raises for what goes wrong in a channel.
        """
        ...


class InlineRunner:
    """Runs channels on the event loop: those that only read a list, and so cannot hang."""

    def __init__(self, sources: Sequence[CandidateSource]) -> None:
        self._sources = tuple(sources)
        self.names = tuple(source.name for source in sources)

    async def fetch(self, batch: Batch, timeout: float) -> list[Attempt]:
        return [_attempt(source, batch) for source in self._sources]


class ThreadRunner:
    """Runs channels one after the other on a daemon thread of their own, batch after batch.

    A hop to a thread costs more than a look into a table, so channels that take little share one.

    A batch that is not done in time, or that nobody waits for any more, is left to itself; until
    it ends its channels are skipped at once, because waiting behind it would cost every request its
    time. What its first channels had found by then is used.
    """

    def __init__(self, name: str, sources: Sequence[CandidateSource]) -> None:
        self._sources = tuple(sources)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._late: Future[None] | None = None
        self.names = tuple(source.name for source in sources)
        Thread(target=_work, args=(self._jobs,), name=f"recall-{name}", daemon=True).start()
        weakref.finalize(self, self._jobs.put, None)  # the thread ends with its release

    async def fetch(self, batch: Batch, timeout: float) -> list[Attempt]:
        start = time.perf_counter()
        if self._late is not None and not self._late.done():
            busy = Failure(Reason.TIMEOUT, "still busy with an earlier batch")
            return [Attempt((), 0.0, busy)] * len(self._sources)
        done: list[Attempt] = []
        sources = self._sources
        job = _Job(lambda: _fetch(sources, batch, done))
        self._jobs.put(job)
        try:
            await asyncio.wait_for(asyncio.wrap_future(job.future), timeout)
        except asyncio.CancelledError:
            self._leave(job)
            raise
        except TimeoutError:
            self._leave(job)
            late = Failure(Reason.TIMEOUT, f"not done within {timeout:.3f} s")
            found = done.copy()  # the thread may still add to it
            missing = len(sources) - len(found)
            return found + [Attempt((), time.perf_counter() - start, late)] * missing
        return done

    def _leave(self, job: "_Job") -> None:
        if job.future.running():  # one that had not begun is cancelled, and holds up nothing
            self._late = job.future


def _fetch(sources: Sequence[CandidateSource], batch: Batch, done: list[Attempt]) -> None:
    for source in sources:
        done.append(_attempt(source, batch))  # one after the other: some may be done in time


def _attempt(source: CandidateSource, batch: Batch) -> Attempt:
    start = time.perf_counter()
    try:
        fetched = source.fetch(batch.queries, batch.limits[source.name], batch.live)
    except Exception as error:  # noqa: BLE001 - degrade point: the other channels answer
        get_logger("recall").exception("channel failed", channel=source.name)
        failure = Failure(Reason.INTERNAL, f"{type(error).__name__}: {error}")
        return Attempt((), time.perf_counter() - start, failure)
    return Attempt(fetched, time.perf_counter() - start)


class _Job:
    """A call and the future of its end."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.future: Future[None] = Future()


def _work(jobs: "SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        if not job.future.set_running_or_notify_cancel():
            continue
        try:
            job.call()
            job.future.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the batch waits
            job.future.set_exception(error)
        del job  # an idle thread keeps no batch alive
