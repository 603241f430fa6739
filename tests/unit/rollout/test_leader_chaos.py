"""Leaders freeze, die and lose answers, Redis goes away and back: what holds whatever happens."""

import asyncio
from copy import deepcopy
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.chassis.redis import RedisError
from services.domain.traffic_document import parse
from services.rollout.document import dump_record
from services.rollout.leader import Leader
from services.rollout.phase import Phase
from services.rollout.record import Kind
from services.rollout.store import Found, Writing
from tests.unit.rollout.memory_store import Contents
from tests.unit.rollout.world import LEADER, TICK, World

BEGINS = {Kind.PREPARED, Kind.ADVANCE, Kind.PROMOTED}
EVENTS = ("run", "freeze", "kill", "away", "unanswered", "back", "silent", "worse")
Event = tuple[str, int]


class Chaos(World):
    """A world in which things happen, and every commit is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.leaders.append(self.leader("second"))
        self.went_back = self.lost = False  # lost: somebody did not know what Redis lost
        self.taken_back = False
        self.decided = 0.0  # the weight that was written last
        self.wrong: list[object] = []
        self._copies: list[Contents] = []
        self._unanswered = False
        self._commit = self.store.commit
        self.store.commit = self.commit  # type: ignore[method-assign]

    async def commit(self, own: str, found: Found, writing: Writing) -> None:
        await self._commit(own, found, writing)
        if writing.policy:
            self._look(found, writing)
        if writing.entry is not None and writing.entry.phase == Phase.ROLLED_BACK:
            self.taken_back = True
        if self._unanswered:
            self._unanswered = False
            raise RedisError("no answer")

    def _look(self, found: Found, writing: Writing) -> None:
        """At a policy that was written; what is wrong is kept, for a leader survives errors."""
        before = parse(found.policy).weight if found.policy else 0.0
        policy, kind = parse(writing.policy), writing.entry and writing.entry.kind
        back = self.went_back and kind is Kind.RESTORED
        seen = max(gateway.newest for gateway in self.gateways)
        for wrong in (
            policy.weight > before and kind not in BEGINS and not back,
            policy.version <= seen,
            self.taken_back and policy.weight > 0 and not self.lost,
            policy.weight > self.decided and kind not in BEGINS and not self.lost,
        ):
            self.wrong += [(before, seen, policy, writing.entry)] if wrong else []
        self.decided = policy.weight

    async def happen(self, event: Event) -> None:
        what, number = event
        if what == "freeze":
            self.store.before_commit = self._others
        if what == "kill":
            self.leaders[number % 2] = self.leader(f"again {number}")
        if what == "away":
            self.store.away = True
            await self.run(number)
            self.store.away = False
        if what == "unanswered":
            self._unanswered = True
        if what == "back" and self._copies:
            self.went_back = True
            self.lost |= not all(self._knows(one) for one in self.leaders)
            self.store.contents = deepcopy(self._copies[-min(number, len(self._copies))])
        if what == "silent":
            gone, self.gateways[:] = list(self.gateways), self.gateways[:1]
            await self.run(number)
            self.gateways[:] = gone
        if what == "worse":
            self.gateways[0].errors = 0.5
        for _ in range(number):
            await self.run(TICK)
            self._copies.append(self.store.copy())

    def _knows(self, leader: Leader) -> bool:
        """Whether it can restore what Redis loses now."""
        now = self.store.contents.record
        return leader.record is not None and now == dump_record(leader.record).encode()

    async def _others(self) -> None:
        """The one that wants to write stands still for longer than its lease."""
        leaders, self.leaders = self.leaders, [self.leader("third")]
        await self.run(LEADER + 2)
        self.leaders = leaders


async def live(events: list[Event]) -> None:
    world = Chaos()
    await world.started()
    for event in events:
        await world.happen(event)
    world.store.before_commit = None
    await world.run(2 * LEADER)
    await world.until(lambda: any(one.leads and ended(one) for one in world.leaders), 400)
    assert world.wrong == []


def ended(leader: Any) -> bool:
    return leader.record is not None and leader.record.ended


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 12)), max_size=12))
def test_whatever_happens(events: list[Event]) -> None:
    """No more users without a decision, and an end in the end."""
    with capture_logs() as logs:
        asyncio.run(live(events))
    assert "the rollout cannot be decided on" not in {log["event"] for log in logs}
