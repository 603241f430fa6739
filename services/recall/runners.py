"""Where a channel runs: on a thread of its own, so that a hung one only holds up itself."""

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
from services.domain.outcome import Failure, Reason
from services.domain.protocols import CandidateSource, Fetched
from services.domain.stages import RecallQuery


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a channel did for a batch: `fetched` by query, or a failure and nothing."""

    fetched: Sequence[Fetched]
    seconds: float
    failure: Failure | None = None


class Runner(Protocol):
    """A channel and the place it runs in."""

    @property
    def name(self) -> str: ...

    async def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], timeout: float
    ) -> Attempt:
        """Never raises for what goes wrong in the channel."""
        ...


class InlineRunner:
    """Runs a channel on the event loop: for one that only reads a list, and so cannot hang."""

    def __init__(self, source: CandidateSource) -> None:
        self._source = source
        self.name = source.name

    async def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], timeout: float
    ) -> Attempt:
        start = time.perf_counter()
        fetched = self._source.fetch(queries, limits)
        return Attempt(fetched, time.perf_counter() - start)


class ThreadRunner:
    """Runs a channel on its own daemon thread, one batch after the other.

    A batch that is not done in time, or that nobody waits for any more, is left to itself; until
    it ends the channel is skipped at once, because waiting behind it would cost every request its
    time.
    """

    def __init__(self, source: CandidateSource) -> None:
        self._source = source
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._late: Future[list[Fetched]] | None = None
        self.name = source.name
        Thread(target=_work, args=(self._jobs,), name=f"recall-{self.name}", daemon=True).start()
        weakref.finalize(self, self._jobs.put, None)  # the thread ends with its release

    async def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], timeout: float
    ) -> Attempt:
        start = time.perf_counter()
        if self._late is not None and not self._late.done():
            return Attempt((), 0.0, Failure(Reason.TIMEOUT, "still busy with an earlier batch"))
        source = self._source
        job = _Job(lambda: source.fetch(queries, limits))
        self._jobs.put(job)
        try:
            fetched = await asyncio.wait_for(asyncio.wrap_future(job.future), timeout)
        except asyncio.CancelledError:
            self._leave(job)
            raise
        except TimeoutError:
            self._leave(job)
            failure = Failure(Reason.TIMEOUT, f"not done within {timeout:.3f} s")
            return Attempt((), time.perf_counter() - start, failure)
        except Exception as error:  # noqa: BLE001 - degrade point: the other channels answer
            get_logger("recall").exception("channel failed", channel=self.name)
            failure = Failure(Reason.INTERNAL, f"{type(error).__name__}: {error}")
            return Attempt((), time.perf_counter() - start, failure)
        return Attempt(fetched, time.perf_counter() - start)

    def _leave(self, job: "_Job") -> None:
        if job.future.running():  # one that had not begun is cancelled, and holds up nothing
            self._late = job.future


class _Job:
    """A call and the future of its value."""

    def __init__(self, call: Callable[[], list[Fetched]]) -> None:
        self.call = call
        self.future: Future[list[Fetched]] = Future()


def _work(jobs: "SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        if not job.future.set_running_or_notify_cancel():
            continue
        try:
            job.future.set_result(job.call())
        except BaseException as error:  # noqa: BLE001 - raised again where the batch waits
            job.future.set_exception(error)
        del job  # an idle thread keeps no batch alive
