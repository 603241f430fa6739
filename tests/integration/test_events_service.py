"""The events service on a real Redis: crashes at chosen points, frozen processes, a full disk."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.chassis.channel import open_channel
from services.chassis.redis import open_redis
from services.chassis.server import started
from services.chassis.tasks import end
from services.domain.events import Event, EventType
from services.events.entry_id import EntryId
from services.events.lease import Claim, FencedError, Lease, LostError
from services.events.pipeline import EventsService, run_events
from services.events.servicer import mount
from services.events.settings import EventsSettings
from services.journal.event import EVENTS, EventEntry, decode_event, encode_event
from services.journal.pseudonym import pseudonym
from services.journal.streams import FIELD, PARTITIONS, added, partition, stream
from services.statistics.decay import Decayed
from services.statistics.snapshot import read_snapshot
from tests.events import EventsProcess, done, files, rows, totals
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]

KEY = bytes(range(32))
PATIENCE = 60.0
NOW = int(time.time())
QUICK = {"lease_seconds": 1, "publish_seconds": 0.2, "file_seconds": 0.2, "redis_timeout": 2}


@pytest.fixture
def client(own_redis: RedisServer) -> "redis.Redis[bytes]":
    return redis.Redis(port=own_redis.port)


def settings_of(server: RedisServer, log: Path, **told: object) -> EventsSettings:
    return EventsSettings.model_validate(
        {"port": 0, "metrics_port": 0, "redis_url": server.url, "log": log, **QUICK, **told}
    )


def append(client: "redis.Redis[bytes]", count: int, first: int = 0) -> list[EventEntry]:
    """Events of many users and items, as the append script leaves them in the streams."""
    entries = []
    for i in range(first, first + count):
        kind = list(EventType)[i % len(EventType)]
        event = Event(f"e{i}", i % 13, kind, NOW - i * 61, i / 2, f"item {i % 13}", f"list {i % 3}")
        user = pseudonym(f"u{i % 50}", KEY)
        payload = encode_event(event, user)
        name = partition(user)
        with client.pipeline() as pipeline:
            pipeline.xadd(stream(EVENTS.name, name), {FIELD: payload})
            pipeline.incr(added(EVENTS.name, name))
            pipeline.execute()
        entries.append(decode_event(payload))
    return entries


def check(client: "redis.Redis[bytes]", log: Path, entries: Sequence[EventEntry]) -> None:
    """Counters and rows are those of the entries, each once."""
    assert totals(client) == Counter((entry.key, entry.type) for entry in entries)
    found, _ = rows(log)
    columns = EVENTS.rows(entries)
    expected = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert sorted(
        (row["event_hash"], row["key"], row["type"], row["time"]) for row in found
    ) == sorted((row["event_hash"], row["key"], row["type"], row["time"]) for row in expected)
    by_hash = {row["event_hash"]: row for row in expected}
    for row in found:
        assert {name: row[name] for name in columns} == by_hash[row["event_hash"]]


async def until(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def until_done(client: "redis.Redis[bytes]", count: int) -> None:
    def all_done() -> bool:
        return done(client, "counters") >= count and done(client, "files") >= count

    await until(all_done, f"{done(client, 'counters')}, {done(client, 'files')} of {count}")


async def run_until_done(
    server: RedisServer, client: "redis.Redis[bytes]", log: Path, count: int
) -> None:
    async with AsyncExitStack() as stack:
        await run_events(settings_of(server, log), stack)
        await until_done(client, count)


# Crashes at chosen points: what is left in Redis and on disk is all that the next process has.


class Crash(BaseException):
    """The process ends here."""


class CrashingLease(Lease):
    """Ends the process at a call; `before`: what it would have done is not done."""

    def __init__(self, lease: Lease, method: str, before: bool) -> None:
        self.__dict__ = lease.__dict__
        self._method, self._before = method, before

    async def renew(self, claim: Claim, position: EntryId | None = None) -> None:
        await self._crash("renew", super().renew(claim, position))

    async def commit(self, *arguments: object) -> None:
        await self._crash("commit", super().commit(*arguments))  # type: ignore[arg-type]

    async def _crash(self, method: str, call: "asyncio.Future[None]") -> None:  # type: ignore[override]
        if method != self._method:
            await call
            return
        if self._before:
            call.close()  # type: ignore[attr-defined]
        else:
            await call
        raise Crash


@pytest.mark.parametrize("sink", ["counters", "files"])
@pytest.mark.parametrize(("method", "before"), [("commit", True), ("commit", False)])
async def test_a_crash_around_a_commit(
    own_redis: RedisServer,
    client: "redis.Redis[bytes]",
    tmp_path: Path,
    sink: str,
    method: str,
    before: bool,
) -> None:
    entries = append(client, 300)
    await crashed(own_redis, tmp_path / "log", sink, (method, before))
    await run_until_done(own_redis, client, tmp_path / "log", 300)
    check(client, tmp_path / "log", entries)


async def test_a_crash_before_a_written_file_has_its_name(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    entries = append(client, 300)
    await crashed(own_redis, tmp_path / "log", "files", ("renew", True))
    assert not list(files(tmp_path / "log"))
    left = list((tmp_path / "log").rglob("*.unfinished"))
    assert len(left) == 1
    await run_until_done(own_redis, client, tmp_path / "log", 300)
    check(client, tmp_path / "log", entries)
    assert not left[0].exists()


async def test_rows_written_twice_have_the_same_ids(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    """The file had its name, but its position was not stored; more came before the next start."""
    append(client, 100)
    await crashed(own_redis, tmp_path / "log", "files", ("commit", True))
    append(client, 100, first=100)
    await run_until_done(own_redis, client, tmp_path / "log", 200)
    found, repeated = rows(tmp_path / "log")
    assert len(found) == 200
    assert repeated > 0


async def crashed(server: RedisServer, log: Path, sink: str, point: tuple[str, bool]) -> None:
    """Runs the consumer of partition 0 into a sink until it crashes at the point."""
    opened = open_redis(SecretStr(server.url))
    service = EventsService(opened, settings_of(server, log))
    consumer = next(c for c in service.consumers if c.name == f"events:0:{sink}")
    consumer._lease = CrashingLease(consumer._lease, *point)
    with pytest.raises(Crash):
        await consumer.run()
    await opened.aclose()
    with redis.Redis(port=server.port) as sync:
        sync.delete(f"{consumer.name}:lease")  # as after its time


async def test_what_redis_lost_after_it_was_read_is_forgotten(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    """A Redis that comes back with less: what was read is no entry any more, and comes again."""
    append(client, 300)
    opened = open_redis(SecretStr(own_redis.url))
    service = EventsService(opened, settings_of(own_redis, tmp_path / "log"))
    for sink in ("counters", "files"):
        consumer = next(c for c in service.consumers if c.name == f"events:0:{sink}")
        claim = await consumer._lease.take()
        assert claim is not None
        read = await consumer._entries.read(claim.position, 100, 0.1)
        lost = read.entries[-1].id
        client.xdel(stream(EVENTS.name, 0), str(lost))
        with pytest.raises(LostError):
            await consumer._lease.renew(claim, lost)
        with pytest.raises(LostError):
            await consumer._lease.commit(claim, lost, read.count, {b"k": b"v"})
        assert not client.hexists(consumer._lease._keys[2], "k")
        again = await consumer._entries.read(claim.position, 100, 0.1)
        await consumer._lease.commit(claim, again.position, again.count, {})
        assert done(client, sink) == again.count == read.count - 1
    await opened.aclose()


async def test_what_was_trimmed_after_it_was_read_counts(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    append(client, 3 * PARTITIONS)
    opened = open_redis(SecretStr(own_redis.url))
    service = EventsService(opened, settings_of(own_redis, tmp_path / "log"))
    consumer = next(c for c in service.consumers if c.name == "events:0:counters")
    claim = await consumer._lease.take()
    assert claim is not None
    read = await consumer._entries.read(claim.position, 100, 0.1)
    client.xtrim(stream(EVENTS.name, 0), maxlen=0)
    await consumer._lease.commit(claim, read.position, read.count, {})
    assert done(client, "counters") == read.count
    await opened.aclose()


# Fencing: a process that slept through its lease.


@pytest.mark.parametrize("sink", ["counters", "files"])
async def test_who_slept_through_its_lease_commits_nothing(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path, sink: str
) -> None:
    entries = append(client, 200)
    frozen, woken = asyncio.Event(), asyncio.Event()

    class SleepingLease(Lease):
        async def commit(self, *arguments: object) -> None:
            frozen.set()
            await woken.wait()
            try:
                await super().commit(*arguments)  # type: ignore[arg-type]
            except FencedError:
                refused.append(True)
                raise

    refused: list[bool] = []
    opened = open_redis(SecretStr(own_redis.url))
    service = EventsService(opened, settings_of(own_redis, tmp_path / "log"))
    sleeper = next(c for c in service.consumers if c.name == f"events:0:{sink}")
    sleeper._lease.__class__ = SleepingLease
    task = asyncio.create_task(sleeper.run())
    await asyncio.wait_for(frozen.wait(), PATIENCE)
    client.delete(f"{sleeper.name}:lease")  # its time is over
    async with AsyncExitStack() as stack:
        await run_events(settings_of(own_redis, tmp_path / "log"), stack)
        await until_done(client, 200)
        before = client.hgetall(sleeper.name)
        woken.set()
        await until(lambda: bool(refused))
        assert client.hgetall(sleeper.name) == before
        entries += append(client, 100, first=200)
        await until_done(client, 300)
    await end(task)
    await opened.aclose()
    check(client, tmp_path / "log", entries)


async def test_a_frozen_process_is_replaced_and_does_no_harm_when_it_wakes(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    log = tmp_path / "log"
    first, second = (EventsProcess(own_redis.url, log, **QUICK) for _ in range(2))
    try:
        entries = append(client, 500)
        first.start()
        await until(lambda: done(client, "counters") > 0)
        first.signal(signal.SIGSTOP)
        entries += append(client, 500, first=500)
        second.start()
        await until_done(client, 1000)
        epochs = [int(client.hget(f"events:{p}:counters", "epoch")) for p in range(PARTITIONS)]
        assert min(epochs) > 1
        first.signal(signal.SIGCONT)
        entries += append(client, 500, first=1000)
        await until_done(client, 1500)
        check(client, log, entries)
        assert first.stop() == second.stop() == 0
    finally:
        first.kill()
        second.kill()


async def test_who_ends_in_order_leaves_no_lease(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    append(client, 10)
    await run_until_done(own_redis, client, tmp_path / "log", 10)
    assert [key for key in client.scan_iter() if key.endswith(b":lease")] == [b"publisher:lease"]


# What else goes wrong.


async def test_redis_is_waited_for(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    entries = append(client, 100)
    own_redis.kill()
    async with AsyncExitStack() as stack:
        await run_events(settings_of(own_redis, tmp_path / "log"), stack)
        own_redis.start()
        await until_done(client, 100)
        own_redis.kill()
        own_redis.start()
        entries += append(client, 100, first=100)
        await until_done(client, 200)
    check(client, tmp_path / "log", entries)


async def test_a_disk_that_cannot_be_written_to_stops_no_counting(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    entries = append(client, 100)
    log = tmp_path / "log"
    log.write_text("a file, where the folder should be")
    async with AsyncExitStack() as stack:
        await run_events(settings_of(own_redis, log), stack)
        await until(lambda: done(client, "counters") == 100)
        assert done(client, "files") == 0
        log.unlink()
        await until_done(client, 100)
    check(client, log, entries)


async def test_a_bad_entry_is_skipped_and_counted(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    before = REGISTRY.get_sample_value("recstack_log_bad_entries_total", {"kind": "events"}) or 0
    client.xadd("events:0", {FIELD: b"junk"})
    client.xadd("events:0", {"other": b"field"})
    entries = append(client, 50)
    await run_until_done(own_redis, client, tmp_path / "log", 52)
    check(client, tmp_path / "log", entries)
    after = REGISTRY.get_sample_value("recstack_log_bad_entries_total", {"kind": "events"})
    assert after == before + 4  # two, by two sinks


async def test_streams_are_trimmed_and_what_nobody_read_is_counted(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    append(client, 300)
    length = client.xlen("events:0")
    client.xtrim("events:0", maxlen=10, approximate=False)  # as a full stream does
    lost = length - 10
    async with AsyncExitStack() as stack:
        service = await run_events(settings_of(own_redis, tmp_path / "log"), stack)
        await until_done(client, 300 - lost)
        for watched in service.upkeep._streams:
            await service.upkeep.look(watched)
    assert [client.xlen(stream("events", p)) for p in range(PARTITIONS)] == [0] * PARTITIONS
    for p in range(PARTITIONS):
        labels = {"kind": "events", "partition": str(p)}
        dropped = REGISTRY.get_sample_value("recstack_log_dropped_entries", labels)
        assert dropped == (lost if p == 0 else 0)
        for sink in ("counters", "files"):
            for name in ("recstack_log_lag_entries", "recstack_log_lag_seconds"):
                assert REGISTRY.get_sample_value(name, {**labels, "sink": sink}) == 0


async def test_lag_is_what_is_not_done(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    append(client, 200)
    opened = open_redis(SecretStr(own_redis.url))
    clock = float(client.xrange("events:0", count=1)[0][0].split(b"-")[0]) / 1000 + 7
    service = EventsService(opened, settings_of(own_redis, tmp_path), lambda: clock)
    for watched in service.upkeep._streams[:1]:
        await service.upkeep.look(watched)
    await opened.aclose()
    labels = {"kind": "events", "partition": "0", "sink": "counters"}
    assert REGISTRY.get_sample_value("recstack_log_lag_entries", labels) == client.xlen("events:0")
    assert REGISTRY.get_sample_value("recstack_log_lag_seconds", labels) == pytest.approx(7)


async def test_items_without_events_for_long_are_forgotten(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    append(client, 50)
    await run_until_done(own_redis, client, tmp_path / "log", 50)
    times = [NOW]
    opened = open_redis(SecretStr(own_redis.url))
    service = EventsService(opened, settings_of(own_redis, tmp_path / "log"), lambda: times[0])
    tasks = [asyncio.create_task(consumer.run()) for consumer in service.consumers]
    times[0] = NOW + 31 * 86_400
    await until(lambda: not totals(client))
    again = append(client, 50)
    await until(lambda: done(client, "counters") == 100)
    await end(*tasks)
    await opened.aclose()
    assert totals(client) == Counter((entry.key, entry.type) for entry in again)


async def test_statistics_are_published_of_all_partitions_together(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    entries = append(client, 600)
    opened = open_redis(SecretStr(own_redis.url))
    await run_until_done(own_redis, client, tmp_path / "log", 600)
    client.delete("publisher:lease")
    service = EventsService(opened, settings_of(own_redis, tmp_path / "log"), lambda: NOW)
    await service.publisher.publish()  # from what is in Redis: this process counts nothing
    snapshot = await read_snapshot(opened)
    await opened.aclose()
    assert snapshot is not None
    counted = Decayed(13)
    for entry in entries:
        if entry.type != EventType.DISMISS:
            engaged = entry.type != EventType.IMPRESSION
            counted.add(np.array([entry.key]), engaged, np.array([entry.time]))
    assert snapshot.time == NOW
    assert snapshot.keys.tolist() == list(range(13))
    np.testing.assert_allclose(snapshot.values, counted.features(NOW), rtol=1e-5, atol=1e-7)
    trending, scores = counted.trending(NOW, 500)
    np.testing.assert_allclose(snapshot.trending_scores, scores, rtol=1e-5)
    assert set(snapshot.trending_keys.tolist()) == set(trending.tolist())


async def test_one_process_publishes(
    own_redis: RedisServer, client: "redis.Redis[bytes]", tmp_path: Path
) -> None:
    opened = open_redis(SecretStr(own_redis.url))
    first, second = (EventsService(opened, settings_of(own_redis, tmp_path)) for _ in range(2))
    assert await first.publisher.publish() is not None
    assert await second.publisher.publish() is None
    assert await first.publisher.publish() is not None
    client.delete("publisher:lease")
    assert await second.publisher.publish() is not None
    await opened.aclose()


async def test_it_is_a_server_that_says_it_serves(own_redis: RedisServer, tmp_path: Path) -> None:
    settings = settings_of(own_redis, tmp_path)
    async with (
        started("events", settings, partial(mount, settings)) as server,
        open_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
