"""Opens a gateway: its releases, the traffic policy, the item table, the log, and the lanes."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from models.schema.manifest import ReleaseError
from services.chassis.errors import StartupError
from services.domain.traffic import Policy
from services.gateway.admission.admission import Admission
from services.gateway.admission.metrics import AdmissionCollector
from services.gateway.catalog.open import open_catalog
from services.gateway.collectors import (
    BreakerCollector,
    ItemTableCollector,
    StatsCollector,
    register,
)
from services.gateway.gateway import Gateway
from services.gateway.lanes.lane import Routing
from services.gateway.lanes.lanes import Lanes
from services.gateway.lanes.metrics import LaneCollector
from services.gateway.pipeline import make_admission, make_gateway, open_release, warm_up
from services.gateway.release_control import NO_POLICY, ReleaseControl, named_by
from services.gateway.release_upkeep import ReleaseUpkeep, tended
from services.gateway.request_log import open_request_log
from services.gateway.settings import GatewaySettings
from services.gateway.shadow.collector import ShadowCollector
from services.gateway.shadow.mirror import Mirror
from services.gateway.shadow.pipeline import make_mirror
from services.gateway.stages import Stages
from services.gateway.traffic.clock import steady
from services.gateway.traffic.follow import Follower
from services.gateway.traffic.metrics import TrafficCollector
from services.gateway.traffic.open import open_traffic
from services.gateway.traffic.report import Standing, stages_of
from services.inference.startup import load_slots
from services.items.table import ItemTable

SETTLE_SECONDS = 60.0  # for the releases that traffic names; without them it serves the others
CURRENT_SECONDS = 5.0  # since the policy was read: it is that of the other gateways


@dataclass(frozen=True, slots=True)
class Opened:
    """A gateway, and what its ports need beside it."""

    gateway: Gateway
    releases: ReleaseControl
    admission: Admission


async def open_gateway(settings: GatewaySettings, stages: Stages, stack: AsyncExitStack) -> Opened:
    """A gateway with the release of the settings, and those that traffic names; warm.

    Raises:
        StartupError: the release is not there or refused, or another setting is wrong.
    """
    slots = await load_slots(settings, partial(open_release, settings=settings))
    (start,) = slots.ids()
    traffic = await open_traffic(settings, stack, Policy(NO_POLICY, start))
    named = partial(named_by, traffic.follower)
    releases = ReleaseControl(
        slots, stages.holders, stages.addresses, named, answering=lambda: lanes.releases()
    )
    catalog = await open_catalog(settings, stack, releases.held)
    log, admission = await open_request_log(settings, stack), make_admission(settings)
    limit, clock = settings.deadline_seconds, time.monotonic
    mirror = make_mirror(traffic.follower, releases, lambda: lanes, admission, limit)
    await stack.enter_async_context(mirror)
    routing = Routing(traffic.follower, releases)
    gateway = make_gateway(routing, stages, settings, clock, catalog, log, admission, mirror)
    lanes = gateway.lanes
    current = partial(_current, traffic.follower)
    upkeep = ReleaseUpkeep(releases, clock, lanes.tidy, current)
    await upkeep.settle(SETTLE_SECONDS)
    if slots.refused_current and not set(named()[:1]) & set(slots.ids()):
        raise StartupError(slots.refused_current, ReleaseError.hint)  # nobody wants the other one
    await stack.enter_async_context(tended(upkeep))
    await warm_up(make_gateway(lanes.stable.release, stages, settings))
    await traffic.report(partial(_standing, releases, upkeep, lanes, mirror), stack)
    of_traffic = TrafficCollector(traffic.follower, steady), ShadowCollector(mirror)
    for collector in (*_collectors(gateway, catalog.table, admission), *of_traffic):
        stack.callback(register(REGISTRY, collector))
    return Opened(gateway, releases, admission)


def _current(follower: Follower) -> bool:
    return follower.age < CURRENT_SECONDS


def _collectors(gateway: Gateway, table: ItemTable, admission: Admission) -> Sequence[Collector]:
    return (
        StatsCollector(gateway.stats),
        BreakerCollector(gateway.lanes),
        LaneCollector(gateway.lanes.reports),
        ItemTableCollector(table),
        AdmissionCollector(admission),
    )


def _standing(
    releases: ReleaseControl, upkeep: ReleaseUpkeep, lanes: Lanes, mirror: Mirror
) -> Standing:
    stages = stages_of(releases.holdings(), upkeep.missing)
    return Standing(stages, (*lanes.reports(), *mirror.lanes()), lanes.stable.release.id)
