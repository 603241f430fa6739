"""CPU of recall, prerank and rank in process: microseconds a query, on one core.

    taskset -c 0 python -m tests.bench.stages [--releases var/releases] [--seconds 3]

Users have 50 events and 150 seen items (exact list and Bloom filter); recall gives 600 candidates,
prerank scores 600, rank scores the best 200 against 50 events. CPU is that of the whole process,
threads of the channels included. Each stage is run in turns, and the median of the turns is shown.
"""

import argparse
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from services.domain.bloom import BloomFilter
from services.domain.candidates import best_first
from services.domain.context import History, RequestContext, Seen, UserContext
from services.domain.outcome import Outcome
from services.domain.stages import (
    PrerankQuery,
    RankQuery,
    RecallQuery,
)
from services.inference.store import ReleaseStore
from services.prerank.pipeline import open_prerank
from services.rank.pipeline import open_rank
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings

EVENTS, SEEN, RECALLED, RANKED = 50, 150, 600, 200
TURNS = 7
LONG = 60.0  # seconds; nothing is skipped for lateness


@dataclass(frozen=True)
class Stage:
    """A stage and the queries it is asked."""

    name: str
    run: Callable[[Sequence[Any]], Awaitable[Sequence[Outcome[Any]]]]
    queries: list[Any]


def user(catalog: Catalog, generator: np.random.Generator) -> UserContext:
    """A user of the release's items."""
    keys = np.asarray(catalog.keys)[generator.permutation(len(catalog))[:SEEN]]
    times = np.sort(generator.integers(1, 2**30, EVENTS).astype(np.uint32))[::-1]
    events = generator.integers(2, 4, EVENTS).astype(np.uint8)
    history = History(keys[:EVENTS], times, events, np.ones(EVENTS, np.float32))
    seen = Seen(keys[:20], (BloomFilter.empty(1 << 14, 10).added(keys),))
    return UserContext("bench", known=True, history=history, seen=seen)


async def stages(folder: Path, count: int) -> list[Stage]:
    """The three stages of a release, each with queries made by the ones before."""
    catalog = Catalog(folder, FeatureSchema.read(folder).categories)
    generator = np.random.default_rng(1)
    users = [user(catalog, generator) for _ in range(count)]
    request = RequestContext(now=0)
    recall = open_recall(folder, RecallSettings(channel_timeout=LONG))
    prerank, rank = open_prerank(folder), open_rank(folder)
    first = [RecallQuery(folder.name, u, request, RECALLED, LONG) for u in users]
    recalled = [outcome.value for outcome in await recall.run(first)]
    second = [
        PrerankQuery(folder.name, u, request, r.candidates, r.user_vector, LONG)
        for u, r in zip(users, recalled, strict=True)
        if r is not None
    ]
    orders = [best_first(o.value.blended, RANKED) for o in await prerank.run(second) if o.value]
    third = [
        RankQuery(folder.name, q.context, request, q.candidates.take(order), LONG, q.user_vector)
        for q, order in zip(second, orders, strict=True)
    ]
    return [
        Stage(f"recall {RECALLED}", recall.run, first),
        Stage(f"prerank {len(second[0].candidates)}", prerank.run, second),
        Stage(f"rank {RANKED} x {EVENTS}", rank.run, third),
    ]


async def cpu(stage: Stage, batch: int, seconds: float) -> tuple[float, float]:
    """CPU and wall microseconds a query, over `seconds` of batches."""
    done, at = 0, 0
    start, wall = time.process_time(), time.perf_counter()
    while time.perf_counter() - wall < seconds:
        queries = [stage.queries[(at + i) % len(stage.queries)] for i in range(batch)]
        at += batch
        await stage.run(queries)
        done += batch
    spent, passed = time.process_time() - start, time.perf_counter() - wall
    return 1e6 * spent / done, 1e6 * passed / done


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", default="var/releases")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each stage and batch size")
    arguments = parser.parse_args()
    store = ReleaseStore(arguments.releases)
    folder = store.fetch(store.current())
    print(f"release {folder.name}")
    print(f"{'stage':<16}{'batch':>6}{'CPU us':>10}{'wall us':>10}")
    for stage in await stages(folder, 64):
        for batch in (1, 8):
            await cpu(stage, batch, 0.2)
            turns = [await cpu(stage, batch, arguments.seconds / TURNS) for _ in range(TURNS)]
            spent, passed = (statistics.median(column) for column in zip(*turns, strict=True))
            print(f"{stage.name:<16}{batch:>6}{spent:>10.0f}{passed:>10.0f}")


if __name__ == "__main__":
    uvloop.run(main())
