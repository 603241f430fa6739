"""CPU and time of the feature store on a private Redis: `python -m tests.bench.feature_store`.

Prints, for one caller and for 16 concurrent ones, the CPU of this process and the wall time of an
operation, the hot read also through redis-py, and what the scripts cost Redis itself.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import redis
import redis.asyncio as redis_asyncio
import uvloop
from pydantic import SecretStr

from services.domain.context import History
from services.domain.events import Event, EventType
from services.domain.user_state import (
    AppendEventsQuery,
    ContextQuery,
    MarkShownQuery,
    UserImport,
)
from services.feature_store.address import Address
from services.feature_store.layout import EVENT_IDS_LIMIT, BloomShape, Layout, user_key
from services.feature_store.limits import MAX_EVENTS
from services.feature_store.link import RedisLink
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from tests.redis import RedisServer, running

CALLS = 8000
NOW = 1_700_000_000
USERS = [f"user {i}" for i in range(200)]

Call = Callable[[int], Awaitable[object]]


async def measure(name: str, call: Call, concurrency: int) -> None:
    """Prints microseconds a call."""

    async def caller(first: int) -> None:
        for i in range(first, CALLS, concurrency):
            await call(i)

    await caller(CALLS - 200)
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(first) for first in range(concurrency)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:34s} {concurrency:11d} {cpu / CALLS * 1e6:8.1f} {wall / CALLS * 1e6:8.1f}")


async def fill(store: FeatureStore) -> None:
    """Users with a full history, a full exact list, two Bloom generations and all event ids."""
    random = np.random.default_rng(1)
    users = [
        UserImport(
            user,
            {"age": "24", "gender": "M", "occupation": "technician"},
            History(
                random.integers(0, 2**64, 200, np.uint64),
                np.full(200, NOW, np.uint32),
                np.full(200, EventType.CLICK, np.uint8),
                np.zeros(200, np.float32),
            ),
            random.integers(0, 2**64, 1500, np.uint64),
        )
        for user in USERS
    ]
    await store.imports.add("bench", users, last=True)
    for user in USERS:
        keys = random.integers(0, 2**64, 200, np.uint64)
        await store.marks.call([MarkShownQuery(user, keys, NOW, 10.0)], 10.0)
        for first in range(0, EVENT_IDS_LIMIT, MAX_EVENTS):
            ids = range(first, min(first + MAX_EVENTS, EVENT_IDS_LIMIT))
            events = tuple(Event(f"old {i}", 1, EventType.CLICK, NOW) for i in ids)
            await store.events.call([AppendEventsQuery(user, events, 10.0)], 10.0)


def calls(store: FeatureStore, link: RedisLink, client: redis_asyncio.Redis) -> dict[str, Call]:
    """What is measured."""
    fields = Layout(BloomShape(), 1, 1).fields()
    random = np.random.default_rng(2)
    shown = random.integers(0, 2**64, (CALLS, 20), np.uint64)

    async def redis_py(i: int) -> None:
        await client.hmget(user_key(USERS[i % 200]).decode(), list(fields))

    async def redis_py_pipeline(i: int) -> None:
        pipeline = client.pipeline(transaction=False)
        pipeline.hmget(user_key(USERS[i % 200]).decode(), list(fields))
        await pipeline.execute(raise_on_error=False)

    async def raw(i: int) -> None:
        await link.execute([(b"HMGET", user_key(USERS[i % 200]), *fields)], 1.0)

    async def context(i: int) -> None:
        await store.contexts.call([ContextQuery(USERS[i % 200], 1.0)], 1.0)

    async def mark(i: int) -> None:
        query = MarkShownQuery(USERS[i % 200], shown[i], NOW, 1.0)
        await store.marks.call([query], 1.0)

    async def append(i: int) -> None:
        event = Event(f"{i} {time.perf_counter_ns()}", int(shown[i, 0]), EventType.CLICK, NOW)
        await store.events.call([AppendEventsQuery(USERS[i % 200], (event,), 1.0)], 1.0)

    return {
        "HMGET, redis-py": redis_py,
        "HMGET, redis-py, pipeline of one": redis_py_pipeline,
        "HMGET, link": raw,
        "context (HMGET, decoded)": context,
        "mark 20 items": mark,
        "append an event": append,
    }


async def main(server: RedisServer) -> None:
    """Measures on a server that was just started."""
    key = server.folder / "pseudonym.key"
    key.write_text("2a" * 32)
    settings = FeatureStoreSettings(
        redis_url=SecretStr(server.url), redis_timeout=10.0, pseudonym_key_file=key
    )
    link = RedisLink(Address.parse(server.url), 10.0)
    async with open_feature_store(settings) as store, redis_asyncio.from_url(server.url) as client:
        await fill(store)
        await client.config_resetstat()
        print(f"{'':34s} {'concurrency':>11s} {'cpu µs':>8s} {'wall µs':>8s}")
        for concurrency in (1, 16):
            for name, call in calls(store, link, client).items():
                await measure(name, call, concurrency)
    await link.close()
    with redis.Redis(port=server.port) as sync:
        for command, stats in sorted(sync.info("commandstats").items()):
            print(f"in Redis: {command:22s} {stats['calls']:8d} calls {stats['usec_per_call']} µs")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        uvloop.run(main(server))
