"""The log of accepted events: each is in history and stream, or in neither."""

import asyncio
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from services.chassis.errors import StartupError
from services.domain.events import Event, EventType
from services.domain.outcome import Outcome, Reason
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
)
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.journal.event import EventEntry, decode_event, event_hash
from services.journal.pseudonym import pseudonym
from services.journal.streams import FIELD, PARTITIONS, added, partition, stream
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]

KEY = bytes(range(32))
NOW = 1_700_000_000


def settings_of(server: RedisServer, folder: Path, **told: object) -> FeatureStoreSettings:
    (folder / "key").write_text(KEY.hex())
    return FeatureStoreSettings.model_validate(
        {"redis_url": server.url, "redis_timeout": 30, "pseudonym_key_file": folder / "key", **told}
    )


async def append(store: FeatureStore, user: str, *events: Event) -> Outcome[Appended]:
    return (await store.events.call([AppendEventsQuery(user, events, 30.0)], 30.0))[0]


def logged(server: RedisServer) -> list[EventEntry]:
    with redis.Redis(port=server.port) as client:
        return [
            decode_event(fields[FIELD])
            for p in range(PARTITIONS)
            for _, fields in client.xrange(stream("events", p))
        ]


async def test_an_accepted_event_is_logged_once_with_all_that_is_known_of_it(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    like = Event("e1", 7, EventType.LIKE, NOW, 4.5, "item 7", "list 1")
    shown = Event("e2", 8, EventType.IMPRESSION, NOW)
    async with open_feature_store(settings_of(own_redis, tmp_path)) as store:
        assert await append(store, "ann", like, like, shown) == Outcome.of(Appended(2, 1))
        assert await append(store, "ann", shown, like) == Outcome.of(Appended(0, 2))
        context = (await store.contexts.call([ContextQuery("ann", 30.0)], 30.0))[0].value
    user = pseudonym("ann", KEY)
    assert logged(own_redis) == [
        EventEntry(event_hash("e1"), 7, NOW, 3, 4.5, user, "item 7", "list 1"),
        EventEntry(event_hash("e2"), 8, NOW, 1, 0.0, user),
    ]
    assert context is not None
    assert context.history.keys.tolist() == [7]
    with redis.Redis(port=own_redis.port) as client:
        assert client.get(added("events", partition(user))) == b"2"


async def test_a_user_is_in_one_stream_and_no_log_has_the_name(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    users = [f"secret-name-{i}" for i in range(40)]
    async with open_feature_store(settings_of(own_redis, tmp_path)) as store:
        for i, user in enumerate((*users, *users)):
            await append(store, user, Event(f"e{i}", i, EventType.CLICK, NOW))
    with redis.Redis(port=own_redis.port) as client:
        for p in range(PARTITIONS):
            payloads = [fields[FIELD] for _, fields in client.xrange(stream("events", p))]
            assert payloads
            assert all(partition(decode_event(payload).pseudonym) == p for payload in payloads)
            assert not any(b"secret-name" in payload for payload in payloads)
    assert len(logged(own_redis)) == 80


async def test_without_a_key_nothing_is_logged(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = settings_of(own_redis, tmp_path, pseudonym_key_file=None)
    async with open_feature_store(settings) as store:
        assert (await append(store, "ann", Event("e1", 7, EventType.LIKE, NOW))).value
    with redis.Redis(port=own_redis.port) as client:
        assert not list(client.scan_iter("events:*"))


async def test_an_event_that_cannot_be_logged_is_not_accepted(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    with redis.Redis(port=own_redis.port) as client:
        for p in range(PARTITIONS):
            client.set(stream("events", p), "not a stream")
    async with open_feature_store(settings_of(own_redis, tmp_path)) as store:
        outcome = await append(store, "ann", Event("e1", 7, EventType.LIKE, NOW))
        context = (await store.contexts.call([ContextQuery("ann", 30.0)], 30.0))[0].value
    assert outcome.failure is not None
    assert outcome.failure.reason == Reason.INTERNAL
    assert context is not None
    assert len(context.history) == 0


async def test_a_stream_that_nobody_reads_is_bounded(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    async with open_feature_store(settings_of(own_redis, tmp_path, event_log_limit=1000)) as store:
        for batch in range(10):
            events = [Event(f"{batch} {i}", i, EventType.CLICK, NOW) for i in range(500)]
            assert (await append(store, "ann", *events)).value == Appended(500, 0)
    name = partition(pseudonym("ann", KEY))
    with redis.Redis(port=own_redis.port) as client:
        assert 1000 <= client.xlen(stream("events", name)) < 1200
        assert client.get(added("events", name)) == b"5000"


def test_a_missing_key_file_refuses_the_start(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = FeatureStoreSettings(
        redis_url=SecretStr(own_redis.url), pseudonym_key_file=tmp_path / "nowhere"
    )
    with pytest.raises(StartupError, match="nowhere"):
        open_feature_store(settings)


async def test_many_writers_lose_nothing(own_redis: RedisServer, tmp_path: Path) -> None:
    async with open_feature_store(settings_of(own_redis, tmp_path)) as store:
        await asyncio.gather(
            *(
                append(store, f"u{i % 7}", Event(f"e{i % 300}", i % 300, EventType.CLICK, NOW))
                for i in range(600)
            )
        )
    found = [(entry.pseudonym, entry.event_hash) for entry in logged(own_redis)]
    expected = {(pseudonym(f"u{i % 7}", KEY), event_hash(f"e{i % 300}")) for i in range(600)}
    assert len(found) == len(set(found))
    assert set(found) == expected
