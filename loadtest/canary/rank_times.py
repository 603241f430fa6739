"""How long gateways wait for rank, control and canary beside each other, as they report it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from services.chassis.redis import Login, open_redis
from services.domain.arrays import I64
from services.domain.traffic import Arm
from services.domain.traffic_report import GATEWAYS_KEY, GatewayReport, parse, report_key
from services.gateway.stats import percentile

EVERY = 1.0  # seconds: so often gateways report
COUNTED = "latency_rank"


class RankTimes:
    """Histograms by gateway and arm, of what was counted while it watched."""

    def __init__(self, release: str) -> None:
        self._release = release
        self._first: dict[tuple[str, Arm], I64] = {}
        self._last: dict[tuple[str, Arm], I64] = {}

    @classmethod
    @asynccontextmanager
    async def watched(cls, redis: tuple[str, Login], release: str) -> AsyncIterator["RankTimes"]:
        """While a rollout of `release` runs. `redis`: its address, and who reads."""
        times = cls(release)
        watching = asyncio.create_task(times._watch(*redis))
        try:
            yield times
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def medians(self) -> tuple[float, float]:
        """Milliseconds of the control and of the canary; 0 where nothing was counted."""
        control, canary = (1000 * self._median(arm) for arm in (Arm.CONTROL, Arm.CANARY))
        return control, canary

    def add(self, report: GatewayReport) -> None:
        """What a gateway says now."""
        for lane in report.lanes:
            mine = lane.arm is Arm.CANARY and lane.release == self._release
            if COUNTED in lane.histograms and (mine or lane.arm is Arm.CONTROL):
                key = (f"{report.gateway} {lane.release}", lane.arm)
                self._first.setdefault(key, lane.histograms[COUNTED])
                self._last[key] = lane.histograms[COUNTED]

    def _median(self, arm: Arm) -> float:
        rows = [last - self._first[key] for key, last in self._last.items() if key[1] is arm]
        return percentile(sum(rows[1:], rows[0]), 0.5) if rows else 0.0

    async def _watch(self, url: str, login: Login) -> None:
        async with open_redis(SecretStr(url), login) as client:
            while True:
                ids: Any = await client.zrange(GATEWAYS_KEY, 0, -1)
                for document in [await client.get(report_key(one.decode())) for one in ids]:
                    if document:
                        self.add(parse(document))
                await asyncio.sleep(EVERY)
