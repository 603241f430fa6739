"""The services of a stack, as their ports, health, metrics and logs show them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from recstack.child import last_words
from recstack.doctor.facts import SERVING, Service
from recstack.doctor.gather.http import trust_of, url_of
from recstack.doctor.gather.places import Place, places
from recstack.doctor.gather.ports import strangers
from recstack.doctor.gather.scrape import Scrape, scrape
from recstack.doctor.target import Target
from recstack.processes import Plan
from recstack.security import CLIENT
from services.chassis.errors import StartupError
from services.chassis.probe import status

CONNECT_SECONDS = 1.0
CERTIFICATE = "recstack_tls_certificate_expiry_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Seen:
    """The services, and the metrics of those that show them."""

    services: tuple[Service, ...]
    metrics: Mapping[str, Scrape]

    def serving(self, name: str) -> bool:
        return any(service.name == name and service.serving for service in self.services)


async def look_at_services(target: Target) -> Seen:
    """Asks each for its health and its metrics, and looks who has its ports."""
    plan = target.plan
    async with httpx.AsyncClient(trust_env=False, verify=trust_of(plan)) as client:
        looks = await asyncio.gather(*(_look(plan, place, client) for place in places(target)))
    metrics = {service.name: shown for service, shown in looks if shown is not None}
    return Seen(tuple(service for service, _ in looks), metrics)


async def _look(
    plan: Plan, place: Place, client: httpx.AsyncClient
) -> tuple[Service, Scrape | None]:
    listening = await _listening(place.host, place.metrics if place.shared else place.port)
    metrics = url_of(plan, place.metrics_host or place.host, place.metrics)
    shown = await scrape(client, f"{metrics}/metrics") if listening else None
    service = Service(
        name=place.name,
        address=place.address,
        listening=listening,
        strangers=strangers(place.host, place.ports, place.owner),
        health=await _health(plan, place, shown) if listening else "",
        releases=None if shown is None else _releases(shown),
        breakers=() if shown is None else _breakers(shown),
        certificate_until=0.0 if shown is None else shown.single(CERTIFICATE),
        said="" if listening else last_words(plan.workspace.logs / f"{place.name}.log"),
    )
    return service, shown


async def _health(plan: Plan, place: Place, shown: Scrape | None) -> str:
    if place.shared:
        return SERVING if shown is not None else f"no answer on its own port {place.metrics}"
    try:
        return await status(place.address, plan.security.tls_of(CLIENT))
    except StartupError as error:  # of our own files of TLS
        return str(error)


async def _listening(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _releases(shown: Scrape) -> tuple[str, ...]:
    return tuple(sorted(set(shown.labelled("recstack_release_loaded", "release"))))


def _breakers(shown: Scrape) -> tuple[str, ...]:
    return tuple(shown.labelled("recstack_gateway_breaker_open", "stage"))
