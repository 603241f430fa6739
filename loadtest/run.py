"""A load under way: its arrivals, its people, and what is measured. For greenlets.

Arrivals do not wait for answers: each call has a greenlet of its own, begun when it is due. When
this process falls behind, calls are sent at once and their latency counts from when they were due.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gevent
import numpy as np
from gevent.event import Event
from gevent.pool import Pool

from loadtest.anybody import Anybody
from loadtest.arrivals import arrivals
from loadtest.calls import Answer, Caller, Told
from loadtest.crowd import Crowd, People
from loadtest.measurements import EVENTS, Calls, Recorder
from loadtest.options import Options
from loadtest.result import Sender
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.people import People as WorldPeople
from loadtest.simulation.world import World

BEGIN = 0.1  # seconds from when all connections are there to the first arrival
LOOK = 0.3  # seconds from an answer to what is told of it

Observe = Callable[[str, float, Answer], None]  # kind of a call, its seconds, how it ended


class Run:
    """One load of this process. `part` of `parts`: which of the processes that share it."""

    def __init__(self, options: Options, part: int = 0, parts: int = 1) -> None:
        mine = replace(options, rate=options.rate / parts, seed=options.seed + part)
        self.options = options
        self.arrivals = arrivals((*mine.warming, *mine.phases), mine.seed) - options.warm
        self.recorder = Recorder()
        self._crowd = Crowd(_people(mine), options.k, options.feedback)
        self._began = Event()
        self._start = self._cpu = 0.0
        self._streams = self._ended = 0

    @property
    def seconds(self) -> float:
        """Since second 0; below 0 while it warms up, and before it begins."""
        return time.perf_counter() - self._start if self._start else -self.options.warm

    @property
    def over(self) -> bool:
        """Every arrival was sent and every call has ended."""
        return self._ended == self.options.connections

    def join(self) -> int:
        """The place of one more connection, from 0."""
        place = self._streams
        self._streams += 1
        return place

    def stream(self, place: int, caller: Caller, observe: Observe) -> None:
        """Sends the arrivals of one connection; begins when all connections are there."""
        count = self.options.connections
        if self._streams == count:
            self._begin()
        self._began.wait()
        calls = Pool()
        try:
            for due in self.arrivals[place::count].tolist():
                gevent.sleep(max(due - self.seconds, 0.0))
                calls.spawn(self._ask, caller, observe, due)
            calls.join()
        finally:
            calls.kill()  # the load was stopped: those under way have no end
            self._ended += 1

    def finished(self) -> tuple[Calls, Sender, float]:
        """The calls, what sending them took, and for how long it ran."""
        calls = self.recorder.calls()
        wall = time.perf_counter() - self._start + self.options.warm if self._start else 0.0
        sent = len(calls) + self.recorder.warming
        due = np.count_nonzero((self.arrivals >= 0) & (self.arrivals < self.seconds))
        cpu = time.process_time() - self._cpu
        return calls, Sender(cpu, wall, sent, int(due) - len(calls.lists)), self.seconds

    def _begin(self) -> None:
        if self._began.is_set():
            return
        gc.collect()
        gc.freeze()  # what is there now stays; collecting it again and again would delay sends
        self._cpu = time.process_time()
        self._start = time.perf_counter() + BEGIN + self.options.warm
        self._began.set()

    def _ask(self, caller: Caller, observe: Observe, due: float) -> None:
        sent = self.seconds
        stay, ask = self._crowd.next_ask(due)
        answer = caller.ask(ask, self.options.deadline)
        ended = self.seconds
        self.recorder.add(ask.kind, due, sent, ended, answer, ask.k)
        observe(ask.kind, ended - due, answer)
        told = self._crowd.answered(stay, answer, max(ended, 0.0))
        if told is not None:
            gevent.sleep(LOOK)
            self._tell(caller, observe, told, ended + LOOK)

    def _tell(self, caller: Caller, observe: Observe, told: Told, due: float) -> None:
        sent = self.seconds
        answer = caller.tell(told, self.options.deadline)
        ended = self.seconds
        self.recorder.add(EVENTS, due, sent, ended, answer)
        observe(EVENTS, ended - due, answer)


def _people(options: Options) -> People:
    if options.world:
        world = World(WorldConfig.read(Path(options.world)))
        return WorldPeople(world, options.seed)
    return Anybody(options.people, options.seed)
