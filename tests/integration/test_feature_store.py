"""The feature store on a real Redis: its guarantees, and what it does when Redis fails."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import redis
import uvloop
from pydantic import SecretStr

from services.domain.bloom import BloomFilter
from services.domain.context import History, UserContext
from services.domain.events import Event, EventType
from services.domain.outcome import CallError, Outcome, Reason
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Marked,
    MarkShownQuery,
    UserImport,
)
from services.feature_store.layout import EVENT_IDS_LIMIT, user_key
from services.feature_store.limits import MAX_EVENTS
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from tests.redis import RedisServer, own_redis, redis_server, running

__all__ = ["own_redis", "redis_server"]

PATIENCE = 30.0
NOW = 1_700_000_000


def settings_for(server: RedisServer, **values: object) -> FeatureStoreSettings:
    given = {"redis_url": SecretStr(server.url), "redis_timeout": PATIENCE, **values}
    return FeatureStoreSettings.model_validate(given)


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[FeatureStore]:
    async with open_feature_store(settings_for(redis_server)) as opened:
        yield opened


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_server.port) as client:
        yield client


@pytest.fixture
def user() -> str:
    return uuid.uuid4().hex


@asynccontextmanager
async def small_store(server: RedisServer) -> AsyncIterator[FeatureStore]:
    """Bloom generations of about 7 keys."""
    async with open_feature_store(settings_for(server, bloom_bits=128, bloom_hashes=10)) as opened:
        yield opened


def click(
    key: int, event_id: str = "", time: int = NOW, kind: EventType = EventType.CLICK
) -> Event:
    return Event(event_id or uuid.uuid4().hex, key, kind, time, 1.5)


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


async def outcome_of(store: FeatureStore, user: str) -> Outcome[UserContext]:
    return (await store.contexts.call([ContextQuery(user, PATIENCE)], PATIENCE))[0]


async def read(store: FeatureStore, user: str) -> UserContext:
    outcome = await outcome_of(store, user)
    assert outcome.value is not None, outcome.failure
    return outcome.value


async def mark(store: FeatureStore, user: str, *shown: int) -> Outcome[Marked]:
    query = MarkShownQuery(user, keys(*shown), NOW, PATIENCE)
    return (await store.marks.call([query], PATIENCE))[0]


async def append(store: FeatureStore, user: str, *events: Event) -> Outcome[Appended]:
    query = AppendEventsQuery(user, events, PATIENCE)
    return (await store.events.call([query], PATIENCE))[0]


class TestGuarantees:
    async def test_unknown_user(self, store: FeatureStore, user: str) -> None:
        context = await read(store, user)
        assert not context.known
        assert len(context.history) == 0
        assert not context.has_seen(keys(1, 2, 3)).any()

    async def test_what_was_shown_is_seen_by_the_next_read(
        self, store: FeatureStore, user: str
    ) -> None:
        assert (await mark(store, user, 1, 2, 3)).value == Marked()
        await mark(store, user, 4, 2, 2**64 - 1)
        context = await read(store, user)
        assert context.seen.recent.tolist() == [4, 2, 2**64 - 1, 1, 3]
        assert context.has_seen(keys(1, 2, 3, 4, 2**64 - 1)).all()
        assert not context.known, "a user who was only shown items is still a cold start"

    async def test_the_exact_list_keeps_the_last_200_and_the_filter_the_rest(
        self, store: FeatureStore, user: str
    ) -> None:
        for start in range(0, 300, 20):
            await mark(store, user, *range(start, start + 20))
        context = await read(store, user)
        assert context.seen.recent.tolist()[:20] == list(range(280, 300))
        assert len(context.seen.recent) == 200
        assert context.has_seen(np.arange(300, dtype=np.uint64)).all()
        assert 290 <= context.seen.count() <= 310

    async def test_an_event_is_in_the_history_of_the_next_read(
        self, store: FeatureStore, user: str
    ) -> None:
        assert (await append(store, user, click(7, time=NOW))).value == Appended(1, 0)
        await append(store, user, click(8, time=NOW + 1), click(9, time=NOW - 5))
        context = await read(store, user)
        assert context.known
        assert context.history.keys.tolist() == [8, 7, 9], "newest first by time"
        assert context.history.times.tolist() == [NOW + 1, NOW, NOW - 5]
        assert context.history.events.tolist() == [EventType.CLICK] * 3
        assert context.history.values.tolist() == [1.5] * 3
        assert context.has_seen(keys(7, 8, 9)).all()

    async def test_of_equal_times_the_later_append_is_newer(
        self, store: FeatureStore, user: str
    ) -> None:
        await append(store, user, click(1), click(2))
        await append(store, user, click(3))
        assert (await read(store, user)).history.keys.tolist() == [3, 2, 1]

    async def test_the_history_keeps_the_last_200(self, store: FeatureStore, user: str) -> None:
        await append(store, user, *(click(i, time=NOW + i) for i in range(250)))
        context = await read(store, user)
        assert context.history.keys.tolist() == list(range(249, 49, -1))
        assert context.seen.contains(np.arange(250, dtype=np.uint64)).all()

    async def test_impressions_are_seen_but_no_history(
        self, store: FeatureStore, user: str
    ) -> None:
        await append(store, user, click(5, kind=EventType.IMPRESSION))
        context = await read(store, user)
        assert len(context.history) == 0
        assert not context.known
        assert context.seen.recent.tolist() == [5]
        assert context.seen.generations[0].contains(keys(5)).all()

    async def test_dismissed_items_are_seen(self, store: FeatureStore, user: str) -> None:
        await append(store, user, click(5, kind=EventType.DISMISS))
        assert (await read(store, user)).seen.contains(keys(5)).all()

    async def test_an_item_that_is_shown_then_clicked_counts_once(
        self, store: FeatureStore, user: str
    ) -> None:
        await mark(store, user, *range(100))
        before = (await read(store, user)).seen.generations[0].count
        await append(store, user, *(click(i) for i in range(100)))
        assert (await read(store, user)).seen.generations[0].count == before

    async def test_users_expire(self, store: FeatureStore, user: str, raw: redis.Redis) -> None:
        await mark(store, user, 1)
        days = raw.ttl(user_key(user)) / 86400
        assert 89 < days <= 90
        raw.expire(user_key(user), 100)
        await append(store, user, click(2))
        assert raw.ttl(user_key(user)) / 86400 > 89, "a write renews it"


class TestIdempotency:
    async def test_an_event_id_counts_once(self, store: FeatureStore, user: str) -> None:
        events = (click(1, "a"), click(2, "b"), click(1, "a"))
        assert (await append(store, user, *events)).value == Appended(2, 1)
        assert (await append(store, user, *events)).value == Appended(0, 3)
        assert (await append(store, user, click(3, "c"), *events)).value == Appended(1, 3)
        assert sorted((await read(store, user)).history.keys.tolist()) == [1, 2, 3]

    async def test_event_ids_of_other_users_are_others(self, store: FeatureStore) -> None:
        for name in (uuid.uuid4().hex, uuid.uuid4().hex):
            assert (await append(store, name, click(1, "same"))).value == Appended(1, 0)

    async def test_the_largest_call_may_be_sent_again(self, store: FeatureStore, user: str) -> None:
        events = [click(i, f"event {i}") for i in range(1000)]
        assert (await append(store, user, *events)).value == Appended(1000, 0)
        assert (await append(store, user, *events)).value == Appended(0, 1000)

    @pytest.mark.parametrize("size", [400, MAX_EVENTS])
    async def test_a_large_call_is_known_after_others(
        self, store: FeatureStore, user: str, size: int
    ) -> None:
        events = [click(i, f"event {i}") for i in range(size)]
        await append(store, user, *events)
        for i in range(EVENT_IDS_LIMIT - MAX_EVENTS):
            await append(store, user, click(i))
        assert (await append(store, user, *events)).value == Appended(0, size)

    async def test_ids_that_are_sent_again_become_the_newest(
        self, store: FeatureStore, user: str
    ) -> None:
        old = [click(i, f"old {i}") for i in range(EVENT_IDS_LIMIT - MAX_EVENTS)]
        await append(store, user, *old)
        await append(store, user, *(click(i) for i in range(MAX_EVENTS)))
        mixed = [*old, *(click(i, f"new {i}") for i in range(MAX_EVENTS - len(old)))]
        new = MAX_EVENTS - len(old)
        assert (await append(store, user, *mixed)).value == Appended(new, len(old))
        assert (await append(store, user, *mixed)).value == Appended(0, MAX_EVENTS)

    async def test_an_id_is_forgotten_after_1024_others(
        self, store: FeatureStore, user: str
    ) -> None:
        first = click(1, "first")
        others = [click(i, f"event {i}") for i in range(EVENT_IDS_LIMIT)]
        await append(store, user, first)
        await append(store, user, *others[:MAX_EVENTS])
        await append(store, user, *others[MAX_EVENTS:])
        assert (await append(store, user, others[0])).value == Appended(0, 1)
        assert (await append(store, user, first)).value == Appended(1, 0)

    async def test_an_event_older_than_the_200_newest_is_seen_but_no_history(
        self, store: FeatureStore, user: str
    ) -> None:
        await append(store, user, *(click(i, time=NOW + i) for i in range(200)))
        assert (await append(store, user, click(999, time=NOW - 1))).value == Appended(1, 0)
        context = await read(store, user)
        assert 999 not in context.history.keys
        assert len(context.history) == 200
        assert context.has_seen(keys(999)).all()


class TestBloomGenerations:
    async def test_a_full_generation_is_followed_and_the_oldest_dropped(
        self, redis_server: RedisServer, user: str
    ) -> None:
        async with small_store(redis_server) as store:
            shown = list(range(1000, 1040))
            for key in shown:
                await mark(store, user, key)
                generations = (await read(store, user)).seen.generations
                assert len(generations) <= 2
                assert generations[0].contains(keys(key)).all()
                for generation in generations:
                    bits = int(np.unpackbits(generation.data).sum())
                    assert 0 < bits <= 64, "never more than half"
        oldest = keys(*shown[:5])
        assert not any(g.contains(oldest).all() for g in generations)

    async def test_the_bits_are_those_of_the_filter_in_python(
        self, store: FeatureStore, user: str
    ) -> None:
        random = np.random.default_rng(3)
        shown = random.integers(0, 2**64, 700, np.uint64)
        expected = BloomFilter.empty(16384, 10)
        for part in np.array_split(shown, 7):
            await mark(store, user, *part.tolist())
            expected = expected.added(part)
            (generation,) = (await read(store, user)).seen.generations
            assert (generation.data == expected.data).all()
        assert abs(generation.count - 700) < 20

    async def test_other_sizes_begin_a_new_generation(
        self, redis_server: RedisServer, store: FeatureStore, user: str
    ) -> None:
        async with small_store(redis_server) as small:
            await mark(small, user, 1, 2, 3)
        await mark(store, user, 4)
        context = await read(store, user)
        assert [g.bits for g in context.seen.generations] == [16384, 128]
        assert context.seen.contains(keys(1, 2, 3, 4)).all()

    async def test_more_generations_keep_more(self, redis_server: RedisServer, user: str) -> None:
        settings = settings_for(redis_server, bloom_bits=128, bloom_generations=4)
        async with open_feature_store(settings) as store:
            for key in range(100):
                await mark(store, user, key)
            context = await read(store, user)
        assert len(context.seen.generations) == 4
        assert context.seen.contains(np.arange(82, 100, dtype=np.uint64)).all()


class TestBatches:
    async def test_queries_of_one_user_run_in_order(self, store: FeatureStore, user: str) -> None:
        queries = [MarkShownQuery(user, keys(i), NOW, PATIENCE) for i in range(100)]
        await store.marks.call(queries, PATIENCE)
        assert (await read(store, user)).seen.recent.tolist() == list(range(99, -1, -1))

    async def test_bad_queries_fail_alone(self, store: FeatureStore, user: str) -> None:
        queries = [
            ContextQuery(user, PATIENCE),
            ContextQuery("", PATIENCE),
            ContextQuery(user, 0.0),
            ContextQuery("ä" * 129, PATIENCE),
            ContextQuery("\ud800", PATIENCE),
            ContextQuery("ä" * 128, PATIENCE),
        ]
        outcomes = await store.contexts.call(queries, PATIENCE)
        reasons = [o.failure and o.failure.reason for o in outcomes]
        invalid = Reason.INVALID
        assert reasons == [None, invalid, Reason.EXPIRED, invalid, invalid, None]
        assert outcomes[1].failure is not None
        assert outcomes[1].failure.message == "user_id: 0 bytes, 1 to 256 expected"

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            (Event("", 1, EventType.CLICK, NOW), "event_id"),
            (Event("e" * 129, 1, EventType.CLICK, NOW), "event_id"),
            (Event("e", -1, EventType.CLICK, NOW), "key"),
            (Event("e", 1, EventType.CLICK, 2**32), "time"),
            (Event("e", 1, EventType.CLICK, 0), "time"),
            (Event("e", 1, 9, NOW), "type"),  # type: ignore[arg-type]
            (Event("e", 1, EventType.DWELL, NOW, float("nan")), "value"),
        ],
    )
    async def test_a_bad_event_refuses_its_query(
        self, store: FeatureStore, user: str, event: Event, field: str
    ) -> None:
        outcome = await append(store, user, click(3), event)
        assert outcome.failure is not None
        assert outcome.failure.reason == Reason.INVALID
        assert outcome.failure.message.startswith(f"{field}: ")
        assert not (await read(store, user)).known, "nothing of the query is stored"

    async def test_50_users_in_parallel_each_in_sequence(self, store: FeatureStore) -> None:
        async def live(name: str) -> None:
            for step in range(20):
                await mark(store, name, *range(step * 5, step * 5 + 5))
                await append(store, name, click(step * 5, time=NOW + step))
                context = await read(store, name)
                assert context.history.keys[0] == step * 5
                assert len(context.history) == step + 1
                assert context.seen.recent.tolist()[:5] == list(range(step * 5, step * 5 + 5))

        await asyncio.gather(*(live(uuid.uuid4().hex) for _ in range(50)))

    async def test_a_lost_script_is_sent_again(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        await mark(store, user, 1)
        raw.script_flush()
        queries = [MarkShownQuery(user, keys(i), NOW, PATIENCE) for i in (2, 3)]
        outcomes = await store.marks.call(queries, PATIENCE)
        assert [o.failure for o in outcomes] == [None, None]
        raw.script_flush()
        assert (await append(store, user, click(4))).value == Appended(1, 0)
        assert (await read(store, user)).seen.recent.tolist() == [3, 2, 1]


class TestCorruptRecords:
    FIELDS = ("profile", "history", "recent", "bloom.0", "bloom.1")

    @pytest.mark.parametrize("field", FIELDS)
    @pytest.mark.parametrize("record", [b"", b"\x02{}", b"\x01" + b"x" * 30])
    async def test_a_read_of_one_fails_alone(
        self, store: FeatureStore, user: str, raw: redis.Redis, field: str, record: bytes
    ) -> None:
        raw.hset(user_key(user), field, record)
        other = uuid.uuid4().hex
        queries = [ContextQuery(name, PATIENCE) for name in (other, user, other)]
        outcomes = await store.contexts.call(queries, PATIENCE)
        assert [o.failure and o.failure.reason for o in outcomes] == [None, Reason.INTERNAL, None]
        failure = outcomes[1].failure
        assert failure is not None
        assert failure.message == f"field {field}: corrupt, or written by another version"

    @pytest.mark.parametrize("field", ["history", "recent", "event_ids", "bloom.0"])
    async def test_a_write_leaves_it_as_it_is(
        self, store: FeatureStore, user: str, raw: redis.Redis, field: str
    ) -> None:
        await append(store, user, click(1))
        raw.hset(user_key(user), field, b"\x02 of a later version")
        stored = raw.hgetall(user_key(user))
        outcome = await append(store, user, click(2))
        assert outcome.failure is not None
        assert outcome.failure.reason == Reason.INTERNAL
        assert f"field {field}: " in outcome.failure.message
        if field in ("recent", "bloom.0"):
            marked = await mark(store, user, 3)
            assert marked.failure is not None
            assert f"field {field}: " in marked.failure.message
        assert raw.hgetall(user_key(user)) == stored

    async def test_another_type_of_key(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        raw.set(user_key(user), "not a hash")
        outcome = await outcome_of(store, user)
        assert outcome.failure is not None
        assert outcome.failure.reason == Reason.INTERNAL
        assert "WRONGTYPE" in outcome.failure.message


def imported(user: str, *items: int) -> UserImport:
    count = len(items)
    history = History(
        keys(*items),
        np.arange(NOW + count, NOW, -1).astype(np.uint32),
        np.full(count, EventType.LIKE, np.uint8),
        np.full(count, 5, np.float32),
    )
    return UserImport(user, {"age": "24", "name": "Zoë"}, history, keys(*items))


class TestImports:
    async def test_users_are_stored_whole(self, store: FeatureStore, user: str) -> None:
        fingerprint = uuid.uuid4().hex
        done = await store.imports.add(fingerprint, [imported(user, *range(700))], last=False)
        assert (done.imported, done.existing) == (1, 0)
        context = await read(store, user)
        assert context.known
        assert context.profile == {"age": "24", "name": "Zoë"}
        assert context.history.keys.tolist() == list(range(200))
        assert context.seen.contains(np.arange(700, dtype=np.uint64)).all()
        await mark(store, user, 10_000)
        assert len((await read(store, user)).seen.generations) == 1, "the generation goes on"

    async def test_the_newest_keys_fill_the_generations(
        self, redis_server: RedisServer, user: str
    ) -> None:
        async with small_store(redis_server) as store:
            await store.imports.add("x", [imported(user, *range(100))], last=False)
            context = await read(store, user)
        newest, older = context.seen.generations
        assert newest.contains(np.arange(8, dtype=np.uint64)).all()
        assert older.contains(np.arange(8, 16, dtype=np.uint64)).all()

    async def test_an_existing_user_is_left_as_it_is(self, store: FeatureStore, user: str) -> None:
        await append(store, user, click(9))
        new = uuid.uuid4().hex
        part = [imported(user, 1, 2), imported(new, 3)]
        done = await store.imports.add(uuid.uuid4().hex, part, last=True)
        assert (done.imported, done.existing) == (1, 1)
        context = await read(store, user)
        assert context.history.keys.tolist() == [9]
        assert context.profile == {}

    async def test_an_import_is_done_after_its_last_part(
        self, store: FeatureStore, user: str
    ) -> None:
        fingerprint = uuid.uuid4().hex
        assert not await store.imports.done(fingerprint)
        await store.imports.add(fingerprint, [imported(user, 1)], last=False)
        assert not await store.imports.done(fingerprint)
        await store.imports.add(fingerprint, [], last=True)
        assert await store.imports.done(fingerprint)

    async def test_a_bad_user_refuses_the_part(self, store: FeatureStore, user: str) -> None:
        with pytest.raises(CallError, match=r"INVALID: users\[1\].user_id"):
            await store.imports.add("x", [imported(user, 1), imported("", 1)], last=True)
        assert not (await read(store, user)).known


class TestRedisFails:
    async def test_absent_at_the_start_then_there(self, own_redis: RedisServer) -> None:
        own_redis.kill()
        async with open_feature_store(settings_for(own_redis)) as store:
            outcome = await outcome_of(store, "u")
            assert outcome.failure is not None
            assert outcome.failure.reason == Reason.UNAVAILABLE
            assert outcome.failure.message.endswith("cannot be reached")
            with pytest.raises(CallError, match="UNAVAILABLE"):
                await store.imports.done("x")
            own_redis.start()
            assert not (await read(store, "u")).known

    async def test_killed_and_started_again(self, own_redis: RedisServer) -> None:
        async with open_feature_store(settings_for(own_redis)) as store:
            await mark(store, "u", 1)
            own_redis.kill()
            outcomes = await asyncio.gather(*(mark(store, "u", i) for i in range(2, 12)))
            assert {o.failure and o.failure.reason for o in outcomes} == {Reason.UNAVAILABLE}
            own_redis.start()
            assert (await mark(store, "u", 2)).failure is None
            assert (await read(store, "u")).seen.recent.tolist() == [2, 1]

    def test_killed_and_started_again_on_the_event_loop_of_services(
        self, own_redis: RedisServer
    ) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.test_killed_and_started_again(own_redis))

    async def test_frozen_it_is_given_up_in_time_and_found_again(
        self, own_redis: RedisServer
    ) -> None:
        async with open_feature_store(settings_for(own_redis, redis_timeout=0.2)) as store:
            await mark(store, "u", 1)
            os.kill(own_redis.pid, signal.SIGSTOP)
            try:
                for _ in range(3):
                    async with asyncio.timeout(PATIENCE):
                        outcomes = await asyncio.gather(*(mark(store, "u", 2) for _ in range(5)))
                    assert {o.failure and o.failure.reason for o in outcomes} <= {
                        Reason.TIMEOUT,
                        Reason.UNAVAILABLE,
                    }
            finally:
                os.kill(own_redis.pid, signal.SIGCONT)
            async with asyncio.timeout(PATIENCE):
                while (await outcome_of(store, "u")).failure:
                    pass
            assert (await mark(store, "u", 3)).failure is None
            assert (await read(store, "u")).seen.recent[0] == 3

    async def test_a_caller_without_time_does_not_cost_others_the_connection(
        self, store: FeatureStore, user: str, raw: redis.Redis
    ) -> None:
        await mark(store, user, 1)
        clients = raw.client_list()
        late = await store.contexts.call([ContextQuery(user, 1e-9)], PATIENCE)
        assert late[0].failure is not None
        assert late[0].failure.reason == Reason.TIMEOUT
        assert (await read(store, user)).seen.recent.tolist() == [1], "the replies stay in step"
        assert len(raw.client_list()) == len(clients)


class TestPassword:
    SECRET = 'se"cret\\ ünd 1'

    @pytest.fixture
    def guarded(self, tmp_path: Path) -> Iterator[RedisServer]:
        with running(tmp_path / "redis", password=self.SECRET) as server:
            yield server

    async def test_from_a_file(self, guarded: RedisServer, tmp_path: Path) -> None:
        file = tmp_path / "password"
        file.write_text(self.SECRET + "\n", "utf-8")
        async with open_feature_store(settings_for(guarded, redis_password_file=file)) as store:
            assert (await mark(store, "u", 1)).failure is None

    @pytest.mark.parametrize(
        ("credentials", "message"),
        [
            (":wrong-one@", "Redis refused the password (WRONGPASS)"),
            ("", "Redis wants a password (NOAUTH)"),
        ],
    )
    async def test_a_wrong_one(
        self,
        guarded: RedisServer,
        credentials: str,
        message: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        url = SecretStr(guarded.url.replace("//", f"//{credentials}"))
        async with open_feature_store(settings_for(guarded, redis_url=url)) as store:
            for _ in range(3):
                outcome = await outcome_of(store, "u")
                assert outcome.failure is not None
                assert outcome.failure.reason == Reason.UNAVAILABLE
                assert outcome.failure.message == message
        printed = "".join(capsys.readouterr())
        assert printed.count(message) == 1, "logged once"
        assert "wrong-one" not in printed
