"""P99 of lists while a release of 100,000 items is loaded, and the memory of two releases.

    python -m tests.bench.loading [--rate 60]

Widens a trained release to two of `--items` items, serves one of them, and asks for lists at
`--rate` a second in a Poisson process. Windows in which the other release is loaded, and then
unloaded, take turns with windows of the same length in which nothing happens, so that a machine
whose speed changes slows both. Latency counts from when a list was to be asked for. Memory is PSS:
pages that processes share are divided among them.
"""

import asyncio
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import grpc
import numpy as np
import typer
from recsys.gateway.v1 import gateway_pb2 as pb

from models.schema import layout
from recstack.admin import Admin, read_token
from recstack.cli.admin import TOKEN
from services.chassis.channel import open_channel
from services.gateway.client import gateway_stub
from services.inference.store import ReleaseStore
from tests.bench.wide_release import widened
from tests.e2e.stack import ROOT, RunningStack, up

USERS = 943
WARM = 10.0  # seconds
OTHERS = ("redis", "events", "feature_store")
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
OTHER = "wide-b"
Asked = list[tuple[float, str]]  # milliseconds, what an answer lacked


def main(
    rate: Annotated[float, typer.Option(min=1, help="Lists a second.")] = 60.0,
    items: Annotated[int, typer.Option(min=1)] = 100_000,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    releases: Annotated[str, typer.Option(help="Where the current one is widened.")] = "",
    standalone: Annotated[bool, typer.Option(help="All stages in one process.")] = False,
) -> None:
    """Measure and print."""
    store = ReleaseStore(releases or str(ROOT / "var" / "releases"))
    trained = store.fetch(store.current())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "releases"
        copies = -(-items // len(np.load(trained / layout.CATALOG_KEYS)))
        wide = widened(trained, copies, place / "wide-a")
        widened(trained, copies, place / OTHER, seed=2)
        size = sum(path.stat().st_size for path in wide.rglob("*") if path.is_file())
        print(f"{len(np.load(wide / layout.CATALOG_KEYS)):,} items, {size / 1e6:.0f} MB of files")
        os.sync()  # else Redis waits for the disk in one of the windows
        options = ("--releases", str(place), "--release", wide.name)
        more = ("--standalone",) if standalone else ()
        with up(Path(folder) / "var", *options, *more) as stack:
            asyncio.run(measure(stack, rate, rounds))


async def measure(stack: RunningStack, rate: float, rounds: int) -> None:
    """Windows in turns."""
    addresses = stack.workspace.running()["admin"]
    token = read_token(stack.workspace.root / TOKEN)
    calm: list[Asked] = []
    loading: list[Asked] = []
    took: list[float] = []
    with Admin(addresses[0], token) as admin:
        await window(stack, rate, WARM)
        memory = [("one release", memory_of(stack))]
        for _ in range(rounds):
            asked, seconds = await beside(stack, rate, admin)
            loading.append(asked)
            took.append(seconds)
            memory[1:2] = [("two releases", memory_of(stack))]
            admin.unload(OTHER)
            calm.append(await window(stack, rate, seconds))
        memory.append(("one again", memory_of(stack)))
    print(f"a load takes {np.median(took):.1f} s; {rate:g} lists/s, {rounds} rounds")
    for name, windows in (("nothing", calm), ("loading", loading)):
        print(f"{name:8s} " + described(windows))
    print(f"P99 {100 * (p99_of(loading) / p99_of(calm) - 1):+.0f} %")
    for name, megabytes in memory:
        parts = ", ".join(f"{part} {size:.0f}" for part, size in sorted(megabytes.items()))
        print(f"{name}: {sum(megabytes.values()):.0f} MB ({parts})")


async def beside(stack: RunningStack, rate: float, admin: Admin) -> tuple[Asked, float]:
    """Asks while the other release is loaded; latencies, and how long the load took."""
    stop, start = asyncio.Event(), time.monotonic()
    asking = asyncio.create_task(ask(stack, rate, stop))
    await asyncio.to_thread(admin.load, OTHER)
    while True:
        _, holders = await asyncio.to_thread(admin.releases)
        states = [r.state for one in holders for r in one.releases if r.release == OTHER]
        assert "refused" not in states, holders
        if states == ["loaded"] * len(holders):
            break
        await asyncio.sleep(0.1)
    stop.set()
    return await asking, time.monotonic() - start


async def window(stack: RunningStack, rate: float, seconds: float) -> Asked:
    """Asks while nothing else happens."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await ask(stack, rate, stop)


async def ask(stack: RunningStack, rate: float, stop: asyncio.Event) -> Asked:
    """Asks for lists until told to stop; milliseconds each took from when it was due."""
    random, found, running = np.random.default_rng(len(stack.grpc)), Asked(), set()
    async with open_channel(stack.grpc) as channel:
        stub = gateway_stub(channel)

        async def one(user: int, due: float) -> None:
            request = pb.RecommendRequest(user_id=str(user), k=20)
            try:
                answer = await stub.Recommend(request, timeout=5)
                lacks = ", ".join(one.stage for one in answer.degraded)
            except grpc.aio.AioRpcError as error:
                lacks = error.code().name
            found.append((1000 * (time.monotonic() - due), lacks))

        due = time.monotonic()
        while not stop.is_set():
            due += random.exponential(1 / rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            running.add(asyncio.create_task(one(int(random.integers(1, USERS)), due)))
        await asyncio.gather(*running)
    return found


def described(windows: Sequence[Asked]) -> str:
    every = np.array([took for one in windows for took, _ in one])
    p50, p95, p99 = np.percentile(every, (50, 95, 99))
    each = ", ".join(f"{p99_of([one]):.0f}" for one in windows)
    skipped = Counter(stages for one in windows for _, stages in one if stages)
    return (
        f"{len(every)} lists, P50 {p50:.1f} P95 {p95:.1f} P99 {p99:.1f} ms (each: {each}), "
        f"not whole: {dict(skipped) or 'none'}"
    )


def p99_of(windows: Sequence[Asked]) -> float:
    return float(np.percentile([took for one in windows for took, _ in one], 99))


def memory_of(stack: RunningStack) -> dict[str, float]:
    """PSS by process that answers from releases, MB."""
    return {
        name: int(PSS.findall(Path(f"/proc/{pid}/smaps_rollup").read_text())[0]) / 1024
        for name, pid in stack.pids().items()
        if name not in OTHERS
    }


if __name__ == "__main__":
    typer.run(main)
