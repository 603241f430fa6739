"""Rollouts as people command and watch them; the leader alone obeys."""

import asyncio
import time
from secrets import token_hex
from types import TracebackType
from typing import Self

import redis.asyncio

from services.chassis.tasks import end
from services.domain.traffic import Shadow
from services.rollout import commands, shadowing, watch
from services.rollout.commands import Order, Word
from services.rollout.errors import BadRequestError
from services.rollout.leader import Leader, LeaderConfig
from services.rollout.record import Entry, Record, ShadowView, View
from services.rollout.store import Store

MAX_DECISIONS = 1000


class Rollouts:
    """The rollout that runs, the shadow, and the audit log. An async context, within which it
    leads, or waits to lead.

    All methods raise RedisError when Redis does not answer; what it did is not known then.

    Args:
        client: of Redis, without retries.
        config: name of this process and its times.
    """

    def __init__(self, client: redis.asyncio.Redis, config: LeaderConfig) -> None:
        self._store = Store(client)
        self._config = config
        self._leader = Leader(self._store, config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._leader.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await end(self._task)
        await self._leader.leave()

    @property
    def leads(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._leader.leads

    @property
    def record(self) -> Record | None:
        """The rollout as this process read or wrote it last; None: none is known."""
        return self._leader.record

    @property
    def step_due(self) -> float:
        """When the step that runs has lasted as long as its plan says, unix seconds; 0: none."""
        return self._leader.step_due

    async def tick(self) -> None:
        """A turn now; within the context they are taken all the time."""
        await self._leader.tick()

    async def start(self, release: str, spec: str, stable: str, by: str) -> Record:
        """Starts a rollout: it is prepared, and runs once all gateways have the release.

        Args:
            release: id of the one on trial.
            spec: the plan, YAML.
            stable: id of the one it is compared with; empty: what the policy says, else what
                all gateways answer from.
            by: who asks.

        Raises:
            BadRequestError: a spec, a release or a `stable` that makes no sense.
            ConflictError: a rollout runs, or which release is stable cannot be told.
            NotLeaderError: another process leads.
        """
        order = Order(release, spec, stable, by)
        commands.check(order)
        now = time.gmtime(self._config.clock())
        rollout = f"{time.strftime('%Y%m%d-%H%M%S', now)}-{token_hex(2)}"
        seconds = self._config.lease_seconds
        return await self._leader.command(
            lambda scene: commands.start(scene, order, rollout, seconds)
        )

    async def view(self) -> View:
        """The rollout as it is now; raises NotLeaderError."""
        return watch.view(await self._leader.scene(), self._leader.trouble)

    async def promote(
        self, by: str, why: str, rollout: str = "", step: int | None = None
    ) -> Record:
        """The next step now, whatever guards say.

        Args:
            by: who asks.
            why: reason, for the audit log.
            rollout: the one that is meant; empty: whichever runs.
            step: the one that it is to leave; None: whichever runs.

        Raises:
            ConflictError: none runs, it is another or at another step, it is still prepared, or a
                gateway has not loaded the release.
            NotLeaderError: another process leads.
        """
        word = Word(by, why, rollout, step)
        return await self._leader.command(lambda scene: commands.promote(scene, word))

    async def pause(self, by: str, why: str, rollout: str = "") -> Record:
        """No further step; guards still take it back. Raises as `promote`."""
        word = Word(by, why, rollout)
        return await self._leader.command(lambda scene: commands.pause(scene, word))

    async def resume(self, by: str, why: str, rollout: str = "") -> Record:
        """On again where it was. Raises as `promote`; ConflictError when it was not paused."""
        word = Word(by, why, rollout)
        return await self._leader.command(lambda scene: commands.resume(scene, word))

    async def abort(self, by: str, why: str, rollout: str = "") -> Record:
        """All users back to stable, and the end; at any time before that. Raises as `promote`."""
        word = Word(by, why, rollout)
        return await self._leader.command(lambda scene: commands.abort(scene, word))

    async def decisions(self, limit: int, rollout: str = "", holds: bool = False) -> list[Entry]:
        """The audit log, newest first. Any process answers.

        Args:
            limit: entries at most, 1 to MAX_DECISIONS.
            rollout: id of the one whose entries are wanted; empty: all.
            holds: whether looks that decided to hold are wanted too, one a block of time.

        Raises:
            BadRequestError: another limit.
        """
        if not 1 <= limit <= MAX_DECISIONS:
            raise BadRequestError(f"limit: 1 to {MAX_DECISIONS} expected, not {limit}")
        return await self._store.entries(limit, rollout, holds)

    async def start_shadow(self, release: str, percent: float, at_once: int, by: str) -> ShadowView:
        """Copies requests to a release; nobody sees its lists.

        Args:
            release: id.
            percent: of the requests, above 0, at most 100.
            at_once: copies that a gateway runs at one time.
            by: who asks.

        Raises:
            BadRequestError: an argument that makes no sense.
            ConflictError: a rollout runs, which has a shadow of its own.
            NotLeaderError: another process leads.
        """
        shadow = Shadow(release, percent, at_once)
        shadowing.check(shadow)
        return shadowing.shown(
            await self._leader.publish(lambda scene: shadowing.start(scene, shadow, by))
        )

    async def stop_shadow(self, by: str) -> ShadowView:
        """Ends it; ConflictError when there is none, or when it is a rollout's."""
        return shadowing.shown(await self._leader.publish(lambda scene: shadowing.stop(scene, by)))

    async def shadow_view(self) -> ShadowView:
        """What the shadow did; raises NotLeaderError."""
        return shadowing.shown(await self._leader.scene())
