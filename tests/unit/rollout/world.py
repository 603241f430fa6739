"""A world of gateways and leaders in which time passes when a test says so."""

from collections.abc import Callable

import pytest

from services.rollout import commands
from services.rollout.commands import Order, Word
from services.rollout.leader import Leader, LeaderConfig
from services.rollout.phase import Phase
from services.rollout.record import Kind, Record
from tests.rollouts import CANARY, SPEC, Clock, FakeGateway
from tests.unit.rollout.memory_store import MemoryStore

ORDER = Order(CANARY, SPEC, "", "ann")
WORD = Word("ann", "because")
TICK, LEADER, LEASE = 0.5, 5.0, 10.0


class World:
    """Gateways, what they follow, and processes that may lead."""

    def __init__(self, gateways: int = 2) -> None:
        self.clock = Clock()
        self.gateways = [FakeGateway(f"g{place}") for place in range(gateways)]
        self.store = MemoryStore(self.clock, self.gateways)
        self.leaders = [self.leader("first")]

    def leader(self, name: str) -> Leader:
        return Leader(self.store, LeaderConfig(name, TICK, LEADER, LEASE, self.clock))

    @property
    def first(self) -> Leader:
        return self.leaders[0]

    @property
    def record(self) -> Record:
        record = self.first.record
        assert record is not None
        return record

    @property
    def kinds(self) -> list[Kind]:
        """Of all that is no look that holds."""
        return [e.kind for e in self.store.contents.entries if e.kind is not Kind.HOLD]

    def serve(self) -> None:
        """Time passes for gateways: they follow and answer."""
        self.clock.now += TICK
        for gateway in self.gateways:
            gateway.follow(self.store.policy or gateway.policy)
            gateway.serve(TICK)

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.serve()
            for leader in self.leaders:
                await leader.tick()

    async def started(self, order: Order = ORDER) -> Record:
        return await self.first.command(lambda scene: commands.start(scene, order, "id", LEASE))

    async def at_first_step(self) -> None:
        await self.started()
        await self.run(3)
        assert (self.record.phase, self.record.step) == (Phase.RUNNING, 0)

    async def until(self, done: Callable[[], bool], seconds: float = 120) -> None:
        for _ in range(round(seconds / TICK)):
            if done():
                return
            await self.run(TICK)
        raise AssertionError(f"not within {seconds} s: {self.record}")


@pytest.fixture
def world() -> World:
    return World()
