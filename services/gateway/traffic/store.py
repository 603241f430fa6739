"""What the gateway reads and writes of traffic in Redis."""

from dataclasses import dataclass
from importlib.resources import files

from redis.asyncio import Redis

from services.domain.traffic_document import LEASE_KEY, POLICY_KEY
from services.domain.traffic_report import GATEWAYS_KEY, GatewayReport, dump, report_key

REPORT_SECONDS = 5.0  # a gateway that has not reported for so long is taken for gone


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis holds at one moment.

    Attributes:
        document: of the policy; None: there is none.
        lease: the version it is for; None: there is none, or it has expired.
        left: seconds until the lease expires; negative without one, or when it never does.
    """

    document: bytes | None
    lease: bytes | None
    left: float


class TrafficStore:
    """Policy, lease and reports. All calls raise RedisError when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        scripts = files(__package__) / "scripts"
        self._read = redis.register_script((scripts / "read.lua").read_text("utf-8"))
        self._report = redis.register_script((scripts / "report.lua").read_text("utf-8"))

    async def read(self) -> Found:
        """The policy and its lease."""
        document, lease, left = await self._read(keys=[POLICY_KEY, LEASE_KEY])
        return Found(document, lease, left / 1000)

    async def report(self, report: GatewayReport) -> None:
        """Replaces what this gateway reported before."""
        await self._report(
            keys=[report_key(report.gateway), GATEWAYS_KEY],
            args=[dump(report), report.gateway, int(REPORT_SECONDS * 1000)],
        )
