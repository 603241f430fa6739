"""The demonstration: a stack, people, and one rollout after the other."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx

from loadtest.canary.crowd import Crowd
from loadtest.canary.follow import followed
from loadtest.canary.kinds import Made, ReleaseKind
from loadtest.canary.outcome import Outcome, outcome
from loadtest.canary.prepared import STABLE, Prepared
from loadtest.canary.rank_times import RankTimes
from loadtest.canary.stack import Running, running
from loadtest.simulation.config import WorldConfig
from loadtest.simulation.people import People
from loadtest.simulation.world import World
from recstack.admin import read_token
from recstack.doctor.gather.scrape import scrape
from recstack.rollouts import Rollouts
from services.gateway.stats_report import merged
from services.rollout.phase import Phase

Say = Callable[[str], None]

WARM = 12.0  # seconds of traffic before the first rollout
SETTLE = 2.5  # seconds after the end of one in which nobody may be answered by it any more
WINDOW = "10"  # seconds of /stats
REFUSED = "recstack_gateway_refused_total"


@dataclass(frozen=True, slots=True)
class Course:
    """How it is done.

    Attributes:
        spec: the plan of each rollout, YAML.
        rate: lists a second.
        k: length of the lists.
        seed: of the people.
        patience: seconds a rollout may take.
        offset: added to every port.
    """

    spec: str
    rate: float
    offset: int
    k: int = 10
    seed: int = 1
    patience: float = 240.0


@dataclass(slots=True)
class Demonstration:
    """A stack with people on it."""

    prepared: Prepared
    course: Course
    stack: Running
    crowd: Crowd
    say: Say
    stable: str = STABLE

    async def roll_out(self, kind: ReleaseKind) -> Outcome:
        """Rolls a release of this kind out, and sees how that ends.

        Raises:
            AdminError: the rollout service said no, or did not answer.
            ConnectionError: a gateway does not show its metrics.
        """
        rank, before = await self._rank_seconds(), await self._refused()
        folder = self.prepared.release(kind.name)
        made = Made(self.prepared.release(self.stable), folder, rank)
        await asyncio.to_thread(kind.make, made)
        self.say(f"{kind.name}: rolled out, to be {kind.wanted}; rank takes {1000 * rank:.1f} ms")
        place, start = len(self.crowd.asked), time.monotonic()
        async with RankTimes.watched(self.stack.redis, folder.name) as times:
            with Rollouts(self.stack.rollout, read_token(self.stack.token)) as rollouts:
                record = await asyncio.to_thread(rollouts.start, folder.name, self.course.spec)
                ended = await followed(rollouts, record, self.course.patience, self.say)
        await asyncio.sleep(SETTLE)
        if ended.phase == Phase.PROMOTED:
            self.stable = folder.name
        asked = self.crowd.asked[place:]
        found = outcome(kind.name, kind.wanted, ended, asked, len(self.stack.gateways))
        refused = await self._refused() - before
        found = replace(found, ranks=times.medians(), refused=refused)
        self.say(f"{kind.name}: {ended.phase}, {ended.why} ({time.monotonic() - start:.0f} s)")
        return found

    async def _rank_seconds(self) -> float:
        """What gateways waited for rank, the median of the last seconds."""
        async with httpx.AsyncClient(trust_env=False) as client:
            bodies = [(await client.get(url)).json() for url in self.stack.stats]
        return merged(bodies)[WINDOW]["rank"]["p50_ms"] / 1000

    async def _refused(self) -> int:
        """Calls that gateways refused so far, for they had too much to do."""
        async with httpx.AsyncClient(trust_env=False) as client:
            found = [await scrape(client, url) for url in self.stack.metrics]
        if None in found:
            raise ConnectionError("a gateway does not show its metrics")
        return sum(one.summed(REFUSED, by="reason").total() for one in found if one)


@asynccontextmanager
async def demonstration(
    prepared: Prepared, course: Course, say: Say
) -> AsyncIterator[Demonstration]:
    """A stack of its own, with people on it.

    Raises:
        StartupError: a part of the stack does not start.
    """
    world = World(WorldConfig.read(prepared.data))
    async with running(prepared, course.offset, say) as stack:
        people = People(world, course.seed)
        crowd = Crowd(people, stack.gateways, course.rate, course.k, course.seed)
        coming = asyncio.create_task(crowd.run())
        try:
            say(f"people come, {course.rate:g} lists/s ...")
            await asyncio.sleep(WARM)
            yield Demonstration(prepared, course, stack, crowd, say)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def demonstrate(
    prepared: Prepared, course: Course, kinds: Sequence[ReleaseKind], say: Say
) -> list[Outcome]:
    """One rollout of each kind, in this order; another stack when a bad one became stable."""
    outcomes: list[Outcome] = []
    while rest := kinds[len(outcomes) :]:
        async with demonstration(prepared, course, say) as shown:
            for kind in rest:
                outcomes.append(await shown.roll_out(kind))
                if kind.wanted != Phase.PROMOTED == outcomes[-1].decided.phase:
                    break
    return outcomes
