"""Keeps child processes running: starts them, waits until they answer, restarts what dies."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recstack.child import Child, end, ending, keep_old, last_words, spawn
from services.chassis.errors import StartupError

Say = Callable[[str], None]

CANNOT_START = 2  # exit code of a service that refuses to start, and says why


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of a supervisor, seconds.

    Attributes:
        first_delay, last_delay: before the first restart; it doubles up to the last.
        settled: a child that lived this long starts again with the first delay.
        ready: how long the start of all may take.
        grace: between SIGTERM and SIGKILL.
        poll: between two looks whether a child answers.
    """

    first_delay: float = 0.2
    last_delay: float = 5.0
    settled: float = 10.0
    ready: float = 90.0
    grace: float = 8.0
    poll: float = 0.1


class Supervisor:
    """Children in phases: started together, ended phase by phase from the last to the first."""

    def __init__(
        self, phases: Sequence[Sequence[Child]], say: Say, patience: Patience | None = None
    ) -> None:
        """`say` gets a line for people whenever a child dies or comes back."""
        self._phases = phases
        self._say = say
        self._patience = patience or Patience()
        self._processes: dict[str, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._refused: asyncio.Queue[str] = asyncio.Queue()

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each child that runs, by name."""
        return {n: p.pid for n, p in self._processes.items() if p.returncode is None}

    async def start(self) -> None:
        """Starts all and waits until each answers.

        Raises:
            StartupError: a child refused to start, with its own words; or one does not answer.
        """
        children = [child for phase in self._phases for child in phase]
        for child in children:
            keep_old(child.log)
        self._keepers = [asyncio.create_task(self._keep(child)) for child in children]
        answers = asyncio.ensure_future(asyncio.gather(*map(self._answering, children)))
        refusal = asyncio.create_task(self._refused.get())
        done, _ = await asyncio.wait(
            (answers, refusal),
            timeout=self._patience.ready,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in (answers, refusal):
            task.cancel()
        await asyncio.gather(answers, refusal, return_exceptions=True)
        if refusal in done:
            raise StartupError(refusal.result())
        if answers not in done:
            silent = [child.name for child in children if not await child.probe()]
            logs = f"its log is in {children[0].log.parent}"
            raise StartupError(f"no answer from {', '.join(silent)}", logs)

    async def stop(self) -> None:
        """Ends all: SIGTERM, then SIGKILL for those that do not end."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for phase in reversed(self._phases):
            there = [self._processes[c.name] for c in phase if c.name in self._processes]
            await asyncio.gather(*(end(process, self._patience.grace) for process in there))

    async def _keep(self, child: Child) -> None:
        delay = self._patience.first_delay
        while True:
            born = time.monotonic()
            process = self._processes[child.name] = await spawn(child)
            code = await process.wait()
            if code == CANNOT_START:
                # Its words are read before a restart writes over them.
                self._refused.put_nowait(last_words(child.log) or f"{child.name} does not start")
            if time.monotonic() - born > self._patience.settled:
                delay = self._patience.first_delay
            self._say(f"{child.name} {ending(code)}; restarting in {delay:.1f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._patience.last_delay)

    async def _answering(self, child: Child) -> None:
        while not await child.probe():
            await asyncio.sleep(self._patience.poll)
