"""Keeps child processes running: starts them, waits until they answer, restarts what dies."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recstack.child import Child, end, ending, keep_old, last_words, spawn
from recstack.readiness import readiness
from services.chassis.errors import StartupError

Say = Callable[[str], None]

CANNOT_START = 2  # exit code of a service that refuses to start, and says why
NOTHING = 0  # the signal that does nothing


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of a supervisor, seconds.

    Attributes:
        first_delay, last_delay: before the first restart; it doubles up to the last.
        settled: a child that lived this long starts again with the first delay.
        ready: how long the start of all may take.
        grace: between SIGTERM and SIGKILL.
        poll: between two looks whether a child answers.
        leaving: how long a child that was replaced may take to end.
    """

    first_delay: float = 0.2
    last_delay: float = 5.0
    settled: float = 10.0
    ready: float = 90.0
    grace: float = 8.0
    poll: float = 0.1
    leaving: float = 60.0


class Supervisor:
    """Children in phases: started together, ended phase by phase from the last to the first."""

    def __init__(
        self, phases: Sequence[Sequence[Child]], say: Say, patience: Patience | None = None
    ) -> None:
        """`say` gets a line for people whenever a child dies or comes back."""
        self._phases = phases
        self._children = [child for phase in phases for child in phase]
        self._say = say
        self._patience = patience or Patience()
        self._processes: dict[str, Process] = {}
        self._places = {child.name: asyncio.Lock() for child in self._children}
        self._replaced: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._refused: asyncio.Queue[str] = asyncio.Queue()
        self._given_up: set[str] = set()

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each child that runs, by name."""
        return {n: p.pid for n, p in self._processes.items() if p.returncode is None}

    @property
    def restartable(self) -> list[str]:
        """Names of the children that another process can replace, in the order of their start."""
        return [child.name for child in self._children if child.doubles]

    async def start(self) -> None:
        """Starts all and waits until each answers, or has ended and is not needed.

        Raises:
            StartupError: a needed child refused to start, with its own words, or does not answer.
        """
        children = self._children
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
            silent = [child for child in children if not await child.probe()]
            missed = f"no answer from {', '.join(child.name for child in silent)}"
            if not silent or any(child.needed for child in silent):
                raise StartupError(missed, f"its log is in {children[0].log.parent}")
            self._say(missed)

    async def stop(self) -> None:
        """Ends all: SIGTERM, then SIGKILL for those that do not end."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        # They have had their SIGTERM: another would end them at once.
        await asyncio.gather(*(end(p, self._patience.grace, NOTHING) for p in self._replaced))
        for phase in reversed(self._phases):
            await asyncio.gather(*map(self._end, phase))

    async def restart(self, name: str) -> None:
        """Starts another process of a child, and when it serves ends the one before.

        Raises:
            StartupError: there is no such child, or the new process does not serve: it is ended,
                and the one before serves on.
        """
        child = next((c for c in self._children if c.name == name and c.doubles), None)
        if child is None:
            names = ", ".join(self.restartable)
            raise StartupError(f"no service {name} can be restarted", f"these can: {names}")
        async with readiness() as (address, ready):
            process = await spawn(child, address)
            try:
                await self._serving(child, process, ready)
                async with self._places[name]:
                    before, self._processes[name] = self._processes[name], process
                    self._replaced.add(before)
            except BaseException:
                await end(process, self._patience.grace, signal.SIGINT)
                raise
        await end(before, self._patience.leaving)
        self._replaced.discard(before)

    async def _serving(self, child: Child, process: Process, ready: asyncio.Event) -> None:
        waits = (asyncio.create_task(ready.wait()), asyncio.create_task(process.wait()))
        await asyncio.wait(waits, timeout=self._patience.ready, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if not ready.is_set():
            words = last_words(child.log) if process.returncode is not None else ""
            raise StartupError(
                words or f"the new {child.name} does not serve",
                f"the one before serves on; the log is {child.log}",
            )

    async def _end(self, child: Child) -> None:
        if child.name in self._processes:
            await end(self._processes[child.name], self._patience.grace, child.end_signal)

    async def _keep(self, child: Child) -> None:
        delay = self._patience.first_delay
        self._processes[child.name] = await spawn(child)
        while True:
            born = time.monotonic()
            process = self._processes[child.name]
            code = await process.wait()
            if self._processes[child.name] is not process:
                continue  # another one has its place
            if code == CANNOT_START:
                # Its words are read before a restart writes over them.
                self._refuses(child, last_words(child.log) or f"{child.name} does not start")
            self._given_up.add(child.name)
            if time.monotonic() - born > self._patience.settled:
                delay = self._patience.first_delay
            self._say(f"{child.name} {ending(code)}; restarting in {delay:.1f} s")
            await asyncio.sleep(delay)
            async with self._places[child.name]:
                if self._processes[child.name] is process:
                    self._processes[child.name] = await spawn(child)
            delay = min(delay * 2, self._patience.last_delay)

    def _refuses(self, child: Child, words: str) -> None:
        if child.needed:
            self._refused.put_nowait(words)
        else:
            self._say(words)

    async def _answering(self, child: Child) -> None:
        while not await child.probe():
            if not child.needed and child.name in self._given_up:
                return
            await asyncio.sleep(self._patience.poll)
