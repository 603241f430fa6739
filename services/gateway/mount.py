"""Puts the gateway on its ports: the release, the stages, gRPC and HTTP."""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc
from prometheus_client import REGISTRY
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.intake import take_many
from services.chassis.server import Lifetime, Mount
from services.chassis.tracing_http import traced
from services.domain.traffic import Policy
from services.gateway.admin.servicer import open_admin
from services.gateway.admin.status import Reporter
from services.gateway.admission.http import admitted
from services.gateway.admission.metrics import AdmissionCollector
from services.gateway.catalog.open import open_catalog
from services.gateway.catalog.servicer import NAME as CATALOG
from services.gateway.catalog.servicer import CatalogServicer
from services.gateway.collectors import (
    BreakerCollector,
    ItemTableCollector,
    StatsCollector,
    register,
)
from services.gateway.http.app import make_app
from services.gateway.http.leaving import leaving
from services.gateway.http.server import serving
from services.gateway.pipeline import make_admission, make_gateway, open_release, warm_up
from services.gateway.release_control import NO_POLICY, ReleaseControl, named_by
from services.gateway.release_upkeep import ReleaseUpkeep, tended
from services.gateway.request_log import open_request_log
from services.gateway.servicer import NAME, Door, RecommendationServicer
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.gateway.traffic.metrics import TrafficCollector
from services.gateway.traffic.open import open_traffic
from services.gateway.traffic.report import Standing, stages_of
from services.inference.startup import load_slots

API_PREFIX = "/v1/"
MANY = ("Recommend",)
SOME = ("RecordEvents", "SimilarItems")
SETTLE_SECONDS = 60.0  # for the releases that traffic names; without them it serves the others
SOME_CALLS = 16  # taken at once: they are short, and each that waits for one costs

OpenStages = Callable[[GatewaySettings, AsyncExitStack], Awaitable[Stages]]


def mounted(settings: GatewaySettings, open_stages: OpenStages, own_port: int = 0) -> Mount:
    """Mounts the gateway with the release of the settings, over the stages that are opened.

    `own_port`: a second HTTP port for this process alone, when it shares the first with others.
    """

    async def mount(server: grpc.aio.Server, stack: Lifetime) -> Sequence[str]:
        slots = await load_slots(settings, partial(open_release, settings=settings))
        (release_id,) = slots.ids()
        release = slots.get(release_id)
        assert release is not None
        stages = await open_stages(settings, stack)
        traffic = await open_traffic(settings, stack, Policy(NO_POLICY, release_id))
        named = partial(named_by, traffic.follower)
        releases = ReleaseControl(
            slots, stages.holders, stages.addresses, named, answering=lambda: (release_id,)
        )
        upkeep = ReleaseUpkeep(releases, time.monotonic)
        await upkeep.settle(SETTLE_SECONDS)
        await stack.enter_async_context(tended(upkeep))
        await warm_up(make_gateway(release, stages, settings))
        await traffic.report(lambda: Standing(stages_of(releases.holdings()), ()), stack)
        catalog = await open_catalog(settings, stack, release)
        log = await open_request_log(settings, stack)
        admission = make_admission(settings)
        gateway = make_gateway(release, stages, settings, time.monotonic, catalog, log, admission)
        for collector in (
            StatsCollector(gateway.stats),
            BreakerCollector(gateway.guards),
            ItemTableCollector(catalog.table),
            AdmissionCollector(admission),
            TrafficCollector(traffic.follower, time.monotonic),
        ):
            stack.callback(register(REGISTRY, collector))
        door = Door(admission)
        take_many(server, NAME, MANY)
        take_many(server, NAME, SOME, SOME_CALLS)
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(  # type: ignore[no-untyped-call]
            RecommendationServicer(gateway, door), server
        )
        gateway_pb2_grpc.add_CatalogServiceServicer_to_server(  # type: ignore[no-untyped-call]
            CatalogServicer(gateway.items, gateway.users, door), server
        )
        plain = make_app(gateway, REGISTRY, worker=os.getpid())
        app = leaving(admitted(traced(plain, API_PREFIX), admission), lambda: stack.leaving)
        await stack.door().enter_async_context(serving(app, settings))
        if own_port:
            alone = settings.model_copy(update={"http_port": own_port})
            await stack.door().enter_async_context(serving(app, alone))
        reporter = Reporter(gateway, releases, settings, stages.addresses, time.time)
        await open_admin(reporter, releases, settings, stack.door())
        return [NAME, CATALOG]

    return mount
