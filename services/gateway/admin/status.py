"""What a gateway process says of itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import getpid

from services.chassis.certificate import expires_at
from services.gateway.gateway import Gateway
from services.gateway.releases import GatewayReleases
from services.gateway.settings import GatewaySettings

PACKAGE = "recstack"


@dataclass(frozen=True, slots=True)
class StageState:
    """A kind of call, "canary.rank" in another lane than stable's.

    `address` is empty when it does not leave the process.
    """

    stage: str
    address: str
    breaker_open: bool
    breaker_trips: int


@dataclass(frozen=True, slots=True)
class Status:
    """State of one gateway process.

    Attributes:
        started_at: unix seconds.
        releases: id → number of items.
        settings: what it was told, its limits among it.
        certificate_expires_at: unix seconds; None: no TLS.
    """

    version: str
    process_id: int
    started_at: int
    releases: Mapping[str, int]
    stages: Sequence[StageState]
    settings: GatewaySettings
    certificate_expires_at: int | None


class Reporter:
    """Says how a gateway is.

    Args:
        gateway: of which it speaks.
        settings: what the process was told.
        releases: that it has loaded.
        addresses: where stages are asked, by the name of the call; of others they are in-process.
        now: unix seconds.
    """

    def __init__(
        self,
        gateway: Gateway,
        releases: GatewayReleases,
        settings: GatewaySettings,
        addresses: Mapping[str, str],
        now: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._releases = releases
        self._settings = settings
        self._addresses = addresses
        self._started_at = int(now())

    def status(self) -> Status:
        """The state now; the certificate is the one on disk, which new connections are shown.

        Raises:
            StartupError: the certificate cannot be read any more.
        """
        certificate = self._settings.tls_certificate
        loaded = {name: self._releases.get(name) for name in self._releases.ids()}
        return Status(
            version=version(PACKAGE),
            process_id=getpid(),
            started_at=self._started_at,
            releases={name: len(release) for name, release in loaded.items() if release},
            stages=list(self._stages()),
            settings=self._settings,
            certificate_expires_at=None if certificate is None else expires_at(certificate),
        )

    def _stages(self) -> Iterator[StageState]:
        stable, *others = self._gateway.lanes.open()
        guards = [("", guard) for guard in stable.guards.all]
        guards += [(f"{lane.arm}.", guard) for lane in others for guard in lane.guards.of_releases]
        for prefix, guard in guards:
            address = self._addresses.get(guard.name, "")
            tripped, trips = guard.breaker.tripped, guard.breaker.trips
            yield StageState(prefix + guard.name, address, tripped, trips)
