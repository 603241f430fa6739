"""The whole stack in one event loop: every service on its own port, a real Redis, a release."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.chassis.channel import open_channel
from services.chassis.server import Mount, RunningServer, started
from services.chassis.settings import ServerSettings
from services.feature_store.servicer import mount as mount_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.client import gateway_stub
from services.gateway.mount import mounted as mount_gateway
from services.gateway.remote import grpc_stages
from services.gateway.settings import GatewaySettings
from services.prerank.__main__ import mounted as mount_prerank
from services.prerank.settings import PrerankSettings
from services.rank.__main__ import mounted as mount_rank
from services.rank.settings import RankSettings
from services.recall.__main__ import mounted as mount_recall
from services.recall.settings import RecallSettings
from services.rerank.__main__ import mounted as mount_rerank
from services.rerank.settings import RerankSettings
from tests.redis import RedisServer, free_port

PATIENCE = 30.0


@dataclass
class Stack:
    """A running stack, and the two ways to call it; `port`: of the gateway's gRPC."""

    stub: gateway_pb2_grpc.RecommendationServiceStub
    catalog: gateway_pb2_grpc.CatalogServiceStub
    http: httpx.AsyncClient
    servers: dict[str, RunningServer]
    redis: RedisServer
    settings: GatewaySettings
    port: int

    async def recommend(self, user: str, **given: Any) -> pb.RecommendResponse:
        response: pb.RecommendResponse = await self.stub.Recommend(
            pb.RecommendRequest(user_id=user, **given)
        )
        return response

    async def explain(self, user: str, item: str = "", **given: Any) -> pb.ExplainResponse:
        request = pb.RecommendRequest(user_id=user, **given)
        response: pb.ExplainResponse = await self.stub.Explain(
            pb.ExplainRequest(request=request, item_id=item)
        )
        return response


@asynccontextmanager
async def running(release: Path, own_redis: RedisServer, /, **changes: Any) -> AsyncIterator[Stack]:
    """Six services; deadlines long enough that nothing is late on a slow machine.

    `changes`: other settings of the gateway.
    """
    served = {"port": 0, "releases": str(release.parent), "release": release.name}
    url = SecretStr(own_redis.url)
    store = FeatureStoreSettings(port=0, metrics_port=0, redis_url=url, redis_timeout=PATIENCE)
    recall = RecallSettings(**served, channel_timeout=PATIENCE, redis_url=url)
    mounts: list[tuple[str, ServerSettings, Mount]] = [
        ("feature_store", store, partial(mount_feature_store, store)),
        ("recall", recall, mount_recall(recall)),
        ("prerank", ps := PrerankSettings(**served), mount_prerank(ps)),
        ("rank", ks := RankSettings(**served), mount_rank(ks)),
        ("rerank", rs := RerankSettings(**served), mount_rerank(rs)),
    ]
    async with AsyncExitStack() as context:
        servers = {}
        for name, settings, mount in mounts:
            quick = settings.model_copy(update={"drain_seconds": 0.0, "metrics_port": 0})
            servers[name] = await context.enter_async_context(started(name, quick, mount))
        addresses = {name: f"127.0.0.1:{server.port}" for name, server in servers.items()}
        gateway = GatewaySettings(
            **(served | addresses | changes),
            redis_url=url,
            redis_timeout=PATIENCE,
            http_port=free_port(),
            metrics_port=0,
            drain_seconds=0.0,
            deadline_seconds=PATIENCE,
        )
        mount = mount_gateway(gateway, grpc_stages)
        server = await context.enter_async_context(started("gateway", gateway, mount))
        channel = await context.enter_async_context(open_channel(f"127.0.0.1:{server.port}"))
        http = await context.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.http_port}", timeout=PATIENCE)
        )
        catalog = gateway_pb2_grpc.CatalogServiceStub(channel)  # type: ignore[no-untyped-call]
        yield Stack(gateway_stub(channel), catalog, http, servers, own_redis, gateway, server.port)


@pytest.fixture
async def stack(release: Path, own_redis: RedisServer) -> AsyncIterator[Stack]:
    """The stack of one test."""
    async with running(release, own_redis) as stack:
        yield stack


def user() -> str:
    """A user nobody knows."""
    return f"user {uuid4().hex}"


def ids(items: Any) -> list[str]:
    """Ids of items of an answer."""
    return [item.item_id for item in items]
