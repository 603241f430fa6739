"""The stages behind gRPC, with batching and retries around each."""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import grpc

from services.chassis.channel import open_channel
from services.domain.protocols import StageClient
from services.feature_store.client import (
    append_client,
    context_client,
    erase_client,
    mark_client,
    profile_client,
)
from services.gateway.metrics import batch_queries, retries
from services.gateway.resilience.batching import BatchLimits
from services.gateway.resilience.retry import RetryBudget, Retrying
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.gateway.tracing.batching import open_batching, traced_client
from services.inference.client import ReleaseClient
from services.prerank.client import prerank_client
from services.rank.client import rank_client
from services.recall.client import recall_client, similar_client
from services.rerank.client import rerank_client

Q = TypeVar("Q")
R = TypeVar("R")

_OF_FEATURE_STORE = ("feature_store", "seen", "events", "profiles", "erasures")


async def grpc_stages(settings: GatewaySettings, stack: AsyncExitStack) -> Stages:
    """Clients of the services at the addresses of the settings; channels end with the stack."""
    limits = BatchLimits(settings.batch_queries, settings.batch_items)

    async def channel(address: str) -> grpc.aio.Channel:
        return await stack.enter_async_context(open_channel(address, settings.tls))

    def natural(
        name: str, client: StageClient[Q, R], items: Callable[[Q], int]
    ) -> StageClient[Q, R]:
        traced, budget = traced_client(name, client), RetryBudget(settings.retry_ratio)
        retrying = Retrying(traced, budget, retries(name))
        return open_batching(retrying, limits, items, time.monotonic, batch_queries(name))

    store = await channel(settings.feature_store)
    recall = await channel(settings.recall)
    prerank = await channel(settings.prerank)
    rank = await channel(settings.rank)
    rerank = await channel(settings.rerank)

    def of_release() -> Mapping[str, StageClient[Any, Any]]:
        return {
            "recall": natural("recall", recall_client(recall), lambda query: query.limit),
            "similar": natural("similar", similar_client(recall), lambda query: query.limit),
            "prerank": natural("prerank", prerank_client(prerank), lambda q: len(q.candidates)),
            "rank": natural("rank", rank_client(rank), lambda query: len(query.candidates)),
            "rerank": natural("rerank", rerank_client(rerank), lambda query: len(query.rows)),
        }

    return Stages(
        **of_release(),
        anew=of_release,
        contexts=natural("feature_store", context_client(store), lambda query: 0),
        marks=natural("seen", mark_client(store), lambda query: len(query.keys)),
        events=natural("events", append_client(store), lambda query: len(query.events)),
        profiles=natural("profiles", profile_client(store), lambda query: 0),
        erasures=natural("erasures", erase_client(store), lambda query: 0),
        addresses={
            **dict.fromkeys(_OF_FEATURE_STORE, settings.feature_store),
            **dict.fromkeys(("recall", "similar"), settings.recall),
            "prerank": settings.prerank,
            "rank": settings.rank,
            "rerank": settings.rerank,
        },
        holders={
            "recall": ReleaseClient(recall),
            "prerank": ReleaseClient(prerank),
            "rank": ReleaseClient(rank),
            "rerank": ReleaseClient(rerank),
        },
    )
