"""The feature store as a gRPC service: what differs from the stages in this process."""

from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

import grpc
import numpy as np
import pytest
from pydantic import SecretStr
from recsys.feature_store.v1 import feature_store_pb2 as pb
from recsys.feature_store.v1 import feature_store_pb2_grpc as pb_grpc

from services.chassis.channel import open_channel
from services.chassis.server import started
from services.domain.context import History
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
from services.feature_store.client import (
    append_client,
    context_client,
    import_done,
    import_users,
    mark_client,
)
from services.feature_store.servicer import mount
from services.feature_store.settings import FeatureStoreSettings
from tests.redis import RedisServer, free_port, redis_server

__all__ = ["redis_server"]

PATIENCE = 30.0
NOW = 1_700_000_000


async def channel_to(url: str) -> AsyncIterator[grpc.aio.Channel]:
    settings = FeatureStoreSettings(
        port=0, metrics_port=0, redis_url=SecretStr(url), redis_timeout=PATIENCE
    )
    async with (
        started("feature_store", settings, partial(mount, settings)) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield channel


@pytest.fixture
async def channel(redis_server: RedisServer) -> AsyncIterator[grpc.aio.Channel]:
    async for opened in channel_to(redis_server.url):
        yield opened


@pytest.fixture
async def lonely_channel() -> AsyncIterator[grpc.aio.Channel]:
    """To a service whose Redis is absent."""
    async for opened in channel_to(f"redis://127.0.0.1:{free_port()}"):
        yield opened


def imported(user: str, length: int = 3) -> UserImport:
    keys = np.arange(length, dtype=np.uint64)
    history = History(
        keys,
        np.full(length, NOW, np.uint32),
        np.full(length, 3, np.uint8),
        np.zeros(length, np.float32),
    )
    return UserImport(user, {"age": "24"}, history, keys)


async def test_mark_append_and_read(channel: grpc.aio.Channel) -> None:
    user = uuid4().hex
    mark = MarkShownQuery(user, np.array([1, 2], np.uint64), NOW, PATIENCE)
    assert await mark_client(channel).call([mark], PATIENCE) == [Outcome.of(Marked())]
    event = Event("e", 2**64 - 1, EventType.LIKE, NOW, 4.0)
    append = AppendEventsQuery(user, (event, event), PATIENCE)
    assert await append_client(channel).call([append], PATIENCE) == [Outcome.of(Appended(1, 1))]
    (outcome,) = await context_client(channel).call([ContextQuery(user, PATIENCE)], PATIENCE)
    assert outcome.value is not None
    assert outcome.value.user_id == user
    assert outcome.value.seen.recent.tolist() == [1, 2]
    assert outcome.value.history.keys.tolist() == [2**64 - 1]
    assert outcome.value.has_seen(np.array([1, 2, 2**64 - 1], np.uint64)).all()


async def test_bad_queries_fail_alone(channel: grpc.aio.Channel) -> None:
    stub = pb_grpc.FeatureStoreServiceStub(channel)  # type: ignore[no-untyped-call]
    good = pb.MarkShownQuery(user_id=uuid4().hex, keys=b"12345678", remaining_ms=30_000)
    broken = pb.MarkShownQuery(user_id="u", keys=b"1234567", remaining_ms=30_000)
    late = pb.MarkShownQuery(user_id="u", keys=b"12345678")
    nobody = pb.MarkShownQuery(keys=b"12345678", remaining_ms=30_000)
    request = pb.MarkShownRequest(queries=[good, broken, late, nobody, good])
    results = (await stub.MarkShown(request)).results
    assert [r.status.reason for r in results] == [1, 2, 4, 2, 1]
    assert results[1].status.message == "keys: 7 bytes are not a multiple of 8"


async def test_too_many_queries_are_refused_by_name(channel: grpc.aio.Channel) -> None:
    queries = [ContextQuery("u", PATIENCE)] * 257
    with pytest.raises(CallError, match="INVALID: queries: 257, at most 256"):
        await context_client(channel).call(queries, PATIENCE)


async def test_the_largest_batch_fits(channel: grpc.aio.Channel) -> None:
    users = [uuid4().hex for _ in range(256)]
    await import_users(channel, uuid4().hex, [imported(u, 200) for u in users], PATIENCE)
    queries = [ContextQuery(user, PATIENCE) for user in users]
    outcomes = await context_client(channel).call(queries, PATIENCE)
    assert [o.value and o.value.user_id for o in outcomes] == users


async def test_an_import_in_parts(channel: grpc.aio.Channel) -> None:
    fingerprint = uuid4().hex
    users = [imported(uuid4().hex) for _ in range(250)]
    assert not await import_done(channel, fingerprint, PATIENCE)
    done = await import_users(channel, fingerprint, users, PATIENCE)
    assert (done.imported, done.existing) == (250, 0)
    assert await import_done(channel, fingerprint, PATIENCE)
    again = await import_users(channel, fingerprint, users, PATIENCE)
    assert (again.imported, again.existing) == (0, 250)


async def test_a_bad_import_is_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(CallError, match=r"INVALID: users\[0\].user_id"):
        await import_users(channel, "x", [imported("")], PATIENCE)
    with pytest.raises(CallError, match="INVALID: fingerprint"):
        await import_done(channel, "", PATIENCE)


async def test_without_redis_every_query_is_unavailable(lonely_channel: grpc.aio.Channel) -> None:
    queries = [ContextQuery("u", PATIENCE), ContextQuery("v", PATIENCE)]
    outcomes = await context_client(lonely_channel).call(queries, PATIENCE)
    assert [o.failure and o.failure.reason for o in outcomes] == [Reason.UNAVAILABLE] * 2
    with pytest.raises(CallError, match=r"UNAVAILABLE: Redis at .* cannot be reached"):
        await import_done(lonely_channel, "x", PATIENCE)
