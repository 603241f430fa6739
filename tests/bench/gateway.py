"""CPU of the gateway itself: the stages answer at once with results made before.

    python -m tests.bench.gateway --releases var/releases

Prints microseconds of CPU a request, the best of several rounds, 600 → 200 → 20.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from recsys.gateway.v1 import gateway_pb2 as pb

from services.chassis.redis import open_redis
from services.domain.candidates import Candidates
from services.domain.context import History, Seen, UserContext
from services.domain.ids import item_keys
from services.domain.outcome import Outcome
from services.domain.stages import (
    Recalled,
    Reranked,
    RerankQuery,
    Scores,
    Similar,
    Slate,
)
from services.domain.user_state import (
    Appended,
    Erased,
    Marked,
    Stored,
)
from services.gateway import wire
from services.gateway.catalog.open import Catalog
from services.gateway.gateway import Gateway
from services.gateway.http import encoding
from services.gateway.http.app import make_app
from services.gateway.http.boundary import json_response
from services.gateway.pipeline import make_gateway, open_release
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.resilience.batching import BatchLimits
from services.gateway.resilience.retry import RetryBudget, Retrying
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.gateway.tracing.batching import open_batching, traced_client
from services.inference.store import ReleaseStore
from services.items.record import Item
from services.items.store import ItemStore
from services.items.table import ItemTable
from tests.redis import running

ROUNDS, REQUESTS, CONCURRENCY = 7, 400, 32


@dataclass(frozen=True)
class Instant:
    """Answers every query with the same value."""

    outcome: Outcome[Any]

    async def call(self, queries: Sequence[Any], timeout: float) -> Sequence[Outcome[Any]]:
        return [self.outcome] * len(queries)


class First:
    """Reranks nothing: the first k."""

    async def call(
        self, queries: Sequence[RerankQuery], timeout: float
    ) -> Sequence[Outcome[Reranked]]:
        return [Outcome.of(Reranked(Slate(q.rows[: q.k], q.scores[: q.k]))) for q in queries]


def instant_stages(release: GatewayRelease, batched: bool, items_version: int = 0) -> Stages:
    """Stages that cost nothing; `batched`: with what stands around gRPC clients."""
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(release))[:600].astype(np.int32)
    candidates = Candidates(
        rows,
        rng.integers(1, 8, 600).astype(np.uint32),
        rng.random((600, len(release.channels)), np.float32),
    )
    history = History(
        release.keys[:50],
        np.arange(50, dtype=np.uint32),
        np.full(50, 2, np.uint8),
        np.zeros(50, np.float32),
    )
    seen = Seen(item_keys(map(str, range(200))))
    user = UserContext("196", True, {}, history, seen, items_version)
    tasks = rng.random((200, len(release.tasks)), np.float32)

    def around(client: Any) -> Any:
        if not batched:
            return client
        retrying: Any = Retrying(traced_client("stage", client), RetryBudget())
        return open_batching(retrying, BatchLimits(), lambda query: 1, time.monotonic)

    def stage(value: Any) -> Any:
        return around(Instant(Outcome.of(value)))

    return Stages(
        contexts=stage(user),
        recall=stage(Recalled(candidates, np.ones(32, np.float32))),
        similar=stage(Similar(rows[:20], np.ones(20, np.float32))),
        prerank=stage(Scores(rng.random(600, np.float32))),
        rank=stage(Scores(tasks[:, 0].copy(), tasks)),
        rerank=around(First()),
        marks=stage(Marked()),
        events=stage(Appended(1, 0)),
        profiles=stage(Stored()),
        erasures=stage(Erased(True)),
    )


async def measured(one: Callable[[], Awaitable[object]]) -> float:
    """Microseconds of CPU of one call, with CONCURRENCY of them under way."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REQUESTS // CONCURRENCY):
            await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
        count = REQUESTS // CONCURRENCY * CONCURRENCY
        best = min(best, (time.process_time() - start) / count * 1e6)
    return best


async def full_table(redis_url: str, release: GatewayRelease) -> ItemTable:
    """10,000 items that were put, 500 of the release among them; 500 of the others are hidden."""
    redis = open_redis(SecretStr(redis_url))
    store, table = ItemStore(redis), ItemTable(redis)
    names = [release.text(row).item_id for row in range(500)]
    names += [f"new {i}" for i in range(9500)]
    await store.put([Item(name, name, ("Drama",)) for name in names], 1)
    await store.hide(names[-500:], 1)
    await table.refresh()
    await redis.aclose()
    return table


async def main(release: GatewayRelease, redis_url: str) -> None:
    settings = GatewaySettings(deadline_seconds=30.0)
    request = pb.RecommendRequest(user_id="196", k=20, context={"device": "phone"})
    plain = make_gateway(release, instant_stages(release, batched=False), settings)
    batched = make_gateway(release, instant_stages(release, batched=True), settings)
    catalog = Catalog(await full_table(redis_url, release), None)
    stages = instant_stages(release, batched=False, items_version=catalog.table.version)
    with_items = make_gateway(release, stages, settings, catalog=catalog)

    async def funnel(gateway: Gateway = plain) -> None:
        await gateway.recommend(RecommendInput(user_id="196"), "id")

    async def grpc_call() -> bytes:
        given = wire.recommend_input(request)
        answer = await plain.recommend(given, "id")
        return bytes(wire.recommend_response(answer).SerializeToString())

    answer = await plain.recommend(RecommendInput(user_id="196"), "id")

    async def message() -> None:
        wire.recommend_response(answer).SerializeToString()

    async def text() -> None:
        json_response(encoding.recommend_json(answer))

    app = make_app(plain, CollectorRegistry(), 1)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:

        async def http_call() -> None:
            (await client.get("/v1/users/196/recommendations?k=20")).raise_for_status()

        async def health() -> None:
            (await client.get("/healthz")).raise_for_status()

        for name, one in {
            "funnel": funnel,
            "funnel with batching and retries": lambda: funnel(batched),
            "funnel with an item table": lambda: funnel(with_items),
            "answer as protobuf": message,
            "answer as JSON": text,
            "Recommend: decode, funnel, encode": grpc_call,
            "GET recommendations, httpx client included": http_call,
            "GET /healthz, httpx client included": health,
        }.items():
            print(f"{name:45s} {await measured(one):8.1f} us")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--releases", default="var/releases")
    store = ReleaseStore(parser.parse_args().releases)
    release = open_release(Path(store.fetch(store.current())), GatewaySettings())
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        uvloop.run(main(release, server.url))
