"""Profiles, erasure and the version of the item table, on a real Redis."""

import uuid
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import redis
from pydantic import SecretStr

from services.domain.context import History, UserContext, preferences
from services.domain.events import Event, EventType
from services.domain.outcome import Outcome, Reason
from services.domain.user_state import (
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    MarkShownQuery,
    ProfileQuery,
    Stored,
    UserImport,
)
from services.feature_store import layout
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.items.store import VERSION
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]

PATIENCE = 30.0
NOW = 1_700_000_000


@pytest.fixture
async def store(own_redis: RedisServer) -> AsyncIterator[FeatureStore]:
    url = SecretStr(own_redis.url)
    settings = FeatureStoreSettings(redis_url=url, redis_timeout=PATIENCE)
    async with open_feature_store(settings) as opened:
        yield opened


@pytest.fixture
def raw(own_redis: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=own_redis.port) as client:
        yield client


@pytest.fixture
def user() -> str:
    return uuid.uuid4().hex


async def read(store: FeatureStore, user: str) -> UserContext:
    (outcome,) = await store.contexts.call([ContextQuery(user, PATIENCE)], PATIENCE)
    assert outcome.value is not None, outcome.failure
    return outcome.value


async def put(store: FeatureStore, user: str, **profile: str) -> Outcome[Stored]:
    return (await store.profiles.call([ProfileQuery(user, profile, PATIENCE)], PATIENCE))[0]


async def erase(store: FeatureStore, user: str) -> Outcome[Erased]:
    return (await store.erasures.call([EraseQuery(user, PATIENCE)], PATIENCE))[0]


async def live(store: FeatureStore, user: str) -> None:
    """Everything that can be stored of a user."""
    await put(store, user, age="24", preferences='["Drama"]')
    shown = np.arange(300, dtype=np.uint64)
    await store.marks.call([MarkShownQuery(user, shown, NOW, PATIENCE)], PATIENCE)
    events = tuple(Event(f"e{i}", i, EventType.CLICK, NOW, 1.0, f"i{i}") for i in range(300))
    await store.events.call([AppendEventsQuery(user, events, PATIENCE)], PATIENCE)


def imported(user: str) -> UserImport:
    return UserImport(user, {"age": "24"}, History.empty(), np.arange(5, dtype=np.uint64))


def mentions(raw: redis.Redis, text: bytes) -> list[bytes]:
    """Keys that hold the text: in the name, or anywhere in what is stored under it."""
    found = []
    for key in raw.scan_iter():
        dump = {
            b"hash": lambda key: raw.hgetall(key),
            b"zset": lambda key: raw.zrange(key, 0, -1),
            b"stream": lambda key: raw.xrange(key),
            b"string": lambda key: raw.get(key),
        }[raw.type(key)](key)
        if text in key or text in repr(dump).encode():
            found.append(key)
    return found


class TestProfiles:
    async def test_a_profile_is_in_the_next_read(self, store: FeatureStore, user: str) -> None:
        assert (await put(store, user, age="24", name="Zoë")).value == Stored()
        context = await read(store, user)
        assert context.known
        assert context.profile == {"age": "24", "name": "Zoë"}

    async def test_a_profile_replaces_the_one_before_and_nothing_else(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        await live(store, user)
        before = await read(store, user)
        await put(store, user, gender="F")
        after = await read(store, user)
        assert after.profile == {"gender": "F"}
        assert after.history.keys.tolist() == before.history.keys.tolist()
        assert after.seen.recent.tolist() == before.seen.recent.tolist()

    async def test_it_renews_the_expiry(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        await put(store, user)
        raw.expire(layout.user_key(user), 100)
        await put(store, user)
        assert raw.ttl(layout.user_key(user)) > 89 * 86_400

    @pytest.mark.parametrize(
        ("user_id", "profile", "field"),
        [
            ("", {}, "user_id"),
            ("u" * 257, {}, "user_id"),
            ("u", {str(i): "" for i in range(65)}, "profile"),
            ("u", {"": "x"}, "profile"),
            ("u", {"n" * 65: "x"}, "profile"),
            ("u", {"n": "x" * 16_385}, "profile[n]"),
            ("u", {"n": "\ud800"}, "profile[n]"),
        ],
    )
    async def test_a_bad_one_fails_alone(
        self, store: FeatureStore, user: str, user_id: str, profile: dict[str, str], field: str
    ) -> None:
        queries = [ProfileQuery(user_id, profile, PATIENCE), ProfileQuery(user, {}, PATIENCE)]
        bad, good = await store.profiles.call(queries, PATIENCE)
        assert bad.failure is not None
        assert bad.failure.reason is Reason.INVALID
        assert bad.failure.message.startswith(f"{field}:")
        assert good.value == Stored()

    @pytest.mark.parametrize(
        ("stored", "chosen"),
        [
            ('["Drama", "Comedy"]', ("Drama", "Comedy")),
            ("[]", ()),
            ("", ()),
            ("not json", ()),
            ('{"Drama": 1}', ()),
            ('["Drama", 3, null, ""]', ("Drama",)),
            ("[" * 8000, ()),
        ],
    )
    def test_preferences_that_cannot_be_read_are_none(
        self, stored: str, chosen: tuple[str, ...]
    ) -> None:
        assert preferences({"preferences": stored}) == chosen
        assert preferences({}) == ()


class TestExpiry:
    @pytest.mark.parametrize(("who", "days"), [("u", 90), ("session:u", 14)])
    async def test_sessions_are_kept_for_less_long(
        self, store: FeatureStore, raw: redis.Redis, who: str, days: int
    ) -> None:
        key = layout.user_key(who)
        events = (Event("e", 1, EventType.CLICK, NOW),)
        shown = np.array([2], np.uint64)
        await put(store, who)
        left = [raw.ttl(key)]
        await store.marks.call([MarkShownQuery(who, shown, NOW, PATIENCE)], PATIENCE)
        left.append(raw.ttl(key))
        await store.events.call([AppendEventsQuery(who, events, PATIENCE)], PATIENCE)
        left.append(raw.ttl(key))
        assert all((days - 1) * 86_400 < seconds <= days * 86_400 for seconds in left)


class TestErasure:
    async def test_nothing_of_the_user_is_left(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        await live(store, user)
        await live(store, "another")
        assert mentions(raw, user.encode()) == [layout.user_key(user)]
        assert (await erase(store, user)).value == Erased(existed=True)
        assert mentions(raw, user.encode()) == []
        assert not raw.exists(layout.user_key(user))
        context = await read(store, user)
        assert not context.known
        assert not context.has_seen(np.arange(300, dtype=np.uint64)).any()
        assert len((await read(store, "another")).history) == 200, "the others stay"

    async def test_a_user_nobody_knows(self, store: FeatureStore, user: str) -> None:
        assert (await erase(store, user)).value == Erased(existed=False)
        await live(store, user)
        assert (await erase(store, user)).value == Erased(existed=True)
        assert (await erase(store, user)).value == Erased(existed=False)

    async def test_what_cannot_be_read_can_be_erased(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        for spoil in (
            lambda: raw.hset(layout.user_key(user), "history", b"\x02 of a later version"),
            lambda: raw.set(layout.user_key(user), "not a hash"),
        ):
            spoil()
            assert (await erase(store, user)).value == Erased(existed=True)
            assert not (await read(store, user)).known

    async def test_an_import_does_not_bring_it_back(self, store: FeatureStore, user: str) -> None:
        other = uuid.uuid4().hex
        await store.imports.add("first", [imported(user)], last=False)
        await erase(store, user)
        done = await store.imports.add("first", [imported(user), imported(other)], last=True)
        assert (done.imported, done.existing) == (1, 1)
        await store.imports.add("another data set", [imported(user)], last=True)
        assert not (await read(store, user)).known
        assert (await read(store, other)).known

    async def test_who_comes_back_is_a_user_again(self, store: FeatureStore, user: str) -> None:
        await live(store, user)
        await erase(store, user)
        event = Event("e1", 7, EventType.CLICK, NOW)
        query = AppendEventsQuery(user, (event,), PATIENCE)
        (outcome,) = await store.events.call([query], PATIENCE)
        assert outcome.value is not None
        assert outcome.value.accepted == 1, "its event ids are forgotten too"
        assert (await read(store, user)).history.keys.tolist() == [7]

    async def test_the_list_of_the_erased_forgets(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        raw.zadd(layout.ERASED, {b"long ago": 1_000_000_000})
        await erase(store, user)
        assert raw.zcard(layout.ERASED) == 1
        assert 0 < raw.ttl(layout.ERASED) <= layout.ERASED_SECONDS


class TestItemsVersion:
    async def test_it_comes_with_every_context(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        assert (await read(store, user)).items_version == 0
        raw.set(VERSION, 41)
        queries = [ContextQuery(name, PATIENCE) for name in (user, "", "v")]
        outcomes = await store.contexts.call(queries, PATIENCE)
        assert [o.value and o.value.items_version for o in outcomes] == [41, None, 41]

    @pytest.mark.parametrize("value", ["", "soon", "-3"])
    async def test_one_that_cannot_be_read_is_not_known(
        self, store: FeatureStore, user: str, raw: redis.Redis, value: str
    ) -> None:
        raw.set(VERSION, value)
        assert (await read(store, user)).items_version == 0
        raw.delete(VERSION)
        raw.hset(VERSION, "another", "type")
        assert (await read(store, user)).items_version == 0

    async def test_a_batch_is_one_command_longer(
        self, store: FeatureStore, raw: redis.Redis
    ) -> None:
        await read(store, "u")
        raw.config_resetstat()
        await store.contexts.call([ContextQuery(f"u{i}", PATIENCE) for i in range(64)], PATIENCE)
        commands = {name: stats["calls"] for name, stats in raw.info("commandstats").items()}
        assert commands["cmdstat_hmget"] == 64
        assert commands["cmdstat_get"] == 1
