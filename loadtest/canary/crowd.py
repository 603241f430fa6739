"""Simulated people who use both gateways at a steady rate, and what became of each list."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtest.simulation.drive import MEAN_PAGES, events_of
from loadtest.simulation.people import People, Visit
from recstack import AsyncClient
from recstack.client import ClientError
from recstack.results import Recommendations

DEADLINE = 2.0  # seconds a call may take
CONNECTIONS = 2  # to each gateway


@dataclass(frozen=True, slots=True)
class Asked:
    """One list that was asked for.

    Attributes:
        at: when, unix seconds.
        took: seconds until the answer.
        gateway: which, from 0.
        user: id of the user or the session.
        release: that answered; empty: nobody did.
        error: what failed; empty: nothing.
        degraded: stages that the answer lacks.
        length: items in the list.
        clicks: items of it that were clicked.
    """

    at: float
    took: float
    gateway: int
    user: str
    release: str = ""
    error: str = ""
    degraded: tuple[str, ...] = ()
    length: int = 0
    clicks: int = 0


@dataclass(slots=True)
class Crowd:
    """People who come in a Poisson process while the task of `run` lives.

    They use the client as it is: what a gateway refuses is asked again after the delay it names.

    Attributes:
        people: of a world.
        gateways: addresses; each visit stays with one.
        rate: lists a second, on average.
        k: length of the lists.
        seed: of when they come.
        asked: every list so far, in the order of the answers.
        events_failed: clicks and other events that were not taken.
    """

    people: People
    gateways: Sequence[str]
    rate: float
    k: int
    seed: int = 1
    asked: list[Asked] = field(default_factory=list)
    events_failed: int = 0
    _visits: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Until it is cancelled."""
        places = [place for place in range(len(self.gateways)) for _ in range(CONNECTIONS)]
        clients = [AsyncClient(self.gateways[place], timeout=DEADLINE) for place in places]
        generator = np.random.default_rng([self.seed, 21])
        start = due = time.monotonic()
        try:
            while True:
                due += generator.exponential(MEAN_PAGES / self.rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                visit = self.people.next_visit()
                at = visit.number % len(places)
                task = asyncio.create_task(self._visit(visit, places[at], clients[at], start))
                self._visits.add(task)
                task.add_done_callback(self._visits.discard)
        finally:
            for task in self._visits:
                task.cancel()
            await asyncio.gather(*self._visits, return_exceptions=True)
            for client in clients:
                await client.close()

    async def _visit(self, visit: Visit, place: int, client: AsyncClient, start: float) -> None:
        for think in (0.0, *visit.thinks):
            await asyncio.sleep(think)
            at, user = time.time(), visit.user_id or visit.session_id
            try:
                answer = await client.recommend(
                    visit.user_id,
                    self.k,
                    session_id=visit.session_id,
                    placement=visit.placement,
                    context=visit.context,
                )
            except ClientError as error:
                what = type(error).__name__
                self.asked.append(Asked(at, time.time() - at, place, user, error=what))
                return
            took = time.time() - at
            day = self.people.day_after(time.monotonic() - start)
            deeds = self.people.react(visit, [item.item_id for item in answer.items], day)
            done = [deed for deed in deeds if deed.type != "impression"]
            clicks = sum(deed.type == "click" for deed in done)
            self.asked.append(_answered(at, took, place, user, answer, clicks))
            if done:
                try:
                    told = await client.record_events(events_of(visit, answer.request_id, done))
                    self.events_failed += len(told.errors)
                except ClientError:
                    self.events_failed += len(done)


def _answered(
    at: float, took: float, place: int, user: str, answer: Recommendations, clicks: int
) -> Asked:
    return Asked(
        at,
        took,
        place,
        user,
        answer.release,
        degraded=tuple(one.stage for one in answer.degraded),
        length=len(answer.items),
        clicks=clicks,
    )
