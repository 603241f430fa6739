"""A closed-loop load generator: a fixed number of callers, each asks again when it is answered.

A caller that is refused waits for as long as the refusal says, as every client of ours does: one
that came back at once would measure how fast refusals are made.

`python -m loadtest.closed_loop --address 127.0.0.1:50050 --seconds 10`
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import grpc
import numpy as np
import typer
import uvloop
from recsys.common.v1.common_pb2 import Reason
from recsys.gateway.v1 import gateway_pb2, gateway_pb2_grpc

from recstack.client.errors import RETRY_AFTER
from services.chassis.channel import open_channel

DEADLINE = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    Attributes:
        address: gRPC address of the gateway.
        seconds: how long; calls that began in time are waited for.
        concurrency: callers.
        connections: they share these; workers that share a port each take some of them.
        users: ids "1" to this number, in turn.
        k: length of the lists.
    """

    address: str
    seconds: float = 10.0
    concurrency: int = 32
    connections: int = 32
    users: int = 943
    k: int = 20


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. Latencies in milliseconds are of every call, but for those refused.

    Attributes:
        requests: calls made.
        requests_per_second: of those answered.
        errors: calls without an answer.
        refused: calls that were to come again later.
        degraded: answers that skipped something.
        short: answers with fewer items than asked for.
        skipped: how often each stage was skipped, by "stage REASON".
    """

    requests: int
    requests_per_second: float
    errors: int
    refused: int
    degraded: int
    short: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    skipped: Mapping[str, int]


@dataclass(slots=True)
class _Counts:
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    refused: int = 0
    degraded: int = 0
    short: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


async def run(load: Load) -> Result:
    """Sends the load from this process."""
    channels = [open_channel(load.address) for _ in range(load.connections)]
    users = itertools.cycle(range(1, load.users + 1))
    counts = _Counts()
    start = time.perf_counter()
    try:
        await asyncio.gather(
            *(
                _caller(channels[i % load.connections], users, load, counts)
                for i in range(load.concurrency)
            )
        )
    finally:
        for channel in channels:
            await channel.close(None)
    return _result(counts, time.perf_counter() - start)


async def _caller(
    channel: grpc.aio.Channel, users: Iterator[int], load: Load, counts: _Counts
) -> None:
    stub = gateway_pb2_grpc.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
    end = time.perf_counter() + load.seconds
    while (start := time.perf_counter()) < end:
        request = gateway_pb2.RecommendRequest(user_id=str(next(users)), k=load.k)
        try:
            answer = await stub.Recommend(request, timeout=DEADLINE)
        except grpc.aio.AioRpcError as error:
            if delay := _delay(error):
                counts.refused += 1
                await asyncio.sleep(delay)
                continue
            counts.errors += 1
        else:
            counts.degraded += bool(answer.degraded)
            counts.skipped.update(f"{d.stage} {Reason.Name(d.reason)}" for d in answer.degraded)
            counts.short += len(answer.items) < load.k
        counts.latencies.append(time.perf_counter() - start)


def _delay(error: grpc.aio.AioRpcError) -> float:
    """Seconds until a refused call may come again; 0: it was not refused."""
    trailing: Any = error.trailing_metadata() or ()  # pairs, whatever the type stubs say
    return int(dict(trailing).get(RETRY_AFTER, 0)) / 1000


def _result(counts: _Counts, seconds: float) -> Result:
    latencies = np.array(counts.latencies or [0.0]) * 1000
    p50, p90, p99 = np.percentile(latencies, (50, 90, 99)).tolist()
    done = len(counts.latencies)
    return Result(
        done + counts.refused,
        (done - counts.errors) / seconds,
        counts.errors,
        counts.refused,
        counts.degraded,
        counts.short,
        p50,
        p90,
        p99,
        dict(counts.skipped),
    )


def main(
    address: Annotated[str, typer.Option(help="gRPC address of the gateway.")] = "127.0.0.1:50050",
    seconds: Annotated[float, typer.Option(min=0.1, max=600)] = 10.0,
    concurrency: Annotated[int, typer.Option(min=1, max=1024)] = 32,
    connections: Annotated[int, typer.Option(min=1, max=64)] = 32,
    users: Annotated[int, typer.Option(min=1, help='Ids "1" to this number, in turn.')] = 943,
) -> None:
    """Send a closed-loop load to a running stack and print what came back, as JSON."""
    load = Load(address, seconds, concurrency, connections, users)
    typer.echo(json.dumps(asdict(uvloop.run(run(load))), indent=2))


if __name__ == "__main__":
    typer.run(main)
