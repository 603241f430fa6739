"""The stages behind gRPC, with batching and retries around each."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import grpc

from services.chassis.channel import open_channel
from services.domain.protocols import StageClient
from services.feature_store.client import append_client, context_client, mark_client
from services.gateway.batching import Batching, BatchLimits
from services.gateway.retry import RetryBudget, Retrying
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.prerank.client import prerank_client
from services.rank.client import rank_client
from services.recall.client import recall_client, similar_client
from services.rerank.client import rerank_client

Q = TypeVar("Q")
R = TypeVar("R")


async def grpc_stages(settings: GatewaySettings, stack: AsyncExitStack) -> Stages:
    """Clients of the services at the addresses of the settings; channels end with the stack."""
    limits = BatchLimits(settings.batch_queries, settings.batch_items)

    async def channel(address: str) -> grpc.aio.Channel:
        return await stack.enter_async_context(open_channel(address))

    def natural(client: StageClient[Q, R], items: Callable[[Q], int]) -> StageClient[Q, R]:
        retrying = Retrying(client, RetryBudget(settings.retry_ratio))
        return Batching(retrying, limits, items, time.monotonic)

    feature_store = await channel(settings.feature_store)
    recall = await channel(settings.recall)
    return Stages(
        contexts=natural(context_client(feature_store), _nothing),
        recall=natural(recall_client(recall), lambda query: query.limit),
        similar=natural(similar_client(recall), lambda query: query.limit),
        prerank=natural(
            prerank_client(await channel(settings.prerank)), lambda query: len(query.candidates)
        ),
        rank=natural(
            rank_client(await channel(settings.rank)), lambda query: len(query.candidates)
        ),
        rerank=natural(
            rerank_client(await channel(settings.rerank)), lambda query: len(query.rows)
        ),
        marks=natural(mark_client(feature_store), lambda query: len(query.keys)),
        events=natural(append_client(feature_store), lambda query: len(query.events)),
    )


def _nothing(_query: Any) -> int:
    """A context query has no candidates."""
    return 0
