"""Puts the gateway on its ports: the release, the stages, gRPC and HTTP."""

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc
from prometheus_client import REGISTRY
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.server import Mount
from services.gateway.catalog.open import open_catalog
from services.gateway.catalog.servicer import NAME as CATALOG
from services.gateway.catalog.servicer import CatalogServicer
from services.gateway.http.app import make_app
from services.gateway.http.server import serving
from services.gateway.metrics import ItemTableCollector, StatsCollector, register
from services.gateway.pipeline import make_gateway, open_release, warm_up
from services.gateway.request_log import open_request_log
from services.gateway.servicer import NAME, RecommendationServicer
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.inference.startup import load_slots

OpenStages = Callable[[GatewaySettings, AsyncExitStack], Awaitable[Stages]]


def mounted(settings: GatewaySettings, open_stages: OpenStages, own_port: int = 0) -> Mount:
    """Mounts the gateway with the release of the settings, over the stages that are opened.

    `own_port`: a second HTTP port for this process alone, when it shares the first with others.
    """

    async def mount(server: grpc.aio.Server, stack: AsyncExitStack) -> Sequence[str]:
        slots = await load_slots(settings, partial(open_release, settings=settings))
        (release_id,) = slots.ids()
        release = slots.get(release_id)
        assert release is not None
        stages = await open_stages(settings, stack)
        await warm_up(make_gateway(release, stages, settings))
        catalog = await open_catalog(settings, stack, release)
        log = await open_request_log(settings, stack)
        gateway = make_gateway(release, stages, settings, catalog=catalog, log=log)
        for collector in (StatsCollector(gateway.stats), ItemTableCollector(catalog.table)):
            stack.callback(register(REGISTRY, collector))
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(  # type: ignore[no-untyped-call]
            RecommendationServicer(gateway), server
        )
        gateway_pb2_grpc.add_CatalogServiceServicer_to_server(  # type: ignore[no-untyped-call]
            CatalogServicer(gateway.items, gateway.users), server
        )
        app = make_app(gateway, REGISTRY, worker=os.getpid())
        await stack.enter_async_context(serving(app, settings))
        if own_port:
            alone = settings.model_copy(update={"http_port": own_port, "reuse_port": False})
            await stack.enter_async_context(serving(app, alone))
        return [NAME, CATALOG]

    return mount
