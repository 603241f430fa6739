"""What is hidden is in no answer: over scripted stages, real gateways and a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from redis import Redis

from services.chassis.redis import open_redis
from services.domain.context import UserContext
from services.domain.ids import item_key
from services.domain.outcome import Reason
from services.domain.stages import RerankQuery
from services.domain.user_state import ContextQuery
from services.gateway.answer import Answer
from services.gateway.catalog.items import ItemState
from services.gateway.catalog.open import DAY_SECONDS, Catalog, forget_old
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.release import GatewayRelease
from services.gateway.requests import EventInput, RecommendInput
from services.gateway.takedown import Takedown
from services.items.record import Item
from services.items.store import STREAM, TABLE, TOMBSTONE_DAYS, VERSION, ItemStore
from services.items.table import ItemTable
from tests.redis import RedisServer, own_redis, redis_server
from tests.unit.gateway.world import IDS, World, make_release, make_world

__all__ = ["own_redis", "redis_server"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> GatewayRelease:
    return make_release(tmp_path_factory.mktemp("release") / "r1")


@dataclass
class Two:
    """Two gateways on one Redis; neither follows the item table by itself."""

    one: World
    other: World
    catalog: Catalog


def with_version(world: World, redis: Redis) -> None:
    """As the feature store does: the version of the item table goes with every context."""
    read: Callable[[ContextQuery], UserContext] = world["contexts"].answer
    world["contexts"].answer = lambda query: replace(
        read(query), items_version=int(redis.get(VERSION) or 0)
    )


async def two_gateways(
    server: RedisServer, release: GatewayRelease, stack: AsyncExitStack, **settings: str
) -> Two:
    sync = stack.enter_context(Redis.from_url(server.url))
    sync.delete(TABLE, STREAM, VERSION)
    worlds, catalog = [], Catalog.none()
    for _ in range(2):
        redis = open_redis(SecretStr(server.url), timeout=5.0)
        stack.push_async_callback(redis.aclose)
        catalog = Catalog(ItemTable(redis), ItemStore(redis))
        world = make_world(
            release,
            catalog=catalog,
            deadline_seconds=60.0,
            **settings,  # type: ignore[arg-type]
        )
        with_version(world, sync)
        worlds.append(world)
    return Two(worlds[0], worlds[1], catalog)


@pytest.fixture
async def two(redis_server: RedisServer, release: GatewayRelease) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        yield await two_gateways(redis_server, release, stack)


async def listed(world: World, k: int = 10, user: str = "u", **given: object) -> Answer:
    asked = RecommendInput(user_id=user, k=k, **given)  # type: ignore[arg-type]
    return await world.gateway.recommend(asked, "request")


def ids(answer: Answer) -> list[str]:
    return [item.text.item_id for item in answer.items]


WAYS = [
    [],
    ["contexts"],
    ["recall"],
    ["prerank"],
    ["rank"],
    ["rerank"],
    ["contexts", "recall", "prerank", "rank", "rerank", "marks"],
]


@pytest.mark.parametrize("away", WAYS, ids="+".join)
async def test_a_hidden_item_is_in_no_answer_of_another_gateway(two: Two, away: list[str]) -> None:
    for stage in away:
        two.other[stage].mode = "call_error"
    before = ids(await listed(two.other, user="before"))
    await two.one.gateway.items.hide(before[:3])
    answer = await listed(two.other)
    assert not set(ids(answer)) & set(before[:3])
    assert len(answer.items) == 10, "other items fill the list"
    assert "takedown" not in dict(answer.degraded)
    await two.one.gateway.items.show(before[:3])
    assert set(before[:3]) <= set(ids(await listed(two.other, user="after", k=20)))


@pytest.mark.parametrize("change", ["hide", "delete", "expire"])
async def test_each_way_of_taking_down_holds_at_once_and_is_counted(two: Two, change: str) -> None:
    reason = {"hide": "hidden", "delete": "deleted", "expire": "expired"}[change]
    name, labels = "recstack_gateway_takedowns_total", {"reason": reason}
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    items = two.one.gateway.items
    if change == "expire":
        await items.expire([IDS[0]], int(time.time()) - 1)
    else:
        await getattr(items, change)([IDS[0]])
    assert IDS[0] not in ids(await listed(two.other))
    assert REGISTRY.get_sample_value(name, labels) == before + 1
    info = await two.other.gateway.items.get(IDS[0])
    assert (info.state, info.in_release) == (ItemState(reason.upper()), True)


async def test_what_was_taken_out_is_not_marked_as_shown(two: Two) -> None:
    await two.one.gateway.items.hide([IDS[0]])
    answer = await listed(two.other)
    assert two.other.store.shown["u"] == [item_key(item_id) for item_id in ids(answer)]


async def test_an_item_that_rerank_brings_back_is_taken_out(two: Two) -> None:
    await two.one.gateway.items.hide([IDS[0], IDS[7]])
    whole = two.other["rerank"].answer

    def stale(query: RerankQuery) -> object:
        reranked = whole(query)
        rows = np.concatenate([np.array([0], np.int32), reranked.slate.rows[:-1]])
        return replace(reranked, slate=replace(reranked.slate, rows=rows))

    two.other["rerank"].answer = stale
    assert IDS[0] not in ids(await listed(two.other))


async def test_hidden_pins_are_left_out_by_name(tmp_path: Path, redis_server: RedisServer) -> None:
    release = make_release(tmp_path / "r1", pins={IDS[55]: 1, IDS[56]: 2})
    async with AsyncExitStack() as stack:
        two = await two_gateways(redis_server, release, stack)
        await two.one.gateway.items.hide([IDS[55]])
        await listed(two.other)
        (query,) = two.other["rerank"].queries
        assert query.request.exclude.tolist() == [item_key(IDS[55])]


async def test_hidden_items_are_not_similar_to_any(two: Two) -> None:
    await two.one.gateway.items.hide([IDS[11], IDS[12]])
    answer = await two.other.gateway.similar(IDS[10], 5, "request")
    assert ids(answer) == IDS[13:18]


async def test_explain_says_why_an_item_is_out(two: Two) -> None:
    await two.one.gateway.items.hide([IDS[0]])
    await two.one.gateway.items.delete([IDS[1]])
    await two.one.gateway.items.expire([IDS[2]], 1)
    for item_id, reason in zip(IDS[:3], ("hidden", "deleted", "expired"), strict=True):
        asked = RecommendInput(user_id="u", k=5)
        explanation = await two.other.gateway.explain(asked, item_id, "request")
        assert explanation.item is not None
        assert (explanation.item.lost_at, explanation.item.reason) == ("recall", reason)
        recall = next(stage for stage in explanation.stages if stage.stage == "recall")
        assert recall.dropped == {"hidden": 3}


async def test_explain_says_why_a_new_item_was_not_found(two: Two) -> None:
    await two.one.gateway.items.put([Item("new", "", ("odd",), ("rare",))])

    async def reason(**given: object) -> str:
        asked = RecommendInput(user_id="u", k=5, **given)  # type: ignore[arg-type]
        item = (await two.other.gateway.explain(asked, "new", "request")).item
        assert item is not None
        assert item.lost_at == "recall"
        return item.reason

    none = "not recalled by any channel: "
    assert await reason(categories=["odd"], tags=["rare"]) == none + "it is newer than the release"
    assert await reason(categories=["even"]) == none + "category"
    assert await reason(categories=["odd"], tags=["rare", "tag-0"]) == none + "tag"
    assert await reason(exclude_item_ids=["new"]) == none + "excluded"
    two.other["recall"].mode = "call_error"
    stood_in = "recall was skipped (UNAVAILABLE), the popular list stood in: "
    assert await reason() == stood_in + "it is newer than the release"
    two.other.store.events["u"] = [item_key("new")]
    assert await reason() == stood_in + "seen"


async def test_what_was_put_names_an_item_of_the_release(two: Two) -> None:
    await two.one.gateway.items.put([Item(IDS[0], "A better title", ("odd",))])
    first = (await listed(two.other)).items[0].text
    assert (first.item_id, first.title, first.categories) == (IDS[0], "A better title", ("odd",))
    two.other["recall"].mode = "call_error"
    assert IDS[0] in ids(await listed(two.other, user="v", categories=["odd"]))
    assert IDS[0] not in ids(await listed(two.other, user="w", categories=["even"]))


async def test_labels_filter_the_popular_list_too(two: Two) -> None:
    await two.one.gateway.items.put([Item(IDS[4], "", ("odd",), ("tag-0", "rare"))])
    two.other["recall"].mode = two.other["prerank"].mode = "call_error"
    answer = await listed(two.other, categories=["odd"], tags=["tag-0"])
    assert ids(answer) == [IDS[row] for row in (3, 4, 9, 15, 21, 27, 33, 39, 45, 51)]
    assert ids(await listed(two.other, user="v", tags=["rare"])) == [IDS[4]]
    assert ids(await listed(two.other, user="w", tags=["nobody has it"])) == []


async def test_events_of_items_nobody_knows_are_refused_one_by_one(two: Two) -> None:
    def event(item_id: str) -> EventInput:
        return EventInput(item_id, "u", item_id, 2, request_id="r")

    given = [event(IDS[3]), event("new"), event(IDS[4])]
    recorded = await two.other.gateway.record(given)
    assert recorded.accepted == 2
    assert [(f.index, f.field, f.retryable) for f in recorded.faults] == [(1, "item_id", False)]
    assert "put it first" in recorded.faults[0].message
    await two.one.gateway.items.put([Item("new")])
    assert (await two.other.gateway.record([event("new")])).accepted == 1
    stored = two.other["events"].queries[-1].events[0]
    assert (stored.item_id, stored.request_id) == ("new", "r")
    await two.one.gateway.items.delete(["new"])
    assert (await two.other.gateway.record([event("newer")])).accepted == 0
    assert (await two.other.gateway.record([event("new")])).accepted == 0


async def test_events_of_unknown_items_may_be_let_in(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    async with AsyncExitStack() as stack:
        two = await two_gateways(redis_server, release, stack, unknown_items="accept")
        recorded = await two.one.gateway.record([EventInput("e", "u", "new", 2)])
        assert (recorded.accepted, recorded.faults) == (1, [])


async def test_events_may_be_sent_again_when_it_cannot_be_known_whether_the_item_exists(
    own_redis: RedisServer, release: GatewayRelease
) -> None:
    async with AsyncExitStack() as stack:
        two = await two_gateways(own_redis, release, stack)
        own_redis.kill()
        given = [EventInput("1", "u", "new", 2), EventInput("2", "u", IDS[3], 2)]
        recorded = await two.one.gateway.record(given)
        assert recorded.accepted == 1
        assert [(f.index, f.field, f.retryable) for f in recorded.faults] == [(0, "", True)]


async def test_who_knows_a_version_asks_for_it_after_a_failure(own_redis: RedisServer) -> None:
    """The pause is for those who know none: a version says that Redis answers again."""
    redis = open_redis(SecretStr(own_redis.url), timeout=5.0)
    table, store = ItemTable(redis), ItemStore(redis)
    takedown = Takedown(table, clock=lambda: 0.0)
    own_redis.kill()
    assert (await takedown.reach(None, 5.0)) is not None
    own_redis.start()
    await store.hide([IDS[0]], now=1)
    paused = await takedown.reach(None, 5.0)
    assert paused is not None
    assert paused.reason is Reason.BREAKER_OPEN
    version = int(await redis.get(VERSION))
    assert await takedown.reach(version, 5.0) is None
    assert table.hidden(np.array([item_key(IDS[0])], np.uint64), now=1).all()
    await redis.aclose()


async def test_no_list_for_a_new_item_that_recall_does_not_have(two: Two) -> None:
    await two.one.gateway.items.put([Item("new", expires_at=1)])
    two.other["similar"].mode = "invalid"
    with pytest.raises(NotFoundError, match="expired"):
        await two.other.gateway.similar("new", 5, "request")


async def test_similar_items_of_a_new_item_once_it_is_put(two: Two) -> None:
    with pytest.raises(NotFoundError, match="item_id"):
        await two.other.gateway.similar("new", 5, "request")
    await two.one.gateway.items.put([Item("new")])
    similar = two.other["similar"].answer
    two.other["similar"].answer = lambda query: similar(replace(query, key=item_key(IDS[10])))
    assert ids(await two.other.gateway.similar("new", 3, "request")) == IDS[11:14]
    assert two.other["similar"].queries[-1].key == item_key("new")


async def test_no_request_shows_what_was_hidden_before_it_started(two: Two) -> None:
    """Readers on both gateways beside two that hide and show: the promise, under way."""
    hidden: set[str] = set()
    done = asyncio.Event()

    async def change(world: World, mine: list[str]) -> None:
        for _ in range(3):
            for item_id in mine:
                await world.gateway.items.hide([item_id])
                hidden.add(item_id)
            for item_id in mine:
                hidden.discard(item_id)
                await world.gateway.items.show([item_id])

    async def read(world: World, name: str) -> int:
        count = 0
        while not done.is_set():
            before = frozenset(hidden)
            answer = await listed(world, k=20, user=f"{name} {count}")
            assert not before & hidden & set(ids(answer)), "hidden before, and still"
            assert not answer.degraded
            count += 1
            await asyncio.sleep(0)  # the stages answer at once: nothing else lets others run
        return count

    readers = [
        asyncio.create_task(read(world, f"{i}")) for i, world in enumerate([two.one, two.other] * 3)
    ]
    try:
        await asyncio.gather(change(two.one, IDS[:8:2]), change(two.other, IDS[1:8:2]))
    finally:
        done.set()
    assert all(await asyncio.gather(*readers))


async def test_a_store_that_is_away_degrades_and_what_is_known_stays_hidden(
    own_redis: RedisServer, release: GatewayRelease
) -> None:
    async with AsyncExitStack() as stack:
        two = await two_gateways(own_redis, release, stack)
        await two.one.gateway.items.hide([IDS[0]])
        assert IDS[0] not in ids(await listed(two.other))
        own_redis.kill()
        two.other["contexts"].mode = "call_error"  # it needs Redis too
        answer = await listed(two.other)
        assert {stage for stage, _ in answer.degraded} == {"feature_store", "takedown"}
        assert IDS[0] not in ids(answer)
        assert len(answer.items) == 10
        with pytest.raises(UnavailableError):
            await two.other.gateway.items.hide([IDS[1]])
        with pytest.raises(UnavailableError):
            await two.other.gateway.items.get(IDS[1])
        assert (await two.other.gateway.similar(IDS[10], 3, "request")).items


async def test_a_gateway_keeps_to_what_it_took_when_redis_dies_at_once(
    own_redis: RedisServer, release: GatewayRelease
) -> None:
    async with AsyncExitStack() as stack:
        two = await two_gateways(own_redis, release, stack)
        await two.one.gateway.items.hide([IDS[0]])
        own_redis.kill()
        two.one["contexts"].mode = "call_error"
        assert IDS[0] not in ids(await listed(two.one))


async def test_a_gateway_without_redis_has_no_item_table(release: GatewayRelease) -> None:
    world = make_world(release, deadline_seconds=60.0)
    with pytest.raises(UnavailableError, match="redis_url"):
        await world.gateway.items.put([Item("new")])
    info = await world.gateway.items.get(IDS[3])
    assert (info.item.title, info.item.categories, info.item.tags, info.state, info.put_at) == (
        *("Title 3", ("odd",), ("tag-0",)),
        *(ItemState.SHOWN, 0),
    )
    assert len((await listed(world)).items) == 10


async def test_what_left_long_ago_is_forgotten_unless_the_release_has_it(
    two: Two, release: GatewayRelease
) -> None:
    now = int(time.time())
    store = two.catalog.store
    assert store is not None
    await store.put([Item("old", expires_at=now)], now)
    await store.delete(["older", IDS[0]], now)
    await store.hide([IDS[2]], now)
    await two.catalog.table.refresh()
    later = now + TOMBSTONE_DAYS * DAY_SECONDS
    assert await forget_old(two.catalog, [release], later - 1) == 0
    assert await forget_old(two.catalog, [release], later) == 2
    await two.catalog.table.refresh()
    assert {record.item_id for record in two.catalog.table.records()} == {IDS[0], IDS[2]}
