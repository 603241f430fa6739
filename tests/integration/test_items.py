"""The item table on a real Redis: changes, those who follow them, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Redis

from services.chassis.redis import RedisError, open_redis
from services.domain.ids import item_key, item_keys
from services.items.record import Item, ItemRecord
from services.items.store import CHUNK, STREAM, TABLE, VERSION, ItemStore, Refusal
from services.items.table import ItemTable, follow
from tests.redis import RedisServer, own_redis, redis_server

__all__ = ["own_redis", "redis_server"]

NOW = 1_700_000_000
CHAIR = Item("chair", "A chair", ("home",), ("wood",), {"brand": "Ö"}, "to sit on")


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = open_redis(SecretStr(redis_server.url))
    await client.delete(TABLE, STREAM, VERSION)
    yield client
    await client.aclose()


async def table_of(redis: Redis) -> ItemTable:
    table = ItemTable(redis)
    await table.refresh()
    return table


def state(table: ItemTable) -> dict[str, ItemRecord]:
    return {record.item_id: record for record in table.records()}


async def test_a_put_item_is_read_with_all_its_fields(redis: Redis) -> None:
    assert await ItemStore(redis).put([CHAIR], NOW) == [None]
    record = (await table_of(redis)).get(CHAIR.key)
    assert record == ItemRecord(
        "chair", "A chair", ("home",), ("wood",), {"brand": "Ö"}, "to sit on", 0, NOW, NOW
    )


async def test_putting_again_replaces_and_remembers_when_it_was_born(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.put([CHAIR], NOW)
    await store.put([Item("chair", "A stool", expires_at=NOW + 90)], NOW + 5)
    record = (await table_of(redis)).get(CHAIR.key)
    assert record == ItemRecord("chair", "A stool", expires_at=NOW + 90, born=NOW, put_at=NOW + 5)


async def test_hidden_survives_a_put_and_ends_with_show(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.hide(["chair"], NOW)
    await store.put([CHAIR], NOW)
    table = await table_of(redis)
    assert table.hidden(item_keys(["chair", "table"]), NOW).tolist() == [True, False]
    assert await store.show(["chair"], NOW) == [None]
    assert await table.refresh()
    assert not table.hidden(item_keys(["chair"]), NOW).any()


async def test_an_item_nobody_put_leaves_no_record_once_it_is_shown(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.hide(["of the release"], NOW)
    table = await table_of(redis)
    await store.show(["of the release"], NOW)
    await table.refresh()
    assert state(table) == {}
    assert await redis.hlen(TABLE) == 0


async def test_each_item_that_cannot_be_changed_is_told_why(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.put([CHAIR, Item("desk")], NOW)
    await store.delete(["desk"], NOW)
    assert await store.show(["chair", "desk", "sofa"], NOW) == [
        Refusal.SHOWN,
        Refusal.DELETED,
        Refusal.UNKNOWN,
    ]
    assert await store.expire(["chair", "desk"], NOW, NOW) == [None, Refusal.DELETED]
    await redis.hset(TABLE, item_key("lamp").to_bytes(8, "little"), b"\x09 of another format")
    assert await store.put([Item("lamp"), Item("rug")], NOW) == [Refusal.UNREADABLE, None]
    foreign = await redis.hget(TABLE, item_key("rug").to_bytes(8, "little"))
    await redis.hset(TABLE, item_key("bed").to_bytes(8, "little"), foreign)
    assert await store.hide(["bed"], NOW) == [Refusal.COLLISION]


async def test_expiry_needs_no_change_to_take_effect(redis: Redis) -> None:
    await ItemStore(redis).expire(["chair"], NOW + 10, NOW)
    table = await table_of(redis)
    key = item_keys(["chair"])
    assert [table.hidden(key, NOW + t)[0] for t in (0, 9, 10, 11)] == [False, False, True, True]


async def test_a_deleted_item_is_a_small_tombstone_and_may_be_put_anew(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.put([CHAIR], NOW)
    await store.delete(["chair", "of the release"], NOW + 1)
    table = await table_of(redis)
    assert state(table) == {
        name: ItemRecord(name, expires_at=NOW + 1, deleted=True)
        for name in ("chair", "of the release")
    }
    await store.put([CHAIR], NOW + 2)
    await table.refresh()
    chair = table.get(CHAIR.key)
    assert chair is not None
    assert (chair.shown(NOW + 2), chair.born) == (True, NOW + 2)


async def test_what_is_out_for_long_is_forgotten_and_the_rest_is_not(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.put([CHAIR, Item("milk", expires_at=NOW + 5)], NOW)
    await store.delete(["desk"], NOW)
    await store.hide(["lamp"], NOW)
    table = await table_of(redis)
    gone = [record.item_id for record in table.gone(NOW + 5)]
    assert sorted(gone) == ["desk", "milk"]
    assert await store.forget([*gone, "chair", "lamp"], NOW + 5, NOW) == [
        *(None, None),
        *(Refusal.KEPT, Refusal.KEPT),
    ]
    await table.refresh()
    assert set(state(table)) == {"chair", "lamp"}


async def test_a_hide_outlives_what_is_forgotten(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.put([Item("milk", expires_at=NOW)], NOW)
    await store.delete(["desk"], NOW)
    await store.hide(["milk", "desk"], NOW)
    await store.forget(["milk", "desk"], NOW, NOW)
    table = await table_of(redis)
    hidden = {item_id: ItemRecord(item_id, hidden=True) for item_id in ("milk", "desk")}
    assert state(table) == hidden
    assert table.gone(NOW) == []
    assert await store.show(["milk", "desk"], NOW) == [None, None]
    await table.refresh()
    assert not len(table)


async def test_a_change_that_changes_nothing_is_no_change(redis: Redis) -> None:
    store = ItemStore(redis)
    await store.hide(["chair"], NOW)
    table = await table_of(redis)
    assert await store.hide(["chair"], NOW) == [None]
    assert not await table.refresh()


async def test_the_version_counts_changes_and_reach_waits_for_it(redis: Redis) -> None:
    store, table = ItemStore(redis), ItemTable(redis)
    await store.hide(["a"], NOW)
    await table.refresh()
    first = table.version
    await store.hide(["b", "c"], NOW)
    assert await redis.get(VERSION) == b"%d" % (first + 2)
    await asyncio.gather(*(table.reach(first + 2) for _ in range(20)))
    assert table.version == first + 2
    assert table.hidden(item_keys(["a", "b", "c"]), NOW).all()


async def test_reaching_what_is_there_asks_nobody(own_redis: RedisServer) -> None:
    redis = open_redis(SecretStr(own_redis.url))
    await ItemStore(redis).hide(["a"], NOW)
    table = await table_of(redis)
    own_redis.kill()
    await table.reach(table.version)
    with pytest.raises(RedisError):
        await table.reach(None)
    await redis.aclose()


async def test_a_batch_of_any_size_is_stored(redis: Redis) -> None:
    items = [Item(f"item {i}", "é" * 100) for i in range(2 * CHUNK + 1)]
    assert await ItemStore(redis).put(items, NOW) == [None] * len(items)
    assert set(state(await table_of(redis))) == {item.item_id for item in items}


async def test_a_gap_in_the_stream_is_bridged_by_reading_all(redis: Redis) -> None:
    store, table = ItemStore(redis), ItemTable(redis)
    await store.put([CHAIR], NOW)
    await table.refresh()
    await store.hide(["a", "b"], NOW)
    await redis.xtrim(STREAM, maxlen=1, approximate=False)
    assert await table.refresh()
    assert set(state(table)) == {"chair", "a", "b"}


async def test_an_emptied_redis_that_counts_on_is_noticed(redis: Redis) -> None:
    store, table = ItemStore(redis), ItemTable(redis)
    await store.hide(["a", "b"], NOW)
    await table.refresh()
    await redis.delete(TABLE, STREAM, VERSION)
    await store.hide(["c", "d"], NOW)  # the same numbers again
    assert await table.refresh()
    assert set(state(table)) == {"c", "d"}


async def test_the_stream_does_not_grow_for_ever(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.items.store.STREAM_ENTRIES", 100)
    store, table = ItemStore(redis), ItemTable(redis)
    for turn in range(20):
        await store.put([Item(str(i), str(turn)) for i in range(100)], NOW)
    assert await redis.xlen(STREAM) < 400
    await table.refresh()
    assert {record.title for record in table.records()} == {"19"}


async def test_a_reader_sees_every_change_of_a_writer_beside_it(redis: Redis) -> None:
    store, done = ItemStore(redis), asyncio.Event()

    async def write() -> None:
        for turn in range(40):
            await store.put([Item(str(i), str(turn)) for i in range(turn, turn + 60)], NOW)
        done.set()

    async def read() -> ItemTable:
        table = ItemTable(redis)
        while not done.is_set():
            await ItemTable(redis).refresh()  # reads all, amid changes
            await table.refresh()
        await table.refresh()
        return table

    _, table = await asyncio.gather(write(), read())
    assert state(table) == state(await table_of(redis))
    assert len(state(table)) == 99


changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "hide", "show", "expire", "delete", "refresh"]),
        st.sampled_from("abc"),
        st.sampled_from([0, NOW - 5, NOW + 5]),
    ),
    max_size=30,
)


@given(changes)
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_following_and_reading_anew_agree(
    redis_server: RedisServer, changes: list[tuple[str, str, int]]
) -> None:
    async def run() -> None:
        redis = open_redis(SecretStr(redis_server.url))
        await redis.delete(TABLE, STREAM, VERSION)
        store, table = ItemStore(redis), ItemTable(redis)
        for what, item_id, time in changes:
            match what:
                case "put":
                    await store.put([Item(item_id, expires_at=time)], NOW)
                case "expire":
                    await store.expire([item_id], time, NOW)
                case "refresh":
                    await table.refresh()
                case _:
                    await getattr(store, what)([item_id], NOW)
        await table.refresh()
        anew = await table_of(redis)
        assert (state(table), table.version) == (state(anew), anew.version)
        shown = [(r := table.get(item_key(i))) is None or r.shown(NOW) for i in "abc"]
        assert (~table.hidden(item_keys("abc"), NOW)).tolist() == shown
        await redis.aclose()

    asyncio.run(run())


async def test_following_survives_redis_and_keeps_what_it_has(own_redis: RedisServer) -> None:
    redis = open_redis(SecretStr(own_redis.url))
    store, changed = ItemStore(redis), asyncio.Event()
    table = ItemTable(redis, changed=lambda _: changed.set())
    task = asyncio.create_task(follow(table, 0.01))

    async def until_hidden(item_id: str) -> None:
        async with asyncio.timeout(30):
            while not table.hidden(item_keys([item_id]), NOW).all():
                await changed.wait()
                changed.clear()

    await store.hide(["a"], NOW)
    await until_hidden("a")
    own_redis.kill()
    with pytest.raises(RedisError):
        await table.refresh()
    assert table.hidden(item_keys(["a"]), NOW).all()
    own_redis.start()
    await store.hide(["b"], NOW)
    await until_hidden("b")
    task.cancel()
    await redis.aclose()


def test_hidden_of_many_keys_is_found_by_key() -> None:
    redis = open_redis(SecretStr("redis://127.0.0.1:1"))
    keys = np.arange(10, dtype=np.uint64)
    assert not ItemTable(redis).hidden(keys, NOW).any()
