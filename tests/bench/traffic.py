"""Cost of following the traffic policy, delay of a change: `python -m tests.bench.traffic`.

Gateways are processes that only follow; `--busy N`: N processes more that compute without a pause.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
import timeit
from contextlib import AsyncExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from services.chassis.redis import open_redis
from services.domain.traffic import Arm, Layer, LayerArm, Policy
from services.gateway.lanes.judged import JudgedTally
from services.gateway.lanes.tally import Tally
from services.gateway.settings import GatewaySettings
from services.gateway.traffic.follow import Follower
from services.gateway.traffic.open import open_traffic
from services.gateway.traffic.report import Standing
from tests.redis import RedisServer, running
from tests.traffic import publish

GATEWAYS = 2
CHANGES = 60
CALLS = 100_000
SECONDS = 20.0
LOOK_SECONDS = 0.001
ARMS = (LayerArm("on", 50.0, {"by": 1.0}), LayerArm("off", 50.0, {}))
LAYERS = (Layer("one", "one", ARMS), Layer("two", "two", ARMS))
POLICIES = {
    "no canary": Policy(1, "a"),
    "a canary": Policy(1, "a", "b", 10.0, 10.0),
    "a canary and two layers": Policy(1, "a", "b", 10.0, 10.0, layers=LAYERS),
}
STANDING = Standing(
    {"gateway": {"a": "loaded", "b": "loaded"}},
    (
        Tally().report("a", Arm.STABLE),
        JudgedTally().report("a", Arm.CONTROL),
        JudgedTally().report("b", Arm.CANARY),
    ),
    "a",
)


def assignment(policy: Policy) -> float:
    """Seconds of one assignment, the best of five runs."""
    follower = Follower(None, policy)
    follower._until = float("inf")  # a lease that holds, without a Redis
    return min(timeit.repeat(lambda: follower.assign("8131712"), number=CALLS, repeat=5)) / CALLS


def gateway(url: str, told: Connection) -> None:
    """Tells the version of each policy that it applies, and when, by the clock of the host."""

    async def follow() -> None:
        settings = GatewaySettings(redis_url=SecretStr(url))
        async with AsyncExitStack() as stack:
            traffic = await open_traffic(settings, stack, Policy(0, "a"))
            await traffic.report(lambda: STANDING, stack)
            applied = 0
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                if (version := traffic.follower.applied.version) != applied:
                    told.send((applied := version, time.monotonic()))

    with suppress(KeyboardInterrupt):
        asyncio.run(follow())


def compute() -> None:
    while True:
        pass


async def delays(server: RedisServer, busy: int) -> list[float]:
    """Seconds from a change of the policy until a gateway applies it, one for each of both."""
    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(GATEWAYS)]
    processes = [
        *(multiprocessing.Process(target=gateway, args=(server.url, send)) for _, send in pipes),
        *(multiprocessing.Process(target=compute) for _ in range(busy)),
    ]
    found: list[float] = []
    try:
        for process in processes:
            process.start()
        random = np.random.default_rng(1)
        async with open_redis(SecretStr(server.url)) as leader:
            for version in range(1, CHANGES + 1):
                await asyncio.sleep(0.3 + random.random() / 3)
                asked = time.monotonic()
                await publish(leader, Policy(version, "a", "b", 10.0, 10.0))
                for receive, _ in pipes:
                    found.append(await asyncio.to_thread(_applied, receive, version) - asked)
    finally:
        for process in processes:
            process.kill()
    return found


def _applied(receive: Connection, version: int) -> float:
    while True:
        applied, at = receive.recv()
        if applied == version:
            return float(at)


async def upkeep(server: RedisServer) -> float:
    """CPU seconds a second of following and reporting."""
    async with AsyncExitStack() as stack:
        settings = GatewaySettings(redis_url=SecretStr(server.url))
        traffic = await open_traffic(settings, stack, Policy(0, "a"))
        await traffic.report(lambda: STANDING, stack)
        await asyncio.sleep(1.0)
        before, began = time.process_time(), time.monotonic()
        await asyncio.sleep(SECONDS)
        return (time.process_time() - before) / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside it")
    busy = parser.parse_args().busy
    for name, policy in POLICIES.items():
        print(f"assignment, {name}: {assignment(policy) * 1e6:.2f} µs")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        print(f"following and reporting: {asyncio.run(upkeep(server)):.2%} of a core")
        late = asyncio.run(delays(server, busy))
        print(
            f"{len(late)} changes applied after {np.median(late):.3f} s in the median, "
            f"{max(late):.3f} s at most, {busy} processes computing beside it"
        )


if __name__ == "__main__":
    main()
