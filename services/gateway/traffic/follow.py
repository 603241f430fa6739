"""Follows the traffic policy; what serves a user is then decided without asking anybody."""

import asyncio
import math
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from services.chassis.log import get_logger
from services.chassis.redis import RedisError
from services.chassis.tasks import end
from services.domain.traffic import Assignment, Policy, PolicyError, assign
from services.domain.traffic_document import parse
from services.gateway.resilience.budget import Clock
from services.gateway.traffic.clock import steady
from services.gateway.traffic.disk import PolicyFile
from services.gateway.traffic.metrics import ERRORS
from services.gateway.traffic.store import Found, TrafficStore

FOLLOW_SECONDS = 0.25
COPY_SECONDS = 1.0

_log = get_logger("traffic")


@dataclass(frozen=True, slots=True)
class FollowerConfig:
    """How the policy is followed.

    Attributes:
        file: has a copy of the policy; None: there is none.
        clock: seconds, never going back.
        seconds: between two readings.
    """

    file: PolicyFile | None = None
    clock: Clock = steady
    seconds: float = FOLLOW_SECONDS


class Follower:
    """The policy as this gateway knows it. An async context, within which it is followed.

    A policy that cannot be read changes nothing. One that is older than another before it, as after
    a loss of data in Redis, is applied without its canary: that may have been taken back since. A
    canary has users only until its lease expires by the clock of this process, counted from before
    Redis was asked: whoever is cut off or was frozen is on stable no later than the lease has
    expired in Redis.

    Args:
        store: where the policy is; None: nowhere, and `first` holds for ever.
        first: holds until there is another.
        config: see there.

    Attributes:
        malformed: what is wrong with the policy in Redis; empty: nothing.
    """

    def __init__(
        self, store: TrafficStore | None, first: Policy, config: FollowerConfig | None = None
    ) -> None:
        self.malformed = ""
        self._store = store
        self._config = config or FollowerConfig()
        self._clock = self._config.clock
        self._applied = self._calm = first
        self._until = -math.inf
        self._read_at = -math.inf
        self._newest = first.version
        self._document: bytes | None = None  # the one that was looked at last
        self._unsaved: Policy | None = None
        self._away = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Reads the policy once, from the file when Redis is away or has none that is good."""
        if self._store is not None:
            if not await self.refresh() or self._document is None or self.malformed:
                await self._read_copy()
            self._tasks = [asyncio.create_task(work()) for work in (self._follow, self._copy)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tasks:
            await end(*self._tasks)
            await self.save()

    @property
    def applied(self) -> Policy:
        """The last good policy, whether its lease holds or not: what should be loaded."""
        return self._applied

    @property
    def newest(self) -> int:
        """The highest version it was told; that of `applied`, unless that is an older one."""
        return self._newest

    @property
    def age(self) -> float:
        """Seconds since the policy was read from Redis; infinite before that."""
        return self._clock() - self._read_at

    def policy(self, now: float) -> Policy:
        """The policy that holds at `now`, by the clock."""
        return self._applied if now < self._until else self._calm

    def assign(self, user_id: str) -> Assignment:
        """What serves a user now."""
        return assign(user_id, self.policy(self._clock()))

    async def refresh(self) -> bool:
        """Reads and applies what Redis has; whether that was possible."""
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 - degrade point: what is known holds
            ERRORS.labels("policy").inc()
            if not isinstance(error, RedisError):
                _log.exception("following the traffic policy failed")
            elif not self._away:
                _log.warning("the traffic policy cannot be read", error=str(error))
            self._away = True
            return False
        self._away = False
        return True

    async def save(self) -> None:
        """Writes a policy that is new to the file, if there is one."""
        file, policy = self._config.file, self._unsaved
        if file is None or policy is None:
            return
        try:
            await asyncio.to_thread(file.write, policy)
        except OSError as error:
            ERRORS.labels("file").inc()
            _log.warning("the traffic policy is not copied", path=file.path, error=str(error))
            return
        if self._unsaved is policy:  # another one may have come meanwhile
            self._unsaved = None

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._config.seconds)
            await self.refresh()

    async def _copy(self) -> None:
        """Apart from the following, which no slow disk may hold up."""
        while True:
            await self.save()
            await asyncio.sleep(COPY_SECONDS)

    async def _read(self) -> None:
        if self._store is None:
            return
        asked = self._clock()
        found = await self._store.read()
        self._read_at = asked
        policy = self._applied
        if found.document != self._document:
            policy = self._parsed(found.document) or policy
        self._apply(policy, until=asked + _lease_left(found, policy))

    def _parsed(self, document: bytes | None) -> Policy | None:
        self._document, self.malformed = document, ""
        if document is None:
            _log.warning("the traffic policy is gone, the one before holds")
            return None
        try:
            policy = parse(document)
        except PolicyError as error:
            self.malformed = str(error)
            ERRORS.labels("malformed").inc()
            _log.error("the traffic policy is malformed, the one before holds", error=str(error))
            return None
        if policy.version < self._newest:
            self.malformed = f"version {policy.version} came after version {self._newest}"
            ERRORS.labels("older").inc()
            _log.error("the traffic policy is an old one, it has no canary", error=self.malformed)
            policy = policy.without_canary()
        self._newest = max(policy.version, self._newest)
        self._unsaved = policy
        return policy

    def _apply(self, policy: Policy, until: float) -> None:
        """`until`: when its lease expires, by the clock."""
        self._until = until
        if policy == self._applied:
            return
        self._applied, self._calm = policy, policy.without_canary()
        _log.info(
            "traffic policy applied",
            version=policy.version,
            stable=policy.stable,
            canary=policy.canary,
            weight=policy.weight,
        )

    async def _read_copy(self) -> None:
        if self._config.file is None:
            return
        copy = await asyncio.to_thread(self._config.file.read)
        if copy is not None:
            self._newest = max(copy.version, self._newest)
            self._apply(copy, until=-math.inf)


def _lease_left(found: Found, policy: Policy) -> float:
    """Seconds that the lease still holds for a policy."""
    if found.lease != str(policy.version).encode():
        return 0.0
    return min(max(found.left, 0.0), policy.lease_seconds)
