"""The events service as a process that a test may kill and freeze, and what it left behind."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import redis

from services.events.counters import Counters
from services.journal.event import EVENTS
from services.journal.kind import ENTRY_COLUMNS
from services.journal.streams import PARTITIONS, stream


class EventsProcess:
    """`python -m services.events`; what it says is in its log."""

    def __init__(self, redis_url: str, log: Path, **settings: object) -> None:
        told = {"port": 0, "metrics_port": 0, "redis_url": redis_url, "log": log, **settings}
        self._environment = {
            f"RECSTACK_EVENTS_{name.upper()}": str(value) for name, value in told.items()
        }
        self._output = log.with_suffix(".out")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.events"],
                env={**os.environ, **self._environment},
                stdout=output,
                stderr=output,
            )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it as a crash would, frozen or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Lets it end in order; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait()


def done(client: "redis.Redis[bytes]", sink: str, kind: str = EVENTS.name) -> int:
    """How many entries of all partitions a sink has done."""
    return sum(
        int(client.hget(f"{stream(kind, p)}:{sink}", "count") or 0) for p in range(PARTITIONS)
    )


def totals(client: "redis.Redis[bytes]") -> Counter[tuple[int, int]]:
    """Events by item key and EventType number, as the counters in Redis have them."""
    found: Counter[tuple[int, int]] = Counter()
    for p in range(PARTITIONS):
        counters = Counters()
        counters.load(client.hgetall(f"{stream(EVENTS.name, p)}:items"))
        for row, key in enumerate(counters.keys.tolist()):
            for kind, count in enumerate(counters.totals[row].tolist()):
                if count:
                    found[key, kind] += count
    return found


def rows(log: Path, kind: str = EVENTS.name) -> tuple[list[dict[str, Any]], int]:
    """The rows of all files, one an entry, and how many there were of which only one was kept."""
    read = [row for path in files(log, kind) for row in pq.read_table(path).to_pylist()]
    kept = {tuple(row[name] for name in ENTRY_COLUMNS): row for row in read}
    return list(kept.values()), len(read) - len(kept)


def files(log: Path, kind: str = EVENTS.name) -> Iterable[Path]:
    return sorted((log / kind).glob("p*/*.parquet"))
