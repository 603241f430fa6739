"""Bytes of Redis that users, items and log entries take: `python -m tests.bench.memory`.

On a private server, each row is the growth of `used_memory` divided by how many were stored, so it
holds keys, expiries, encodings and what the allocator rounds up.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import redis
from pydantic import SecretStr
from redis.asyncio import Redis

from services.domain.events import Event, EventType
from services.domain.user_state import (
    AppendEventsQuery,
    MarkShownQuery,
    ProfileQuery,
)
from services.feature_store.layout import EVENT_IDS_LIMIT
from services.feature_store.limits import MAX_EVENTS
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.items.record import Item
from services.items.store import ItemStore
from services.rollout.store import Store, Writing
from tests.redis import RedisServer, running
from tests.unit.rollout.samples import look_of_all_guards

USERS = 1000
ITEMS = 10_000
EVENTS = 20_000
LOOKS = 1000
NOW = 1_700_000_000
PATIENCE = 60.0
PROFILE = {"age": "24", "gender": "M", "occupation": "technician"}


@dataclass(frozen=True)
class World:
    """A server, and what writes to it."""

    store: FeatureStore
    items: ItemStore
    random: np.random.Generator

    def keys(self, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]":
        return self.random.integers(0, 2**64, count, np.uint64)


async def profiles(world: World, user: str) -> None:
    """A profile alone."""
    await world.store.profiles.call([ProfileQuery(user, PROFILE, PATIENCE)], PATIENCE)


async def one_list(world: World, user: str) -> None:
    """A profile and one list of 20 shown."""
    await profiles(world, user)
    query = MarkShownQuery(user, world.keys(20), NOW, PATIENCE)
    await world.store.marks.call([query], PATIENCE)


async def events(world: World, user: str, count: int = 200) -> None:
    """A profile and 200 events, one after the other in time."""
    await profiles(world, user)
    keys = world.keys(count).tolist()
    for start in range(0, count, MAX_EVENTS):
        part = tuple(
            Event(f"event {at}", keys[at], EventType.CLICK, NOW + at, 0.0, f"item {at}")
            for at in range(start, min(start + MAX_EVENTS, count))
        )
        await world.store.events.call([AppendEventsQuery(user, part, PATIENCE)], PATIENCE)


async def full(world: World, user: str) -> None:
    """All a user can take: history, known event ids, exact list, both Bloom generations."""
    await events(world, user, EVENT_IDS_LIMIT)
    for _ in range(12):
        query = MarkShownQuery(user, world.keys(200), NOW, PATIENCE)
        await world.store.marks.call([query], PATIENCE)


async def put_items(world: World) -> None:
    """Items with a title, two categories, two tags, two attributes and a sentence."""
    await world.items.put(
        [
            Item(
                f"item {i}",
                f"The {i}th Title of a Film",
                ("Drama", "Comedy"),
                ("new", "prime"),
                {"year": "1999", "studio": "A24"},
                "Two people who never met write each other letters for eleven years.",
            )
            for i in range(ITEMS)
        ],
        NOW,
    )


async def log_events(world: World) -> None:
    """Events of one user: all but the log is there already."""
    for start in range(0, EVENTS, MAX_EVENTS):
        part = tuple(
            Event(f"more {i}", i, EventType.CLICK, NOW, 0.0, f"item {i}", "f1bb587be7f048db90")
            for i in range(start, start + MAX_EVENTS)
        )
        await world.store.events.call([AppendEventsQuery("full 0", part, PATIENCE)], PATIENCE)


async def log_looks(client: Redis) -> None:
    """Looks of the leader of a rollout, each with verdicts of all guards."""
    store, look = Store(client), look_of_all_guards()
    found = await store.read("", "leader", PATIENCE)
    for at in range(LOOKS):
        await store.commit("leader", found, Writing(entry=replace(look, at=look.at + at)))


async def main(server: RedisServer, secret: Path) -> None:
    """Prints bytes, one row a kind."""
    settings = FeatureStoreSettings(redis_url=SecretStr(server.url), redis_timeout=PATIENCE)
    logging = settings.model_copy(update={"pseudonym_key_file": secret})
    kinds: list[tuple[str, Callable[[World, str], Awaitable[None]]]] = [
        ("user, profile", profiles),
        ("user, profile, one list of 20", one_list),
        ("user, profile, 200 events", events),
        ("user, everything full", full),
    ]
    with redis.Redis(port=server.port) as raw:
        client = Redis(port=server.port, socket_timeout=PATIENCE)
        async with open_feature_store(settings) as store, open_feature_store(logging) as logged:
            world = World(store, ItemStore(client), np.random.default_rng(1))
            await full(world, "to load the scripts")
            for name, fill in kinds:
                before = used(raw)
                for i in range(USERS):
                    await fill(world, f"{fill.__name__} {i}")
                row(name, used(raw) - before, USERS)
            before = used(raw)
            await put_items(world)
            row("item, put once (record and change)", used(raw) - before, ITEMS)
            before = used(raw)
            await log_events(World(logged, world.items, world.random))
            row("event that waits in the log", used(raw) - before, EVENTS)
            before = used(raw)
            await log_looks(client)
            row("look of a rollout at all guards", used(raw) - before, LOOKS)
        await client.aclose()


def used(raw: redis.Redis) -> int:
    """Bytes that Redis holds."""
    return int(raw.info("memory")["used_memory"])


def row(name: str, size: int, count: int) -> None:
    print(f"{name:38s} {size / count:9,.0f} bytes", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "redis") as server:
        key = Path(folder) / "secret"
        key.write_text("5" * 64)
        asyncio.run(main(server, key))
