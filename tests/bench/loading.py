"""P99 of lists while a release of 100,000 items is loaded, and the memory of two releases.

    python -m tests.bench.loading [--rate 80]

Widens a trained release to two of `--items` items, serves one of them, and asks for lists at
`--rate` a second in a Poisson process. A round is two windows of the same length, in turns the one
or the other first: in one the other release is loaded and unloaded, in the other nothing happens.
A machine whose speed changes slows both. Latency counts from when a list was to be asked for.
Memory is PSS: pages that processes share are divided among them. `other work` is what all other
processes computed meanwhile: with more than a little of it the numbers say nothing. As root,
`nice -n -15` goes before it.
"""

import asyncio
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from tests.bench.paired import blocks, ratio
from tests.bench.wide_release import widened
from tests.e2e.stack import ROOT, RunningStack, up

USERS = 943
WARM = 20.0  # seconds
AFTER = 1.0  # seconds that a window goes on after the release was unloaded
TICKS = os.sysconf("SC_CLK_TCK")
OTHERS = ("redis", "events", "feature_store")
PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
OTHER = "wide-b"


@dataclass(slots=True)
class Window:
    """Lists that were asked for: when they were due, milliseconds, and what each lacked.

    `own`, `others`: cores that the stack, and what is neither it nor this, took on average.
    """

    due: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    lacked: list[str] = field(default_factory=list)
    seconds: float = 0.0
    own: float = 0.0
    others: float = 0.0


def main(
    rate: Annotated[float, typer.Option(min=1, help="Lists a second.")] = 80.0,
    items: Annotated[int, typer.Option(min=1)] = 100_000,
    rounds: Annotated[int, typer.Option(min=1)] = 6,
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
    calm, loading = list[Window](), list[Window]()
    with Admin(addresses[0], token) as admin:
        await window(stack, rate, WARM)
        memory = [("one release", memory_of(stack))]
        await load(admin)
        memory.append(("two releases", memory_of(stack)))
        await unload(admin)
        for number in range(rounds):
            if number % 2:
                calm.append(await window(stack, rate, loading[-1].seconds))
            loading.append(await beside(stack, rate, admin))
            if not number % 2:
                calm.append(await window(stack, rate, loading[-1].seconds))
        memory.append(("one again", memory_of(stack)))
    seconds = np.median([one.seconds for one in loading]) - AFTER
    print(f"a load takes {seconds:.1f} s; {rate:g} lists/s, {rounds} rounds")
    for name, windows in (("nothing", calm), ("loading", loading)):
        print(f"{name:8s} " + described(windows))
    for percentile in (50, 95, 99):
        by, low, high = ratio(
            [blocks(one.due, one.took) for one in loading],
            [blocks(one.due, one.took) for one in calm],
            percentile,
        )
        more, least, most = (100 * one - 100 for one in (by, low, high))
        print(f"P{percentile} {more:+.0f} % ({least:+.0f} to {most:+.0f})")
    for name, megabytes in memory:
        parts = ", ".join(f"{part} {size:.0f}" for part, size in sorted(megabytes.items()))
        print(f"{name}: {sum(megabytes.values()):.0f} MB ({parts})")


async def load(admin: Admin) -> None:
    """Loads the other release; ends when it is everywhere."""
    await asyncio.to_thread(admin.load, OTHER)
    while True:
        _, holders = await asyncio.to_thread(admin.releases)
        states = [r.state for one in holders for r in one.releases if r.release == OTHER]
        assert "refused" not in states, holders
        if states == ["loaded"] * len(holders):
            return
        await asyncio.sleep(0.1)


async def unload(admin: Admin) -> None:
    """Unloads it, and waits until that is over."""
    await asyncio.to_thread(admin.unload, OTHER)
    await asyncio.sleep(AFTER)


async def beside(stack: RunningStack, rate: float, admin: Admin) -> Window:
    """Asks while the other release is loaded and unloaded."""
    stop = asyncio.Event()
    asking = asyncio.create_task(ask(stack, rate, stop))
    await load(admin)
    await unload(admin)
    stop.set()
    return await asking


async def window(stack: RunningStack, rate: float, seconds: float) -> Window:
    """Asks while nothing else happens."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await ask(stack, rate, stop)


async def ask(stack: RunningStack, rate: float, stop: asyncio.Event) -> Window:
    """Asks for lists until told to stop."""
    random, found, running = np.random.default_rng(len(stack.grpc)), Window(), set()
    async with open_channel(stack.grpc) as channel:
        stub = gateway_stub(channel)

        async def one(user: int, due: float) -> None:
            request = pb.RecommendRequest(user_id=str(user), k=20)
            try:
                answer = await stub.Recommend(request, timeout=5)
                lacks = ", ".join(one.stage for one in answer.degraded)
            except grpc.aio.AioRpcError as error:
                lacks = error.code().name
            found.took.append(1000 * (time.monotonic() - due))
            found.due.append(due)
            found.lacked.append(lacks)

        begin, before = time.monotonic(), computed(stack)
        due = begin
        while not stop.is_set():
            due += random.exponential(1 / rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            running.add(asyncio.create_task(one(int(random.integers(1, USERS)), due)))
        await asyncio.gather(*running)
    found.seconds = time.monotonic() - begin
    found.own, found.others = (np.array(computed(stack)) - before) / found.seconds
    return found


def computed(stack: RunningStack) -> tuple[float, float]:
    """Seconds of CPU of the stack so far, and of all that is neither it nor this process."""
    own = sum(_cpu(Path(f"/proc/{pid}/stat")) for pid in stack.pids().values())
    whole = [int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    busy = (sum(whole[:8]) - whole[3] - whole[4]) / TICKS  # but for idle and waiting for disks
    return own, busy - own - time.process_time()


def _cpu(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def described(windows: Sequence[Window]) -> str:
    every = np.array([took for one in windows for took in one.took])
    p50, p95, p99 = np.percentile(every, (50, 95, 99))
    each = ", ".join(f"{np.percentile(one.took, 99):.0f}" for one in windows)
    skipped = Counter(lacks for one in windows for lacks in one.lacked if lacks)
    own, others = np.mean([(one.own, one.others) for one in windows], axis=0)
    return (
        f"{len(every)} lists, P50 {p50:.1f} P95 {p95:.1f} P99 {p99:.1f} ms (each: {each}), "
        f"not whole: {dict(skipped) or 'none'}; cores: stack {own:.2f}, other work {others:.2f}"
    )


def memory_of(stack: RunningStack) -> dict[str, float]:
    """PSS by process that answers from releases, MB."""
    return {
        name: int(PSS.findall(Path(f"/proc/{pid}/smaps_rollup").read_text())[0]) / 1024
        for name, pid in stack.pids().items()
        if name not in OTHERS
    }


if __name__ == "__main__":
    typer.run(main)
