"""The Lua scripts against a plain Python model, over random marks, events, profiles, erasures."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from services.domain.events import Event, EventType
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
    Erased,
    EraseQuery,
    MarkShownQuery,
    ProfileQuery,
)
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from tests.redis import RedisServer, redis_server

__all__ = ["redis_server"]

PATIENCE = 30.0
BITS, HASHES, GENERATIONS = 4096, 10, 2

# Keys that share bytes at other places than their own: an entry must be found whole.
some_keys = st.sampled_from([0, 1, 256, 2**56, 0x0101010101010101, 2**64 - 1]) | st.integers(0, 50)
marks = st.lists(some_keys, min_size=1, max_size=30)
events = st.lists(
    st.builds(
        Event,
        st.integers(0, 30).map(str),
        some_keys,
        st.sampled_from(EventType),
        st.integers(1, 20),
        st.sampled_from([0.0, 0.5, 4.0]),
    ),
    min_size=1,
    max_size=20,
).map(tuple)


profiles = st.dictionaries(st.sampled_from(["age", "größe"]), st.text(max_size=3), max_size=2)
ERASE = "erase"

Step = list[int] | tuple[Event, ...] | dict[str, str] | str


@dataclass
class Model:
    """What a user's state must be."""

    profile: dict[str, str] | None = None
    recent: list[int] = field(default_factory=list)
    history: list[Event] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)

    def mark(self, keys: list[int]) -> None:
        self.recent = list(dict.fromkeys([*keys, *self.recent]))[:200]
        self.seen.update(keys)

    def append(self, sent: tuple[Event, ...]) -> Appended:
        accepted = 0
        for event in sent:
            if event.event_id in self.event_ids:
                continue
            accepted += 1
            self.event_ids.add(event.event_id)
            self.seen.add(event.key)
            if event.type == EventType.IMPRESSION:
                self.mark([event.key])
            else:
                self.history.insert(0, event)
                self.history.sort(key=lambda e: -e.time)  # stable: of equals the later one first
        return Appended(accepted, len(sent) - accepted)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(marks | events | profiles | st.just(ERASE), max_size=8))
def test_the_scripts_do_what_the_model_does(
    redis_server: RedisServer,
    runner: asyncio.Runner,
    steps: list[Step],
) -> None:
    runner.run(follow(redis_server.url, steps))


async def follow(url: str, steps: list[Step]) -> None:
    user, model = uuid4().hex, Model()
    config = FeatureStoreSettings(
        redis_url=SecretStr(url),
        redis_timeout=PATIENCE,
        bloom_bits=BITS,
        bloom_hashes=HASHES,
        bloom_generations=GENERATIONS,
    )
    async with open_feature_store(config) as store:
        for step in steps:
            if isinstance(step, tuple):
                append = AppendEventsQuery(user, step, PATIENCE)
                (appended,) = await store.events.call([append], PATIENCE)
                assert appended.value == model.append(step)
            elif isinstance(step, dict):
                put = ProfileQuery(user, step, PATIENCE)
                (stored,) = await store.profiles.call([put], PATIENCE)
                assert stored.failure is None
                model.profile = step
            elif isinstance(step, str):
                (erased,) = await store.erasures.call([EraseQuery(user, PATIENCE)], PATIENCE)
                assert erased.value == Erased(existed=model != Model())
                model = Model()
            else:
                mark = MarkShownQuery(user, np.array(step, np.uint64), 1, PATIENCE)
                (marked,) = await store.marks.call([mark], PATIENCE)
                assert marked.failure is None
                model.mark(step)
            await compare(store, user, model)


async def compare(store: FeatureStore, user: str, model: Model) -> None:
    (outcome,) = await store.contexts.call([ContextQuery(user, PATIENCE)], PATIENCE)
    context = outcome.value
    assert context is not None
    assert context.seen.recent.tolist() == model.recent
    history = context.history
    rows = zip(history.keys, history.times, history.events, history.values, strict=True)
    assert list(rows) == [(e.key, e.time, e.type, e.value) for e in model.history]
    assert context.known == (bool(model.history) or model.profile is not None)
    assert context.profile == (model.profile or {})
    seen = np.array(sorted(model.seen), np.uint64)
    assert all(g.contains(seen).all() for g in context.seen.generations)
    assert len(context.seen.generations) == (len(seen) > 0), "this few keys fit into one"
