"""What logging a served request costs the gateway: `python -m tests.bench.request_log`.

200 candidates with 10 channels (2 found each), statistics of every item, 100 events of history, a
list of 20. CPU of this process in microseconds a request, against a real Redis; bytes of an entry.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import SecretStr

from services.chassis.redis import open_redis
from services.domain.candidates import Candidates
from services.domain.context import History, RequestContext, UserContext
from services.domain.ids import item_keys
from services.domain.stages import (
    Recalled,
    Scores,
    Slate,
)
from services.gateway.item_view import ItemView
from services.gateway.request_entry import entry_of
from services.gateway.request_log import RequestLog, RequestLogConfig
from services.gateway.requests import ListRequest
from services.gateway.trace import Ranking, Trace
from services.items.table import ItemTable
from services.journal.request_payload import decode, encode
from tests.redis import running
from tests.unit.gateway.world import ITEMS, make_release

CANDIDATES, CHANNELS, EVENTS, K, CALLS = 200, 10, 100, 20, 3200


def make_trace(folder: Path) -> Trace:
    """A request on its way through a gateway of 10 channels."""
    draw = np.random.default_rng(0)
    release = make_release(folder)
    release.channels = tuple(f"channel_{c}" for c in range(CHANNELS))
    found = np.argsort(draw.random((CANDIDATES, CHANNELS)), axis=1) < 2
    candidates = Candidates(
        draw.integers(0, ITEMS, CANDIDATES).astype(np.int32),
        (found << np.arange(CHANNELS)).sum(axis=1).astype(np.uint32),
        np.where(found, draw.random((CANDIDATES, CHANNELS)), 0).astype(np.float32),
        draw.random((CANDIDATES, 6)).astype(np.float32),
    )
    history = History(
        item_keys(f"i{i}" for i in range(EVENTS)),
        np.arange(900_000_000, 900_000_000 - EVENTS, -1).astype(np.uint32),
        draw.integers(2, 4, EVENTS).astype(np.uint8),
        draw.integers(1, 6, EVENTS).astype(np.float32),
    )
    profile = {"age": "24", "gender": "M", "occupation": "technician"}
    request = RequestContext(900_000_000, "home", {"device": "phone", "hour": "12"})
    scores = Scores(
        draw.random(CANDIDATES).astype(np.float32), draw.random((CANDIDATES, 2)).astype(np.float32)
    )
    ranking = Ranking(candidates, scores.blended, scores.tasks)
    return Trace(
        items=ItemView(release, ItemTable(None)),
        request=ListRequest("u42", K, request),
        context=UserContext("u42", True, profile, history),
        recalled=Recalled(candidates, draw.random(64).astype(np.float32)),
        prerank=None,
        preranked=ranking,
        rank=scores,
        ranked=ranking,
        notes=(),
        slate=Slate(candidates.rows[:K], scores.blended[:K]),
        steps=(),
        degraded=(),
    )


def cpu(call: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds of CPU a call, after a warm-up."""
    call()
    start = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - start) / calls * 1e6


async def main() -> None:
    with TemporaryDirectory() as folder, running(Path(folder) / "redis") as redis:
        trace = make_trace(Path(folder) / "release")
        entry = entry_of(trace, "request-0123456789", bytes(16), {})
        payload = encode(entry)
        shorter = zlib.compress(payload, 1)
        print(f"entry                 {cpu(lambda: entry_of(trace, 'r', bytes(16), {})):6.1f} µs")
        print(f"encode                {cpu(lambda: encode(entry)):6.1f} µs {len(payload):8d} bytes")
        zipped = cpu(lambda: zlib.compress(payload, 1), CALLS // 4)
        print(f"zlib, its fastest     {zipped:6.1f} µs {len(shorter):8d} bytes")
        print(f"decode                {cpu(lambda: decode(payload)):6.1f} µs")
        client = open_redis(SecretStr(redis.url))
        log = RequestLog(client, RequestLogConfig(bytes(32), waiting=CALLS))
        print(f"offer, on the path    {cpu(lambda: log.offer(trace, 'r'), CALLS - 1):6.1f} µs")
        for batch in (1, 4, 16):
            log = RequestLog(client, RequestLogConfig(bytes(32), waiting=batch, batch=batch))
            print(f"written, {batch:2d} at once   {await written(log, trace, batch):6.1f} µs")
        await client.aclose()


async def written(log: RequestLog, trace: Trace, batch: int) -> float:
    """Microseconds of CPU a request, from the offer to Redis' reply."""
    start = time.process_time()
    for _ in range(CALLS // batch):
        for _ in range(batch):
            log.offer(trace, "r")
        await log.flush()
    return (time.process_time() - start) / CALLS * 1e6


if __name__ == "__main__":
    asyncio.run(main())
