"""What the item table costs: `python -m tests.bench.items`. Starts a Redis of its own."""

import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from services.chassis.redis import open_redis
from services.domain.ids import item_keys
from services.items.record import Item
from services.items.store import ItemStore
from services.items.table import ItemTable
from tests.redis import running

ITEMS = 100_000
HIDDEN = 10_000
CALL = 1000
NOW = 1_700_000_000
TEXT = "a chair to sit on, made of wood and wool in a small workshop by the sea " * 3


def item(number: int) -> Item:
    """An item with about 300 bytes of what an owner says."""
    return Item(f"item-{number}", f"A chair, number {number}", ("home",), ("wood",), {}, TEXT)


async def measure(url: str) -> None:
    redis = open_redis(SecretStr(url), timeout=30.0)
    store, table = ItemStore(redis), ItemTable(redis)
    before = (await redis.info("memory"))["used_memory"]
    start = time.perf_counter()
    for first in range(0, ITEMS, CALL):
        await store.put([item(i) for i in range(first, first + CALL)], NOW)
    print(f"put, {CALL} a call: {ITEMS / (time.perf_counter() - start):,.0f} items/s")
    stream = await redis.memory_usage("items:stream", samples=0) or 0
    used = (await redis.info("memory"))["used_memory"] - before - stream
    print(f"Redis: {used / ITEMS:,.0f} bytes an item, the stream of changes {stream / 1e6:,.0f} MB")
    start = time.perf_counter()
    await table.refresh()
    print(f"reading a table of {ITEMS:,} items: {time.perf_counter() - start:.2f} s")
    names = [f"item-{i}" for i in range(HIDDEN)]
    await store.hide(names, NOW)
    await table.refresh()
    await _timed("nothing new to read", 2000, table.refresh)
    keys = item_keys(f"item-{i}" for i in np.random.default_rng(0).integers(0, ITEMS, 600))
    start = time.perf_counter()
    for _ in range(2000):
        table.hidden(keys, NOW)
    micros = (time.perf_counter() - start) / 2000 * 1e6
    print(f"which of 600 candidates are out, {HIDDEN:,} being out: {micros:.0f} us")
    start = time.perf_counter()
    for i in range(200):
        await store.hide([f"late-{i}"], NOW)
        await table.refresh()
    print(f"a hide and its refresh: {(time.perf_counter() - start) / 200 * 1e3:.2f} ms")
    await redis.aclose()


async def _timed(name: str, count: int, call: object) -> None:
    start = time.perf_counter()
    for _ in range(count):
        await call()  # type: ignore[operator]
    print(f"{name}: {(time.perf_counter() - start) / count * 1e6:.0f} us")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        asyncio.run(measure(server.url))
