"""Recall follows the item table and the item statistics of a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import redis.asyncio
from pydantic import SecretStr

from models.schema.features import FeatureSchema
from services.chassis.channel import open_channel
from services.chassis.redis import open_redis
from services.chassis.server import started
from services.domain.context import RequestContext, UserContext
from services.domain.ids import item_key, item_keys
from services.domain.live import NOTHING_LIVE, STATISTICS, Live
from services.domain.stages import RecallQuery, SimilarQuery
from services.items.record import Item
from services.items.store import STREAM, ItemStore
from services.recall.__main__ import mounted
from services.recall.client import recall_client, similar_client
from services.recall.live_state import LiveState, followed
from services.recall.model import RecallModel
from services.recall.release_items import ReleaseItems
from services.recall.settings import RecallSettings
from services.statistics.snapshot import STATISTICS_KEY, Snapshot, encode_snapshot
from tests.redis import RedisServer, own_redis
from tests.releases import release
from tests.unit.recall.items import write_catalog
from tests.unit.recall.tower import write_tower

__all__ = ["own_redis", "release"]

NOW = 1000


class Release:
    """The part of a recall model that takes changes."""

    def __init__(self, items: ReleaseItems) -> None:
        self.items = items


class Slots:
    """Loaded releases."""

    def __init__(self, **releases: Release) -> None:
        self.releases = releases

    def get(self, release: str) -> RecallModel | None:
        return self.releases.get(release)  # type: ignore[return-value]

    def ids(self) -> tuple[str, ...]:
        return tuple(self.releases)


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    items = ReleaseItems(write_catalog(tmp_path), write_tower(tmp_path), most=10)
    return Slots(one=Release(items))


def settings(server: RedisServer) -> RecallSettings:
    return RecallSettings(
        redis_url=SecretStr(server.url), redis_timeout=5, statistics_interval=1e-9
    )


@pytest.fixture
async def client(own_redis: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    client = open_redis(SecretStr(own_redis.url))
    yield client
    await client.aclose()


@pytest.fixture
async def state(own_redis: RedisServer, slots: Slots) -> AsyncIterator[LiveState]:
    state = LiveState(slots, settings(own_redis), clock=lambda: NOW)
    yield state
    await state.close()


async def test_an_item_that_is_put_hidden_and_shown(
    client: redis.asyncio.Redis, state: LiveState
) -> None:
    store = ItemStore(client)
    await state.refresh()
    assert len(state.of("one").fresh) == 0
    await store.put([Item("n1", categories=("even",)), Item("3", tags=("low",))], NOW)
    await state.refresh()
    assert state.of("one").fresh.items.ids == ("n1",)
    assert state.of("one").changed.rows.tolist() == [3]
    await store.hide(["n1", "7"], NOW)
    await state.refresh()
    assert len(state.of("one").fresh) == 0
    assert state.of("one").takedowns.rows.tolist() == [7]
    await store.show(["n1", "7"], NOW)
    await state.refresh()
    assert state.of("one").fresh.items.ids == ("n1",)
    assert state.of("one").takedowns.rows.tolist() == []


async def test_changes_that_left_the_stream_are_found_in_the_table(
    client: redis.asyncio.Redis, state: LiveState
) -> None:
    store = ItemStore(client)
    await store.put([Item("n1"), Item("n2")], NOW)
    await state.refresh()
    await store.put([Item("n3")], NOW)
    await store.hide(["n1"], NOW)
    await client.xtrim(STREAM, maxlen=1, approximate=False)
    await state.refresh()
    assert set(state.of("one").fresh.items.ids) == {"n2", "n3"}


async def test_nothing_new_makes_no_new_state(
    client: redis.asyncio.Redis, state: LiveState
) -> None:
    await ItemStore(client).put([Item("n1")], NOW)
    await state.refresh()
    before = state.of("one")
    await state.refresh()
    assert state.of("one") is before


async def test_statistics_are_read_when_they_are_published(
    client: redis.asyncio.Redis, state: LiveState
) -> None:
    await state.refresh()
    values = np.full((1, len(STATISTICS)), 2, np.float32)
    keys = item_keys(["4"])
    snapshot = Snapshot(NOW, keys, values, keys, np.ones(1, np.float32))
    await client.set(STATISTICS_KEY, encode_snapshot(snapshot))
    await state.refresh()
    live = state.of("one")
    assert live.trending_rows.tolist() == [4]
    assert live.statistics_of(np.array([3, 4], np.int32))[:, 0].tolist() == [0, 2]
    await client.delete(STATISTICS_KEY)
    await state.refresh()
    assert len(state.of("one").statistics) == 0


async def test_a_release_that_is_loaded_later_knows_the_whole_table(
    client: redis.asyncio.Redis, state: LiveState, slots: Slots, tmp_path: Path
) -> None:
    await ItemStore(client).put([Item("n1", categories=("even",))], NOW)
    await state.refresh()
    (tmp_path / "two").mkdir()
    catalog, tower = write_catalog(tmp_path / "two"), write_tower(tmp_path / "two")
    slots.releases["two"] = Release(ReleaseItems(catalog, tower, most=10))
    assert state.of("two") is NOTHING_LIVE
    await state.refresh()
    assert state.of("two").fresh.items.ids == ("n1",)
    del slots.releases["two"]
    await state.refresh()
    assert state.of("two") is NOTHING_LIVE


async def test_the_last_state_stays_while_redis_is_away(
    client: redis.asyncio.Redis, state: LiveState, own_redis: RedisServer
) -> None:
    store = ItemStore(client)
    await store.put([Item("n1", categories=("even",))], NOW)
    await state.refresh()
    own_redis.stop()
    await state.refresh()
    assert state.of("one").fresh.items.ids == ("n1",)
    own_redis.start()
    await store.put([Item("n2", categories=("even",))], NOW)
    await state.refresh()
    assert set(state.of("one").fresh.items.ids) == {"n1", "n2"}


class Failing(ReleaseItems):
    """Cannot take changes, as long as it is told so."""

    fails = False

    def live(self, snapshot: Snapshot) -> Live:
        if self.fails:
            raise RuntimeError("told so")
        return super().live(snapshot)


async def test_a_release_that_failed_begins_again_and_holds_up_no_other(
    client: redis.asyncio.Redis, state: LiveState, slots: Slots, tmp_path: Path
) -> None:
    store = ItemStore(client)
    (tmp_path / "two").mkdir()
    catalog, tower = write_catalog(tmp_path / "two"), write_tower(tmp_path / "two")
    failing = Failing(catalog, tower, most=10)
    slots.releases = {"failing": Release(failing), **slots.releases}
    await store.put([Item("n1"), Item("n2")], NOW)
    await state.refresh()
    failing.fails = True
    await store.put([Item("n3")], NOW)
    await store.delete(["n1"], NOW)
    await state.refresh()
    assert set(state.of("failing").fresh.items.ids) == {"n1", "n2"}
    assert set(state.of("one").fresh.items.ids) == {"n2", "n3"}
    failing.fails = False
    await state.refresh()
    assert set(state.of("failing").fresh.items.ids) == {"n2", "n3"}


async def test_without_an_address_nothing_ever_changes(slots: Slots) -> None:
    async with followed(slots, RecallSettings()) as live_of:
        assert live_of("one") is NOTHING_LIVE


async def test_a_state_is_there_before_the_first_query_and_follows(
    client: redis.asyncio.Redis, slots: Slots, own_redis: RedisServer
) -> None:
    store = ItemStore(client)
    await store.put([Item("n1")], NOW)
    soon = settings(own_redis).model_copy(update={"items_interval": 1e-3})
    async with followed(slots, soon) as live_of:
        assert live_of("one").fresh.items.ids == ("n1",)
        await store.put([Item("n2")], NOW)
        while len(live_of("one").fresh) < 2:
            await client.ping()


async def test_an_item_that_is_put_is_recalled_over_grpc(
    client: redis.asyncio.Redis, own_redis: RedisServer, release: Path
) -> None:
    store, name = ItemStore(client), FeatureSchema.read(release).categories[0]
    config = settings(own_redis).model_copy(
        update={
            "port": 0,
            "metrics_port": 0,
            "releases": str(release.parent),
            "release": release.name,
        }
    )
    context, request = UserContext("u", known=True), RequestContext(now=NOW)
    query = RecallQuery(release.name, context, request, 30, 60.0)
    async with (
        asyncio.timeout(60),
        started("recall", config, mounted(config)) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        recall, similar = recall_client(channel), similar_client(channel)

        async def new_items() -> tuple[str, ...]:
            (outcome,) = await recall.call([query], 60.0)
            assert outcome.value is not None
            return outcome.value.candidates.inline.ids

        assert await new_items() == ()
        await store.put([Item("n1", categories=(name,)), Item("n2", categories=(name,))], NOW)
        while not await new_items():
            pass
        (like,) = await similar.call([SimilarQuery(release.name, item_key("n1"), 5, 60.0)], 60)
        assert like.value is not None
        assert like.value.inline.ids == ("n2",)
        await store.hide(["n1", "n2"], NOW)
        while await new_items():
            pass
