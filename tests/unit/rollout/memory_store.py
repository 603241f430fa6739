"""What Redis does for the rollout, in memory: time passes by a clock, and it can go back."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field

from services.chassis.redis import RedisError
from services.domain.traffic import Policy, PolicyError
from services.domain.traffic_document import parse
from services.rollout.record import Entry
from services.rollout.store import ChangedError, FencedError, Found, Reports, Store, Writing
from tests.rollouts import FakeGateway


@dataclass
class Contents:
    """All keys: values, and until when they hold."""

    leader: tuple[str, float] = ("", 0.0)
    record: bytes | None = None
    policy: bytes | None = None
    lease: tuple[int, float] = (0, 0.0)
    entries: list[Entry] = field(default_factory=list)


class MemoryStore(Store):
    """As Store, with the contents of one `Contents`.

    Attributes:
        contents: all there is; a copy can be put back.
        away: whether calls fail.
        problems: with the reports of other gateways.
        before_commit: waited for before the next commit: what happens while a leader is frozen.
    """

    def __init__(self, clock: Callable[[], float], gateways: list[FakeGateway]) -> None:
        self.contents = Contents()
        self.away = False
        self.problems: tuple[str, ...] = ()
        self.before_commit: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._gateways = gateways

    async def read(self, own: str, fresh: str, seconds: float) -> Found:
        self._reach()
        now, (leader, until) = self._clock(), self.contents.leader
        if not leader or until <= now:
            leader = fresh
        if leader in (own, fresh):
            self.contents.leader = (leader, now + seconds)
        return Found(leader, self.contents.record, self.contents.policy)

    async def commit(self, own: str, found: Found, writing: Writing) -> None:
        if self.before_commit is not None:
            meanwhile, self.before_commit = self.before_commit, None
            await meanwhile()
        self._reach()
        contents, now = self.contents, self._clock()
        if contents.leader[0] != own or contents.leader[1] <= now:
            raise FencedError
        if (contents.record, contents.policy) != (found.record, found.policy):
            raise ChangedError
        contents.record = writing.record.encode() or contents.record
        contents.policy = writing.policy.encode() or contents.policy
        leased = writing.leased
        contents.lease = (leased.version, now + leased.lease_seconds) if leased else (0, 0.0)
        if writing.entry is not None:
            contents.entries.append(writing.entry)

    async def leave(self, own: str) -> None:
        self._reach()
        if self.contents.leader[0] == own:
            self.contents.leader = ("", 0.0)

    async def reports(self) -> Reports:
        self._reach()
        return Reports(tuple(gateway.report() for gateway in self._gateways), self.problems)

    @property
    def policy(self) -> Policy | None:
        """As gateways read it, if they can: without its canary when it has no lease."""
        try:
            policy = parse(self.contents.policy or b"")
        except PolicyError:
            return None
        version, until = self.contents.lease
        leased = version == policy.version and until > self._clock()
        return policy if leased else policy.without_canary()

    def copy(self) -> Contents:
        """What it holds now."""
        return deepcopy(self.contents)

    def _reach(self) -> None:
        if self.away:
            raise RedisError("Redis is away")
