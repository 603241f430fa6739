"""The log of served requests, with a real Redis: what is in it, and that answers never wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.chassis.redis import open_redis
from services.domain.ids import item_keys
from services.gateway.gateway import Gateway
from services.gateway.pipeline import make_gateway
from services.gateway.release import GatewayRelease
from services.gateway.request_log import RequestLog, RequestLogConfig, open_request_log, sampled
from services.gateway.requests import RecommendInput
from services.gateway.settings import GatewaySettings
from services.gateway.stages import Stages
from services.journal.pseudonym import pseudonym
from services.journal.request import RequestEntry
from services.journal.request_payload import decode
from services.journal.streams import FIELD, PARTITIONS, added, partition
from tests.redis import RedisServer, own_redis, redis_server
from tests.unit.gateway.world import CHANNELS, World, make_release, make_world

__all__ = ["own_redis", "redis_server"]

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> GatewayRelease:
    return make_release(tmp_path_factory.mktemp("releases") / "r1")


@asynccontextmanager
async def logging_gateway(
    redis: RedisServer, release: GatewayRelease, url: str = "", **config: Any
) -> AsyncIterator[tuple[Gateway, RequestLog, World]]:
    """A gateway over scripted stages whose log is written only when the test says so."""
    client = open_redis(SecretStr(url or redis.url), timeout=0.3, retries=0)
    log = RequestLog(client, RequestLogConfig(KEY, **config))
    world = make_world(release)
    gateway = make_gateway(release, Stages(**world.stages), GatewaySettings(), log=log)
    try:
        yield gateway, log, world
    finally:
        await client.aclose()


async def entries(redis: RedisServer) -> list[RequestEntry]:
    """What is in the streams; they are emptied."""
    client: Any
    async with open_redis(SecretStr(redis.url)) as client:
        found = [
            (p, decode(fields[FIELD]))
            for p in range(PARTITIONS)
            for _, fields in await client.xrange(f"requests:{p}")
        ]
        await client.delete(*(f"requests:{p}" for p in range(PARTITIONS)))
    assert all(p == partition(entry.asked.user) for p, entry in found)
    return [entry for _, entry in found]


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"recstack_gateway_{name}_total", labels) or 0.0


async def test_a_served_request_is_in_the_log(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    given = RecommendInput(user_id="anna", k=5, placement="home", context={"device": "phone"})
    async with logging_gateway(redis_server, release) as (gateway, log, world):
        await gateway.recommend(given, "first")
        answer = await gateway.recommend(given, "second")
        await gateway.explain(given, "", "explained")
        await log.flush()
    first, second = await entries(redis_server)
    assert (first.request_id, second.request_id) == ("first", "second")
    assert second.asked.user == pseudonym("anna", KEY)
    assert (second.release, second.channels) == ("r1", CHANNELS)
    assert second.arms == {"release": "stable"}
    assert (second.asked.placement, second.asked.k) == ("home", 5)
    assert second.asked.attributes["device"] == "phone"
    assert (first.asked.known, second.asked.known) == (False, True)
    assert second.asked.profile == {"age": "33"}
    assert second.shown.keys.tolist() == item_keys([i.text.item_id for i in answer.items]).tolist()
    np.testing.assert_array_equal(second.user_vector, np.ones(4, np.float32))
    query = world["rank"].queries[1]
    np.testing.assert_array_equal(second.ranked.keys, release.keys[query.candidates.rows])
    np.testing.assert_array_equal(second.ranked.recall_scores, query.candidates.recall_scores)
    np.testing.assert_array_equal(second.ranked.channels, query.candidates.channels)
    rows = query.candidates.rows.astype(np.float32)
    np.testing.assert_array_equal(second.ranked.scores, 1 / (1 + rows))
    assert second.ranked.tasks.shape == (len(rows), 2)


@asynccontextmanager
async def losing_the_first_answer(redis: RedisServer) -> AsyncIterator[str]:
    """Address of Redis, behind something that breaks before the first XADD is answered."""
    logged = asyncio.Event()
    broken = False

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        answers, asks = await asyncio.open_connection("127.0.0.1", redis.port)

        async def ask() -> None:
            while data := await reader.read(2**20):
                if b"XADD" in data:
                    logged.set()
                asks.write(data)

        asking = asyncio.create_task(ask())
        while data := await answers.read(2**20):
            if logged.is_set() and not broken:
                broken = True
                break
            writer.write(data)
        asking.cancel()
        asks.close()
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_a_request_whose_answer_of_redis_is_lost_is_logged_once(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    async with (
        losing_the_first_answer(redis_server) as url,
        logging_gateway(redis_server, release, url) as (gateway, log, _),
    ):
        await gateway.recommend(RecommendInput(user_id="anna"), "first")
        await log.flush()
        await gateway.recommend(RecommendInput(user_id="anna"), "second")
        await log.flush()
    assert [entry.request_id for entry in await entries(redis_server)] == ["first", "second"]


async def test_how_many_were_ever_logged_is_kept_beside_the_stream(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    count_of = added("requests", partition(pseudonym("anna", KEY)))
    client: Any
    async with (
        open_redis(SecretStr(redis_server.url)) as client,
        logging_gateway(redis_server, release) as (gateway, log, _),
    ):
        await client.delete(count_of)
        for name in ("first", "second", "third"):
            await gateway.recommend(RecommendInput(user_id="anna"), name)
        await log.flush()
        assert await client.get(count_of) == b"3"
    await entries(redis_server)


async def test_a_degraded_request_is_logged_with_what_was_skipped(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    async with logging_gateway(redis_server, release) as (gateway, log, world):
        world["rank"].mode = world["contexts"].mode = "call_error"
        await gateway.recommend(RecommendInput(user_id="boris"), "r")
        await log.flush()
    (entry,) = await entries(redis_server)
    assert {"rank", "feature_store"} <= set(entry.degraded)
    assert len(entry.ranked.keys)
    assert not len(entry.ranked.scores)


async def test_pages_are_logged_with_their_positions(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    async with logging_gateway(redis_server, release) as (gateway, log, _):
        page = await gateway.recommend(RecommendInput(user_id="carla", k=4), "one")
        following = RecommendInput(user_id="carla", k=4, page_token=page.next_page_token)
        await gateway.recommend(following, "two")
        await log.flush()
    assert [entry.shown.first for entry in await entries(redis_server)] == [0, 4]


async def test_requests_beyond_the_queue_are_dropped_and_counted(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    before = count("requests_not_logged", reason="queue")
    async with logging_gateway(redis_server, release, waiting=2) as (gateway, log, _):
        for i in range(5):
            answer = await gateway.recommend(RecommendInput(user_id="dora", k=2), f"r{i}")
            assert len(answer.items) == 2
        await log.flush()
    assert count("requests_not_logged", reason="queue") - before == 3
    assert len(await entries(redis_server)) == 2


async def test_answers_do_not_wait_for_a_redis_that_hangs_or_is_gone(
    own_redis: RedisServer, release: GatewayRelease
) -> None:
    before = count("requests_not_logged", reason="redis")
    own_redis.kill()
    async with logging_gateway(own_redis, release, linger=0.0) as (gateway, log, _):
        task = asyncio.create_task(log.run())
        answer = await gateway.recommend(RecommendInput(user_id="emil", k=2), "lost")
        assert len(answer.items) == 2
        while count("requests_not_logged", reason="redis") == before:
            await asyncio.sleep(0.01)
        own_redis.start()
        logged = count("requests_logged")
        await gateway.recommend(RecommendInput(user_id="emil", k=2), "kept")
        while count("requests_logged") == logged:
            await asyncio.sleep(0.01)
        task.cancel()
    assert [entry.request_id for entry in await entries(own_redis)] == ["kept"]


async def test_a_stream_that_nobody_reads_is_bounded(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    async with logging_gateway(redis_server, release, length=100, waiting=2000) as (g, log, _):
        for i in range(500):
            await g.recommend(RecommendInput(user_id="fred", k=1), f"r{i}")
        await log.flush()
    left = await entries(redis_server)
    assert 100 <= len(left) < 300  # a stream is trimmed by whole nodes
    assert left[-1].request_id == "r499"


def test_the_share_is_decided_by_the_request_id() -> None:
    ids = [f"request-{i}" for i in range(4000)]
    some = {i for i in ids if sampled(i, 0.25)}
    assert 900 < len(some) < 1100
    assert some < {i for i in ids if sampled(i, 0.5)}
    assert all(sampled(i, 1.0) for i in ids)
    assert not any(sampled(i, 0.0) for i in ids)


async def test_the_log_of_the_settings_is_written_until_the_end(
    redis_server: RedisServer, release: GatewayRelease, tmp_path: Path
) -> None:
    key = tmp_path / "pseudonym.key"
    key.write_text(KEY.hex())
    settings = GatewaySettings(redis_url=SecretStr(redis_server.url), pseudonym_key_file=key)
    async with AsyncExitStack() as stack:
        log = await open_request_log(settings, stack)
        assert log is not None
        gateway = make_gateway(release, Stages(**make_world(release).stages), settings, log=log)
        await gateway.recommend(RecommendInput(user_id="gina", k=1), "last")
    assert [entry.request_id for entry in await entries(redis_server)] == ["last"]


@pytest.mark.parametrize("missing", ["redis_url", "pseudonym_key_file", "log_requests"])
async def test_without_redis_key_or_share_nothing_is_logged(tmp_path: Path, missing: str) -> None:
    key = tmp_path / "pseudonym.key"
    key.write_text(KEY.hex())
    given: dict[str, Any] = {
        "redis_url": SecretStr("redis://127.0.0.1:1/0"),
        "pseudonym_key_file": key,
        "log_requests": 0.5,
    }
    given[missing] = {"redis_url": SecretStr(""), "pseudonym_key_file": None}.get(missing, 0.0)
    async with AsyncExitStack() as stack:
        assert await open_request_log(GatewaySettings(**given), stack) is None


async def test_a_request_that_cannot_be_written_down_is_dropped_alone(
    redis_server: RedisServer, release: GatewayRelease
) -> None:
    before = count("requests_not_logged", reason="error")
    async with logging_gateway(redis_server, release) as (gateway, log, _):
        for name in ("good", "half of a pair: \ud800", "good too"):
            await gateway.recommend(RecommendInput(user_id="hugo", k=1), name)
        await log.flush()
    assert count("requests_not_logged", reason="error") - before == 1
    assert [entry.request_id for entry in await entries(redis_server)] == ["good", "good too"]
