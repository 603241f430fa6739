"""What the gateway is made of: stages → guards → funnel → calls."""

import time
from pathlib import Path

from services.gateway.funnel import Funnel, FunnelSettings
from services.gateway.gateway import Gateway, GatewayConfig
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.resilience.breaker import BreakerSettings
from services.gateway.resilience.budget import Clock
from services.gateway.resilience.guards import guarded
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.gateway.stats import Stats


def open_release(folder: Path, settings: GatewaySettings) -> GatewayRelease:
    """What the gateway holds of the release in `folder`.

    Raises:
        RulesError: the operator's rules file cannot be read or is wrong.
    """
    return GatewayRelease(folder, Path(settings.rules_file) if settings.rules_file else None)


def make_gateway(
    release: GatewayRelease,
    stages: Stages,
    settings: GatewaySettings,
    clock: Clock = time.monotonic,
) -> Gateway:
    """A gateway over stages, wherever they run."""
    stats = Stats(clock)
    breaker = BreakerSettings(pause_seconds=settings.breaker_pause_seconds)
    guards = guarded(stages, breaker, stats, clock)
    sizes = FunnelSettings(settings.recall_limit, settings.rank_limit)
    funnel = Funnel(release, guards, sizes, clock)
    config = GatewayConfig(settings.deadline_seconds, clock, time.time)
    return Gateway(funnel, guards, stats, config)


WARM_UP_TRIES = 5  # a stage that is away is no reason to wait for longer


async def warm_up(gateway: Gateway) -> None:
    """Asks until an answer is whole, so that no client pays for opening connections.

    Shows nothing to anyone: an explanation marks no item. Use a gateway of its own, whose counts
    and breakers nobody reads.
    """
    visitor = RecommendInput(session_id="warm-up")
    for _ in range(WARM_UP_TRIES):
        explanation = await gateway.explain(visitor, "", "warm-up")
        if not explanation.answer.degraded:
            return
