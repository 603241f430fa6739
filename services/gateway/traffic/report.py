"""Tells the rollout each second what this gateway serves and how it goes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from services.chassis.log import get_logger
from services.chassis.redis import RedisError
from services.chassis.tasks import end
from services.domain.traffic_report import GatewayReport, LaneReport
from services.gateway.releases import Holding
from services.gateway.resilience.budget import Clock
from services.gateway.traffic.follow import Follower
from services.gateway.traffic.metrics import ERRORS
from services.gateway.traffic.store import TrafficStore
from services.inference.holder import ReleaseState

REPORT_EVERY_SECONDS = 1.0

_log = get_logger("traffic")


def stages_of(
    holdings: Iterable[Holding], missing: Mapping[tuple[str, str], str]
) -> dict[str, dict[str, str]]:
    """The stages of a report; of a holder that did not say, nothing is known to be loaded.

    `missing`: holder and release → why it does not even begin to load it.
    """
    stages = {}
    for one in holdings:
        states = {
            release: f"{record.state.value}: {record.reason}".removesuffix(": ")
            for release, record in one.records.items()
        }
        for (holder, release), reason in missing.items():
            if holder == one.holder:
                states.setdefault(release, f"{ReleaseState.REFUSED.value}: {reason}")
        stages[f"{one.holder} {one.address}".rstrip()] = {} if one.problem else states
    return stages


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gateway itself knows, as a report has it.

    Attributes:
        stages: gateway or stage → release → loaded, or how far it is.
        lanes: what was counted since the gateway began.
        stable: the release that answers everybody else.
    """

    stages: Mapping[str, Mapping[str, str]]
    lanes: tuple[LaneReport, ...]
    stable: str


class TrafficReporter:
    """Reports as long as its async context lasts, and once more at its end: counts are then whole.

    Args:
        store: where reports go.
        gateway: id of this gateway, a new one at each start.
        follower: knows the policy.
        standing: asked for each report; must not wait.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        store: TrafficStore,
        gateway: str,
        follower: Follower,
        standing: Callable[[], Standing],
        clock: Clock,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._follower = follower
        self._standing = standing
        self._clock = clock
        self._began = clock()
        self._away = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await end(self._task)
        await self._send()

    def report(self) -> GatewayReport:
        """What is reported now."""
        now = self._clock()
        policy, standing = self._follower.policy(now), self._standing()
        return GatewayReport(
            gateway=self._gateway,
            seconds=now - self._began,
            version=self._follower.newest,
            leased=policy.leased,
            stages=standing.stages,
            lanes=standing.lanes,
            stable=standing.stable,
        )

    async def _run(self) -> None:
        while True:
            await self._send()
            await asyncio.sleep(REPORT_EVERY_SECONDS)

    async def _send(self) -> None:
        try:
            await self._store.report(self.report())
        except Exception as error:  # noqa: BLE001 - degrade point: the next report has it all
            ERRORS.labels("report").inc()
            if not isinstance(error, RedisError):
                _log.exception("no report of traffic")
            elif not self._away:
                _log.warning("traffic is not reported", error=str(error))
            self._away = True
        else:
            self._away = False
