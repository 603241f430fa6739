"""Drives a running stack with simulated people, at a rate that answers cannot change."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.simulation.catalog import LiveCatalog
from loadtest.simulation.people import MOST_PAGES, STAYS, Deed, People, Visit
from loadtest.simulation.records import Answered, Records
from recstack import AsyncClient, Event
from recstack.client import ClientError
from recstack.results import Recommendations

MEAN_PAGES = sum(STAYS**page for page in range(MOST_PAGES))
CATALOG_SECONDS = 1.0  # between looks at who was born and who died
CONNECTIONS = 8  # workers that share a port each take some of them


@dataclass(frozen=True, slots=True)
class Course:
    """What is sent.

    Attributes:
        address: of the gateway, gRPC.
        seconds: while people come; those who came stay to their last list.
        rate: lists asked for a second, on average.
        k: length of the lists.
        seed: of when they come and what they do.
        deadline: seconds a call may take.
    """

    address: str
    seconds: float
    rate: float
    k: int = 20
    seed: int = 1
    deadline: float = 2.0


async def drive(people: People, course: Course) -> Records:
    """Sends it from this process; the stack's catalog is left as it was found.

    Visits begin in a Poisson process drawn beforehand, and each has its lists planned from its
    begin; a list is asked for when it is planned, or when the person has the one before. Latency
    counts from the plan, so that a slow stack cannot hide by being asked less (coordinated
    omission).

    Raises:
        ClientError: the stack cannot be reached, or does not take deletions.
    """
    clients = [AsyncClient(course.address, course.deadline) for _ in range(CONNECTIONS)]
    try:
        catalog = LiveCatalog(people.world, clients[0])
        try:
            await catalog.begin()
            records = await _Driver(people, course, clients, catalog).run()
        finally:
            await catalog.end()
    finally:
        for client in clients:
            await client.close()
    records.born, records.died = len(catalog.born), len(catalog.died)
    records.catalog_failed += catalog.failed
    return records


class _Driver:
    def __init__(
        self,
        people: People,
        course: Course,
        clients: Sequence[AsyncClient],
        catalog: LiveCatalog,
    ) -> None:
        self._people = people
        self._course = course
        self._clients = clients
        self._catalog = catalog
        self._records = Records()
        self._start = 0.0

    async def run(self) -> Records:
        course = self._course
        visits = _begins(course)
        self._start = time.perf_counter()
        lives = asyncio.create_task(self._lives())
        tasks: list[asyncio.Task[None]] = []
        try:
            for begin in visits:
                await self._until(begin)
                tasks.append(asyncio.create_task(self._visit(self._people.next_visit(), begin)))
            await asyncio.gather(*tasks)
        finally:
            for task in (lives, *tasks):
                task.cancel()
            await asyncio.gather(lives, *tasks, return_exceptions=True)
        return self._records

    async def _visit(self, visit: Visit, begin: float) -> None:
        """All lists of a visit; someone who gets none goes away."""
        client = self._clients[visit.number % len(self._clients)]
        planned = begin
        for think in (0.0, *visit.thinks):
            planned += think
            await self._until(planned)
            asked, gone = time.perf_counter() - self._start, frozenset(self._catalog.gone)
            try:
                answer = await client.recommend(
                    visit.user_id,
                    self._course.k,
                    session_id=visit.session_id,
                    placement=visit.placement,
                    context=visit.context,
                )
            except ClientError as error:
                now = time.perf_counter() - self._start
                self._records.failed.append((type(error).__name__, now - planned))
                return
            deeds = self._look(visit, answer, planned, gone)
            planned = max(planned, asked)
            await self._tell(client, visit, answer.request_id, deeds)

    def _look(
        self, visit: Visit, answer: Recommendations, planned: float, gone: frozenset[int]
    ) -> list[Deed]:
        now = time.perf_counter() - self._start
        day = self._people.day_after(now)
        ids = [item.item_id for item in answer.items]
        rows = self._people.world.item_rows(ids)
        deeds = self._people.react(visit, ids, day)
        answered = Answered(
            visit.number,
            visit.person,
            bool(visit.user_id),
            day,
            rows,
            tuple(deeds),
            now - planned,
            tuple(f"{one.stage} {one.reason}" for one in answer.degraded),
            len(gone.intersection(rows.tolist())),
            answer.release,
        )
        self._records.answered.append(answered)
        return deeds

    async def _tell(
        self, client: AsyncClient, visit: Visit, request_id: str, deeds: list[Deed]
    ) -> None:
        try:
            recorded = await client.record_events(events_of(visit, request_id, deeds))
        except ClientError:
            self._records.events_failed += len(deeds)
        else:
            self._records.events_failed += len(recorded.errors)

    async def _lives(self) -> None:
        while True:
            await asyncio.sleep(CATALOG_SECONDS)
            day = self._people.day_after(time.perf_counter() - self._start)
            try:
                await self._catalog.go_on(day)
            except ClientError:
                self._records.catalog_failed += 1

    async def _until(self, planned: float) -> None:
        await asyncio.sleep(max(0.0, self._start + planned - time.perf_counter()))


def events_of(visit: Visit, request_id: str, deeds: Sequence[Deed]) -> list[Event]:
    """The deeds as the stack takes them, of now.

    They follow upon the log, which ends when it is made. Times of the world would soon lie more
    than a day ahead, which the stack refuses, and outside the windows of its statistics.
    """
    return [
        Event(
            visit.user_id,
            deed.item_id,
            deed.type,
            value=deed.value,
            request_id=request_id,
            session_id=visit.session_id,
        )
        for deed in deeds
    ]


def _begins(course: Course) -> list[float]:
    """When visits begin: a Poisson process, seconds."""
    generator = np.random.default_rng([course.seed, 12])
    rate = course.rate / MEAN_PAGES
    count = generator.poisson(rate * course.seconds)
    return sorted(generator.uniform(0.0, course.seconds, count).tolist())
