"""The stages behind gRPC, with batching and retries around each."""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
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
_OF_RELEASES = ("recall", "prerank", "rank", "rerank")


async def grpc_stages(settings: GatewaySettings, stack: AsyncExitStack) -> Stages:
    """Clients of the services at the addresses of the settings; channels end with the stack."""

    async def channel(address: str) -> grpc.aio.Channel:
        return await stack.enter_async_context(open_channel(address, settings.tls))

    clients = _Clients(settings)
    store = await channel(settings.feature_store)
    of_releases = {stage: await channel(getattr(settings, stage)) for stage in _OF_RELEASES}
    return Stages(
        **clients.of_releases(of_releases),
        **clients.of_users(store),
        anew=partial(clients.of_releases, of_releases),
        addresses={
            **dict.fromkeys(_OF_FEATURE_STORE, settings.feature_store),
            **{stage: getattr(settings, stage) for stage in _OF_RELEASES},
            "similar": settings.recall,
        },
        holders={stage: ReleaseClient(to) for stage, to in of_releases.items()},
    )


class _Clients:
    """Makes clients: batching around retries around the calls."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._limits = BatchLimits(settings.batch_queries, settings.batch_items)
        self._ratio = settings.retry_ratio

    def of_releases(self, to: Mapping[str, grpc.aio.Channel]) -> dict[str, Any]:
        """Of the stages that answer from releases, by their names in Stages."""
        recall, natural = to["recall"], self._natural
        return {
            "recall": natural("recall", recall_client(recall), lambda q: q.limit),
            "similar": natural("similar", similar_client(recall), lambda q: q.limit),
            "prerank": natural(
                "prerank", prerank_client(to["prerank"]), lambda q: len(q.candidates)
            ),
            "rank": natural("rank", rank_client(to["rank"]), lambda q: len(q.candidates)),
            "rerank": natural("rerank", rerank_client(to["rerank"]), lambda q: len(q.rows)),
        }

    def of_users(self, store: grpc.aio.Channel) -> dict[str, Any]:
        """Of the feature store, by their names in Stages."""
        natural = self._natural
        return {
            "contexts": natural("feature_store", context_client(store), lambda q: 0),
            "marks": natural("seen", mark_client(store), lambda q: len(q.keys)),
            "events": natural("events", append_client(store), lambda q: len(q.events)),
            "profiles": natural("profiles", profile_client(store), lambda q: 0),
            "erasures": natural("erasures", erase_client(store), lambda q: 0),
        }

    def _natural(
        self, name: str, client: StageClient[Q, R], items: Callable[[Q], int]
    ) -> StageClient[Q, R]:
        traced, budget = traced_client(name, client), RetryBudget(self._ratio)
        retrying = Retrying(traced, budget, retries(name))
        return open_batching(retrying, self._limits, items, time.monotonic, batch_queries(name))
