"""200,000 events, while Redis and the consumers are killed at random: none lost, none doubled.

Senders repeat what was not acknowledged, under the same event ids. At the end histories, counters
and Parquet rows must equal those computed from the list of events alone.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from services.chassis.channel import open_channel
from services.domain.context import UserContext
from services.domain.events import Event, EventType
from services.domain.ids import item_key
from services.domain.outcome import CallError
from services.domain.protocols import StageClient
from services.domain.user_state import (
    Appended,
    AppendEventsQuery,
    ContextQuery,
)
from services.feature_store.client import append_client, context_client
from services.feature_store.layout import HISTORY_LIMIT, RECENT_LIMIT
from services.journal.event import EVENTS as EVENT_STREAM
from services.journal.event import event_hash
from services.journal.pseudonym import pseudonym
from services.journal.streams import PARTITIONS, added
from tests.events import EventsProcess, done, rows, totals
from tests.redis import RedisServer, free_port, running

EVENTS = 200_000
USERS = 800
ITEMS = 500
A_QUERY = 25
OVERLAP = 2  # events that a query has of the one before
A_CALL = 80
SENDERS = 4
REDIS_KILLS = 5
CONSUMER_KILLS = 10
AGAIN = 0.05  # share of the acknowledged calls that are made a second time
KEY = bytes(range(32))
PATIENCE = 120.0

Log = dict[str, list[Event]]


def made_events(choose: random.Random) -> Log:
    """Events by user, in the order they are sent; their times are distinct, and in any order."""
    first = int(time.time()) - 86_400
    log = {}
    for user in (f"user {i}" for i in range(USERS)):
        times = choose.sample(range(first, first + 86_400), EVENTS // USERS)
        log[user] = [_event(f"{user} {i}", moment, choose) for i, moment in enumerate(times)]
    return log


def _event(event_id: str, moment: int, choose: random.Random) -> Event:
    item = f"item {int(choose.paretovariate(1.0)) % ITEMS}"
    kind, value = choose.choice(list(EventType)), choose.choice((0.0, 1.5))
    return Event(event_id, item_key(item), kind, moment, value, item, f"list {moment % 7}")


class Sender:
    """Sends the events of some users until each is acknowledged."""

    def __init__(self, client: StageClient[AppendEventsQuery, Appended], seed: int) -> None:
        self._client = client
        self._choose = random.Random(seed)
        self.acknowledged = 0
        self.duplicates = 0
        self.repeated = 0

    async def send(self, log: Log) -> None:
        for start in range(0, EVENTS // USERS, A_QUERY):
            queries = [
                AppendEventsQuery(
                    user, tuple(events[max(0, start - OVERLAP) : start + A_QUERY]), 5.0
                )
                for user, events in log.items()
            ]
            for first in range(0, len(queries), A_CALL):
                await self._call(queries[first : first + A_CALL])

    async def _call(self, queries: Sequence[AppendEventsQuery]) -> None:
        left = await self._attempt(queries)
        while left:
            self.repeated += 1
            await asyncio.sleep(0.05)
            left = await self._attempt(left)
        self.acknowledged += A_QUERY * len(queries)
        if self._choose.random() < AGAIN:
            await self._attempt(queries)

    async def _attempt(self, queries: Sequence[AppendEventsQuery]) -> list[AppendEventsQuery]:
        """The queries that were not acknowledged."""
        try:
            outcomes = await self._client.call(queries, 10.0)
        except CallError:
            return list(queries)
        values = [outcome.value for outcome in outcomes]
        self.duplicates += sum(value.duplicates for value in values if value)
        return [query for query, value in zip(queries, values, strict=True) if value is None]


async def kill_at_random(
    senders: Sequence[Sender],
    server: RedisServer,
    consumers: Sequence[EventsProcess],
    choose: random.Random,
) -> None:
    """Kills, each time when so many events are acknowledged; the seed says who and when."""
    victims = ["redis"] * REDIS_KILLS + ["consumer"] * CONSUMER_KILLS
    moments = sorted(choose.sample(range(EVENTS // 50, EVENTS * 9 // 10), len(victims)))
    choose.shuffle(victims)
    for victim, moment in zip(victims, moments, strict=True):
        while sum(sender.acknowledged for sender in senders) < moment:
            await asyncio.sleep(0.001)
        await asyncio.sleep(choose.random() * 0.05)  # anywhere in what is going on
        if victim == "redis":
            server.kill()
            await asyncio.to_thread(server.start)
        else:
            consumer = choose.choice(consumers)
            consumer.kill()
            consumer.start()


@contextmanager
def feature_store(redis_url: str, folder: Path) -> Iterator[str]:
    """The address of a feature store in a process of its own."""
    (folder / "pseudonym.key").write_text(KEY.hex())
    port = free_port()
    told = {
        "PORT": port,
        "METRICS_PORT": 0,
        "REDIS_URL": redis_url,
        "REDIS_TIMEOUT": 5,
        "PSEUDONYM_KEY_FILE": folder / "pseudonym.key",
        "LOG_LEVEL": "error",
    }
    environment = {f"RECSTACK_FEATURE_STORE_{name}": str(value) for name, value in told.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.feature_store"], env={**os.environ, **environment}
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_no_event_is_lost_and_none_counts_twice(tmp_path: Path) -> None:
    choose = random.Random(7)
    log = made_events(choose)
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path / "redis", appendfsync="always"))
        address = stack.enter_context(feature_store(server.url, tmp_path))
        consumers = [
            EventsProcess(
                server.url,
                tmp_path / "log",
                lease_seconds=1,
                publish_seconds=1,
                file_rows=4000,
                file_seconds=2,
                redis_timeout=2,
            )
            for _ in range(2)
        ]
        for consumer in consumers:
            stack.callback(consumer.kill)
            consumer.start()
        async with open_channel(address) as channel:
            client = append_client(channel)
            senders = [Sender(client, seed) for seed in range(SENDERS)]
            users = list(log)
            shares = [{user: log[user] for user in users[i::SENDERS]} for i in range(SENDERS)]
            chaos = kill_at_random(senders, server, consumers, choose)
            sending = (sender.send(share) for sender, share in zip(senders, shares, strict=True))
            await asyncio.gather(chaos, *sending)
            assert sum(sender.repeated for sender in senders) >= REDIS_KILLS
            assert sum(sender.duplicates for sender in senders) > 0
            contexts = await read_contexts(context_client(channel), users)
        with redis.Redis(port=server.port) as sync:
            await until_done(sync)
            assert totals(sync) == Counter((e.key, int(e.type)) for e in flat(log))
        check_histories(log, contexts)
        check_rows(log, tmp_path / "log")


async def read_contexts(
    client: StageClient[ContextQuery, UserContext], users: Sequence[str]
) -> dict[str, UserContext]:
    found = {}
    for start in range(0, len(users), 100):
        part = users[start : start + 100]
        outcomes = await client.call([ContextQuery(user, 5.0) for user in part], 10.0)
        for user, outcome in zip(part, outcomes, strict=True):
            assert outcome.value is not None, outcome.failure
            found[user] = outcome.value
    return found


async def until_done(client: "redis.Redis[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not (done(client, "counters") == done(client, "files") == EVENTS):
        state = {sink: done(client, sink) for sink in ("counters", "files")}
        state["added"] = sum(
            int(client.get(added(EVENT_STREAM.name, p)) or 0) for p in range(PARTITIONS)
        )
        assert time.monotonic() < deadline, state
        assert all(count <= EVENTS for count in state.values()), state
        await asyncio.sleep(0.1)


def flat(log: Log) -> Iterator[Event]:
    return (event for events in log.values() for event in events)


def check_histories(log: Log, contexts: dict[str, UserContext]) -> None:
    """The newest by time; of impressions the last shown in the order they were sent."""
    for user, events in log.items():
        newest = sorted(
            (e for e in events if e.type != EventType.IMPRESSION), key=lambda e: -e.time
        )[:HISTORY_LIMIT]
        history = contexts[user].history
        assert history.times.tolist() == [e.time for e in newest], user
        assert history.keys.tolist() == [e.key for e in newest], user
        assert history.events.tolist() == [int(e.type) for e in newest], user
        shown = [e.key for e in reversed(events) if e.type == EventType.IMPRESSION]
        recent = list(dict.fromkeys(shown))[:RECENT_LIMIT]
        assert contexts[user].seen.recent.tolist() == recent, user


def check_rows(log: Log, folder: Path) -> None:
    """Each event is one row, with all that was known of it."""
    found, _ = rows(folder)
    assert len(found) == EVENTS
    by_hash = {row["event_hash"]: row for row in found}
    assert len(by_hash) == EVENTS
    for user, events in log.items():
        name = pseudonym(user, KEY)
        for event in events:
            row = by_hash[int.from_bytes(event_hash(event.event_id), "little")]
            assert (row["pseudonym"], row["key"], row["item_id"]) == (
                name,
                event.key,
                event.item_id,
            )
            assert (row["type"], row["time"], row["value"], row["request_id"]) == (
                event.type,
                event.time,
                event.value,
                event.request_id,
            )
