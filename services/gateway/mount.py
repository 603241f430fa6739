"""Puts the gateway on its ports: gRPC, HTTP, and those of who runs it."""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import grpc
from prometheus_client import REGISTRY
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.intake import take_many
from services.chassis.server import Lifetime, Mount
from services.chassis.tracing_http import traced
from services.gateway.admin.servicer import open_admin
from services.gateway.admin.status import Reporter
from services.gateway.admission.http import admitted
from services.gateway.catalog.servicer import NAME as CATALOG
from services.gateway.catalog.servicer import CatalogServicer
from services.gateway.gateway import Gateway
from services.gateway.http.app import make_app
from services.gateway.http.leaving import leaving
from services.gateway.http.server import serving
from services.gateway.opening import open_gateway
from services.gateway.servicer import NAME, Door, RecommendationServicer
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages

API_PREFIX = "/v1/"
MANY = ("Recommend",)
SOME = ("RecordEvents", "SimilarItems")
SOME_CALLS = 16  # taken at once: they are short, and each that waits for one costs

OpenStages = Callable[[GatewaySettings, AsyncExitStack], Awaitable[Stages]]


def mounted(settings: GatewaySettings, open_stages: OpenStages, own_port: int = 0) -> Mount:
    """Mounts the gateway with the release of the settings, over the stages that are opened.

    `own_port`: a second HTTP port for this process alone, when it shares the first with others.
    """

    async def mount(server: grpc.aio.Server, stack: Lifetime) -> Sequence[str]:
        stages = await open_stages(settings, stack)
        opened = await open_gateway(settings, stages, stack)
        gateway, admission = opened.gateway, opened.admission
        _serve(gateway, Door(admission), server)
        plain = make_app(gateway, REGISTRY, worker=os.getpid())
        app = leaving(admitted(traced(plain, API_PREFIX), admission), lambda: stack.leaving)
        await stack.door().enter_async_context(serving(app, settings))
        if own_port:
            alone = settings.model_copy(update={"http_port": own_port})
            await stack.door().enter_async_context(serving(app, alone))
        reporter = Reporter(gateway, opened.releases, settings, stages.addresses, time.time)
        await open_admin(reporter, opened.releases, settings, stack.door())
        return [NAME, CATALOG]

    return mount


def _serve(gateway: Gateway, door: Door, server: grpc.aio.Server) -> None:
    """The public calls over gRPC."""
    take_many(server, NAME, MANY)
    take_many(server, NAME, SOME, SOME_CALLS)
    gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(  # type: ignore[no-untyped-call]
        RecommendationServicer(gateway, door), server
    )
    gateway_pb2_grpc.add_CatalogServiceServicer_to_server(  # type: ignore[no-untyped-call]
        CatalogServicer(gateway.items, gateway.users, door), server
    )
