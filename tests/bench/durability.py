"""What a killed Redis loses of what it acknowledged: `python -m tests.bench.durability`.

Kills the process (SIGKILL) in the middle of appends, starts it again and counts the acknowledged
events that are gone. It says nothing of a machine that loses power: then what the disk had not yet,
with everysec up to two seconds, is gone too.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path

import redis
import uvloop
from pydantic import SecretStr

from services.domain.events import Event, EventType
from services.domain.user_state import AppendEventsQuery
from services.feature_store.pipeline import FeatureStore, open_feature_store
from services.feature_store.settings import FeatureStoreSettings
from services.journal.streams import PARTITIONS, added
from tests.redis import RedisServer, running

KILLS = 20
NOW = 1_700_000_000


async def append_until_killed(store: FeatureStore, server: RedisServer, run: int) -> int:
    """Events acknowledged until the server, killed at a random moment, answers no more."""
    acknowledged = 0
    killer = asyncio.get_running_loop().call_later(random.uniform(0.3, 2.5), server.kill)
    while True:
        first = f"{run} {acknowledged}"
        queries = [
            AppendEventsQuery(
                f"user {i % 200}",
                tuple(Event(f"{first} {i} {j}", j, EventType.CLICK, NOW) for j in range(5)),
                1.0,
            )
            for i in range(20)
        ]
        outcomes = await store.events.call(queries, 1.0)
        stored = sum(outcome.value.accepted for outcome in outcomes if outcome.value)
        acknowledged += stored
        if stored < 100:
            killer.cancel()
            server.kill()
            return acknowledged


def stored_events(server: RedisServer) -> int:
    """How many events are in the log; then everything is taken away."""
    with redis.Redis(port=server.port) as client:
        while client.info("persistence")["loading"]:
            time.sleep(0.05)
        stored = client.mget([added("events", p) for p in range(PARTITIONS)])
        client.flushall()
        return sum(int(value or 0) for value in stored)


async def measure(appendfsync: str, folder: Path) -> None:
    """Prints what one setting loses."""
    (folder / "key").write_text("2a" * 32)
    acknowledged = missing = losses = 0
    with running(folder / "redis", appendfsync=appendfsync) as server:
        settings = FeatureStoreSettings(
            redis_url=SecretStr(server.url), redis_timeout=5.0, pseudonym_key_file=folder / "key"
        )
        for run in range(KILLS):
            async with open_feature_store(settings) as store:
                count = await append_until_killed(store, server, run)
            server.start()
            lost = max(0, count - stored_events(server))  # more than acknowledged may be there
            acknowledged += count
            missing += lost
            losses += lost > 0
    print(
        f"{appendfsync:9s} {KILLS} kills, {acknowledged} acknowledged, {missing} lost in {losses}"
    )


if __name__ == "__main__":
    for setting in ("everysec", "always"):
        with tempfile.TemporaryDirectory() as path:
            uvloop.run(measure(setting, Path(path)))
