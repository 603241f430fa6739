"""A million events: what Redis holds stays within the bound of docs/state.md."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import uvloop
from pydantic import SecretStr

from services.domain.events import Event, EventType
from services.domain.user_state import AppendEventsQuery
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.journal.streams import PARTITIONS
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]

PATIENCE = 120.0
NOW = 1_700_000_000
LOG = 10_000
FULL_USER_BYTES = 19_500
USER_BYTES = 3_500  # with 25 events
EVENT_BYTES = 100
KINDS = (EventType.CLICK, EventType.IMPRESSION, EventType.LIKE, EventType.DWELL)


@pytest.fixture
def raw(own_redis: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=own_redis.port) as client:
        yield client


def call(user: int, numbers: range) -> AppendEventsQuery:
    """So many events of a user; no two have the same item or id."""
    events = tuple(
        Event(f"{n}", user * 2**20 + n, KINDS[n % 4], NOW + n, 1.0, f"item {n}") for n in numbers
    )
    return AppendEventsQuery(f"user {user}", events, PATIENCE)


async def append(store: FeatureStore, users: range, per_user: range, size: int) -> int:
    """Every user's events, `size` a call, many calls in a round trip; how many were accepted."""
    accepted = 0
    for first in range(per_user.start, per_user.stop, size):
        for start in range(users.start, users.stop, 50):
            some = range(start, min(start + 50, users.stop))
            calls = [call(user, range(first, first + size)) for user in some]
            outcomes = await store.events.call(calls, PATIENCE)
            accepted += sum(o.value.accepted for o in outcomes if o.value is not None)
    return accepted


def used(raw: redis.Redis) -> int:
    """Bytes in use, but for what is on its way to the disk or to clients just now."""
    memory = raw.info("memory")
    passing = int(memory["mem_aof_buffer"]) + int(memory["mem_clients_normal"])
    return int(memory["used_memory"]) - passing


def test_a_million_events(own_redis: RedisServer, raw: redis.Redis, tmp_path: Path) -> None:
    key = tmp_path / "pseudonym.key"
    key.write_text("7" * 64)
    settings = FeatureStoreSettings(
        redis_url=SecretStr(own_redis.url),
        redis_timeout=PATIENCE,
        pseudonym_key_file=key,
        event_log_limit=LOG,
    )
    heavy, light = range(300), range(300, 10_300)

    async def run() -> None:
        empty = used(raw)
        async with open_feature_store(settings) as store:
            accepted = await append(store, heavy, range(1250), 250)
            early = used(raw)
            accepted += await append(store, heavy, range(1250, 2500), 250)
            late = used(raw)
            accepted += await append(store, light, range(25), 25)
        assert accepted == 1_000_000
        while raw.info("clients")["connected_clients"] > 1:
            await asyncio.sleep(0.01)  # buffers of connections that end are no state of users
        assert late - early < 0.02 * early, "users that are full do not grow"
        log = PARTITIONS * (LOG + 200) * EVENT_BYTES
        assert used(raw) - empty < len(heavy) * FULL_USER_BYTES + len(light) * USER_BYTES + log

    uvloop.run(run())
    assert raw.dbsize() == len(heavy) + len(light) + 2 * PARTITIONS
    for user in (heavy.start, heavy.stop - 1):
        assert raw.memory_usage(f"{{u:user {user}}}", samples=0) < FULL_USER_BYTES
    assert all(raw.ttl(f"{{u:user {user}}}") > 0 for user in (*heavy, *light))
    for partition in range(PARTITIONS):
        assert raw.xlen(f"events:{partition}") <= LOG + 200
