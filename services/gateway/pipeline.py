"""What the gateway is made of: stages → guards → funnel → lanes → calls."""

import time
from dataclasses import replace
from pathlib import Path

from services.domain.traffic import Arm
from services.gateway.admission.admission import Admission, AdmissionSettings
from services.gateway.admission.lag import LoopLag
from services.gateway.admission.limit import LimitSettings
from services.gateway.admission.rate import RateSettings
from services.gateway.catalog.open import Catalog
from services.gateway.config import GatewayConfig
from services.gateway.funnel import FunnelSettings
from services.gateway.gateway import Gateway
from services.gateway.item_view import ItemView
from services.gateway.lanes.lane import Lane, Routing
from services.gateway.lanes.lanes import Lanes, OpenLane
from services.gateway.lanes.tally import Tally
from services.gateway.lanes.views import Views
from services.gateway.page_key import page_key
from services.gateway.page_token import PageTokens
from services.gateway.release import GatewayRelease
from services.gateway.request_log import RequestLog
from services.gateway.requests import RecommendInput
from services.gateway.resilience.breaker import BreakerSettings
from services.gateway.resilience.budget import Clock
from services.gateway.resilience.guards import GuardConfig, guarded, lane_guards
from services.gateway.settings import GatewaySettings
from services.gateway.shadow.mirror import Mirror
from services.gateway.stages import Stages
from services.gateway.stats import Stats
from services.gateway.takedown import Takedown
from services.gateway.tracing.funnel import open_funnel

WARM_UP_TRIES = 5  # a stage that is away is no reason to wait for longer


def open_release(folder: Path, settings: GatewaySettings) -> GatewayRelease:
    """What the gateway holds of the release in `folder`.

    Raises:
        RulesError: the operator's rules file cannot be read or is wrong.
    """
    return GatewayRelease(folder, Path(settings.rules_file) if settings.rules_file else None)


def make_gateway(
    release: GatewayRelease | Routing,
    stages: Stages,
    settings: GatewaySettings,
    clock: Clock = time.monotonic,
    catalog: Catalog | None = None,
    log: RequestLog | None = None,
    admission: Admission | None = None,
    mirror: Mirror | None = None,
) -> Gateway:
    """A gateway over stages, wherever they run; without a catalog no item is put or hidden.

    `release`: that answers; or who is answered from which of those that are loaded.
    """
    routing = Routing.alone(release) if isinstance(release, GatewayRelease) else release
    catalog = catalog or Catalog.none()
    stats = Stats(clock)
    takedown = Takedown(catalog.table, clock)
    lanes = Lanes(routing, lane_opener(stages, settings, stats, takedown, clock))
    views = Views(lambda: lanes.stable.release, routing.loaded.held, catalog.table)
    pages = PageTokens(page_key(settings.page_key_file))
    refuse = settings.unknown_items == "refuse"
    seconds, store = settings.deadline_seconds, catalog.store
    config = GatewayConfig(seconds, clock, time.time, pages, store, refuse, log, admission, mirror)
    return Gateway(lanes, views, takedown, stats, config)


def lane_opener(
    stages: Stages, settings: GatewaySettings, stats: Stats, takedown: Takedown, clock: Clock
) -> OpenLane:
    """Opens lanes over the same stages: each with breakers and batches of its own."""
    breaker = BreakerSettings(pause_seconds=settings.breaker_pause_seconds)
    of_stable = GuardConfig(breaker, stats, clock)
    shared = guarded(stages, of_stable)
    mark = settings.seen_on == "served"
    sizes = FunnelSettings(settings.recall_limit, settings.rank_limit, mark=mark)
    of_arm = {
        Arm.CANARY: replace(sizes, strict=True),
        Arm.SHADOW: replace(sizes, mark=False),
    }

    def open_lane(release: GatewayRelease, arm: Arm, tally: Tally) -> Lane:
        told = {} if arm is Arm.STABLE else {"release": release.id, "arm": arm.value}
        counts = stats if arm is not Arm.SHADOW else None
        config = replace(of_stable, stats=counts, told=told)
        guards = lane_guards(stages.lane(), config, shared)
        view = ItemView(release, takedown.table)
        funnel = open_funnel(view, guards, takedown, of_arm.get(arm, sizes), clock)
        return Lane(release, arm, funnel, guards, tally)

    return open_lane


def make_admission(settings: GatewaySettings, clock: Clock = time.monotonic) -> Admission:
    """The door of a gateway."""
    limit = LimitSettings(settings.limit_delay_seconds, settings.limit_least, settings.limit_most)
    rate = RateSettings(settings.client_rate, settings.client_burst)
    return Admission(AdmissionSettings(limit, rate), clock, LoopLag(clock))


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
