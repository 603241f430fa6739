"""One process leads the rollouts: it takes turns, and obeys people in between."""

import asyncio
import time
from collections.abc import Callable

from services.chassis.log import get_logger
from services.chassis.redis import RedisError
from services.domain.traffic import Policy
from services.rollout import metrics
from services.rollout.changes import Change
from services.rollout.errors import ConflictError, NotLeaderError
from services.rollout.leader_config import LeaderConfig
from services.rollout.leadership import Leadership
from services.rollout.record import Entry, Record
from services.rollout.scene import Scene
from services.rollout.store import Store

__all__ = ["Leader", "LeaderConfig"]

_log = get_logger("rollout")


class Leader:
    """Leads, or waits to lead.

    Attributes:
        trouble: why the last turn failed; empty: it did not.
    """

    def __init__(self, store: Store, config: LeaderConfig) -> None:
        self._config = config
        self._leadership = Leadership(store, config)
        self._lock = asyncio.Lock()
        self.trouble = ""

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._leadership.holds

    @property
    def record(self) -> Record | None:
        """The rollout as this process read or wrote it last."""
        return self._leadership.record

    @property
    def step_due(self) -> float:
        """When the step that runs has lasted as long as its plan says; 0: none runs."""
        record, trial = self.record, self._leadership.trial
        if record is None or trial is None or not record.since:
            return 0.0
        return record.since + trial.spec.steps[record.step].seconds

    async def run(self) -> None:
        """Takes turns until it is cancelled."""
        seconds = self._config.tick_seconds
        while True:
            await self.tick()
            await asyncio.sleep(seconds - self._config.clock() % seconds)

    async def tick(self) -> None:
        """A turn; what goes wrong is counted, told once, and tried again."""
        try:
            async with self._lock:
                await self._leadership.turn()
        except NotLeaderError:
            pass  # it waits
        except (ConflictError, RedisError) as error:
            metrics.REDIS_ERRORS.inc()
            return self._failed(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - degrade point: leases expire, all are on stable
            metrics.ERRORS.inc()
            why = f"{type(error).__name__}: {error}"
            if why != self.trouble:  # not twice a second
                _log.exception("the rollout cannot be decided on")
            return self._failed(why)
        metrics.TICK.set(time.time())  # the clock that an alert compares it with
        if self.trouble:
            _log.info("turns are taken again")
        self.trouble = ""
        return None

    async def leave(self) -> None:
        """Lets another process lead at once."""
        async with self._lock:
            await self._leadership.leave()

    async def scene(self) -> Scene:
        """What is known now, with what gateways report; raises as Leadership.scene."""
        async with self._lock:
            return await self._leadership.scene()

    async def command(self, decided: Callable[[Scene], Change]) -> Record:
        """What a person wants; the record from then on.

        Args:
            decided: what it raises goes through. Raises else as Leadership.turn.
        """
        async with self._lock:
            scene = await self._leadership.scene()
            change = decided(scene)
            await self._leadership.write(scene, change)
            return change.record

    async def publish(self, decided: Callable[[Scene], tuple[Policy, Entry]]) -> Scene:
        """A policy that is no rollout's; what is known then. Raises as `command`."""
        async with self._lock:
            scene = await self._leadership.scene()
            policy, entry = decided(scene)
            return await self._leadership.write(scene, entry, policy)

    def _failed(self, why: str) -> None:
        if why != self.trouble:
            _log.warning("a turn failed", error=why)
        self.trouble = why
