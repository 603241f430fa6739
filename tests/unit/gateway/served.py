"""A gateway of the test's world behind gRPC and HTTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import httpx
from prometheus_client import CollectorRegistry
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.server import started
from services.chassis.settings import ServerSettings
from services.gateway.catalog.servicer import CatalogServicer
from services.gateway.http.app import make_app
from services.gateway.servicer import NAME, RecommendationServicer
from tests.unit.gateway.doors import open_door
from tests.unit.gateway.world import World


@dataclass
class Surfaces:
    """The three ways to call."""

    lists: gateway_pb2_grpc.RecommendationServiceStub
    catalog: gateway_pb2_grpc.CatalogServiceStub
    http: httpx.AsyncClient


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Surfaces]:
    """Serves while the context is open."""
    gateway = world.gateway

    async def mount(server: grpc.aio.Server, _stack: AsyncExitStack) -> Sequence[str]:
        lists = RecommendationServicer(gateway, open_door())
        gateway_pb2_grpc.add_RecommendationServiceServicer_to_server(lists, server)
        catalog = CatalogServicer(gateway.items, gateway.users, open_door())
        gateway_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
        return [NAME]

    settings = ServerSettings(port=0, drain_seconds=0.0)
    transport = httpx.ASGITransport(make_app(gateway, CollectorRegistry(), 7, kept_seconds=0))
    async with (
        started("gateway", settings, mount) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as http,
    ):
        lists = gateway_pb2_grpc.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
        catalog = gateway_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[no-untyped-call]
        yield Surfaces(lists, catalog, http)
