"""What the parts of recall cost: microseconds a query, on one core.

    taskset -c 0 python -m tests.bench.recall FOLDER [--batch 8] [--seconds 1]

FOLDER is a release, or its recall part. First each channel alone; then all of them: with and
without live state, on one thread a channel and on shared threads. Users have 50 events and 150 seen
items (tests/bench/stages.py); 600 candidates are asked for.
"""

import argparse
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import uvloop

from models.schema.catalog import Catalog
from services.domain.context import RequestContext
from services.domain.inline import InlineItems
from services.domain.live import NOTHING_LIVE, STATISTICS, FreshItems, Live, Takedowns
from services.domain.stages import RecallQuery
from services.recall.model import RecallModel
from services.recall.pipeline import CHANNELS, open_recall
from services.recall.runners import InlineRunner, Runner, ThreadRunner
from services.recall.settings import RecallSettings
from services.recall.tables import Tables, open_tables
from tests.bench.stages import LONG, RECALLED, user

SETTINGS = RecallSettings(channel_timeout=LONG)
TURNS, USERS = 7, 64


def live_of(tables: Tables, fresh: int) -> Live:
    """So many new items, statistics of all, 100 trending, 1 % of the release hidden."""
    generator = np.random.default_rng(2)
    vectors = generator.normal(size=(fresh, tables.index.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = tuple(f"new {i}" for i in range(fresh))
    features = np.zeros((fresh, tables.schema.content_size), np.float32)
    items = InlineItems(ids, vectors, features)
    keys = np.sort(items.keys)
    labels = ((),) * fresh
    count = len(tables.catalog)
    hidden = np.arange(0, count, 100, dtype=np.int32)
    return Live(
        FreshItems(items, keys, labels, labels, np.zeros(fresh, np.int64)),
        generator.random((count + fresh, len(STATISTICS))).astype(np.float32),
        np.arange(100, dtype=np.int32),
        np.linspace(2, 1, 100).astype(np.float32),
        Takedowns(hidden, np.zeros(len(hidden), np.int64)),
    )


def apart(tables: Tables) -> tuple[Runner, ...]:
    """Each channel on a thread of its own, but for those on the event loop."""
    opened = [(c.thread, c.open(tables)) for c in CHANNELS if c.name in tables.channels]
    return tuple(
        ThreadRunner(one.name, [one]) if thread else InlineRunner([one]) for thread, one in opened
    )


async def cost(run: Callable[[], Awaitable[object]], batch: int, seconds: float) -> str:
    """CPU and wall microseconds a query: medians over turns."""
    turns = []
    for _ in range(TURNS):
        done, start, wall = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - wall < seconds / TURNS:
            await run()
            done += batch
        spent, passed = time.process_time() - start, time.perf_counter() - wall
        turns.append((1e6 * spent / done, 1e6 * passed / done))
    cpu, passed = (statistics.median(column) for column in zip(*turns, strict=True))
    return f"{cpu:>10.0f}{passed:>10.0f}"


async def channels(tables: Tables, queries: list[RecallQuery], seconds: float) -> None:
    """Each channel alone, called directly."""
    sizes = open_recall(tables.folder, SETTINGS).sizes
    for channel in CHANNELS:
        if channel.name not in tables.channels:
            continue
        source, place = channel.open(tables), tables.channels.index(channel.name)
        limits = [sizes.of(query)[place] for query in queries]
        live = live_of(tables, 1000)

        async def run() -> None:
            source.fetch(list(queries), limits, live)  # noqa: B023 - called within the turn

        await run()
        print(f"{channel.name:<34}{await cost(run, len(queries), seconds)}")


async def whole(tables: Tables, queries: list[RecallQuery], seconds: float) -> None:
    """All channels, filters and merge."""
    model = open_recall(tables.folder, SETTINGS)
    name = tables.catalog.categories(0)[0]
    narrow = RequestContext(0, categories=(name,))
    filtered = [replace(query, request=narrow) for query in queries]
    cases: list[tuple[str, RecallModel, list[RecallQuery], Live]] = [
        ("all, nothing live", model, queries, NOTHING_LIVE),
        ("all, a thread each", replace(model, runners=apart(tables)), queries, NOTHING_LIVE),
        ("all, 100 new items", model, queries, live_of(tables, 100)),
        ("all, 1,000 new items", model, queries, live_of(tables, 1000)),
        ("all, 10,000 new items", model, queries, live_of(tables, 10_000)),
        ("all, one category", model, filtered, live_of(tables, 100)),
    ]
    for title, one, asked, live in cases:
        await one.run(asked, live)

        async def run() -> None:
            await one.run(list(asked), live)  # noqa: B023 - called within the turn

        print(f"{title:<34}{await cost(run, len(queries), seconds)}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each line")
    arguments = parser.parse_args()
    tables = open_tables(arguments.folder, SETTINGS)
    catalog: Catalog = tables.catalog
    generator = np.random.default_rng(1)
    users = [user(catalog, generator) for _ in range(USERS)][: arguments.batch]
    queries = [RecallQuery("", u, RequestContext(now=0), RECALLED, LONG) for u in users]
    print(f"{len(catalog)} items, batches of {arguments.batch}")
    print(f"{'':<34}{'CPU us':>10}{'wall us':>10}")
    await channels(tables, queries, arguments.seconds)
    await whole(tables, queries, arguments.seconds)


if __name__ == "__main__":
    uvloop.run(main())
