"""How long recall takes to answer while another release is loaded in its process.

    sudo python -m tests.bench.recall_loading [--rate 100] [--rounds 6]

One process holds a wide release, computes candidates for queries that come in a Poisson process,
and loads another wide release in the background. Windows with and without a load take turns.
Latency counts from when a query was due. Where it may, the process takes real-time priority, so
that other work on the machine does not count: what is measured is what a load costs the process it
is in, on two cores; `python -m tests.bench.loading` has the whole stack.
"""

import asyncio
import gc
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import Annotated

import numpy as np
import typer
import uvloop

from models.schema import layout
from services.domain.context import RequestContext, UserContext
from services.domain.live import NOTHING_LIVE
from services.domain.stages import RecallQuery
from services.inference.background import in_background
from services.inference.slots import ReleaseSlots
from services.inference.stage import ReleaseStage
from services.inference.store import ReleaseStore
from services.recall.model import RecallModel
from services.recall.slots import LiveSlots
from tests.bench.paired import Values, blocks, ratio
from tests.bench.stages import LONG, RECALLED, user
from tests.bench.stalls import OPEN, real_time
from tests.bench.wide_release import widened
from tests.e2e.stack import ROOT

USERS = 200
WARM = 3.0  # seconds


def main(
    rate: Annotated[float, typer.Option(min=1, help="Queries a second.")] = 100.0,
    items: Annotated[int, typer.Option(min=1)] = 100_000,
    rounds: Annotated[int, typer.Option(min=1)] = 6,
    releases: Annotated[str, typer.Option(help="Where the current one is widened.")] = "",
) -> None:
    """Measure and print."""
    print("real-time priority" if real_time(1) else "usual priority: other work counts too")
    store = ReleaseStore(releases or str(ROOT / "var" / "releases"))
    trained = store.fetch(store.current())
    copies = -(-items // len(np.load(trained / layout.CATALOG_KEYS)))
    gc.freeze()  # as at the start of a service
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # nobody else's turn is waited for
        for number, name in enumerate(("a", "b")):
            widened(trained, copies, Path(folder) / "releases" / name, seed=number)
        slots = ReleaseSlots(ReleaseStore(str(Path(folder) / "releases")), OPEN["recall"])
        uvloop.run(_measure(_Asking(slots, rate), rounds))


class _Asking:
    """Asks release "a" of the slots."""

    def __init__(self, slots: ReleaseSlots[RecallModel], rate: float) -> None:
        self.slots = slots
        self._stage = ReleaseStage(LiveSlots(slots, lambda _: NOTHING_LIVE))
        self._rate = rate
        self._random = np.random.default_rng(0)
        catalog = slots.load("a").similar.catalog
        self._users = [user(catalog, self._random) for _ in range(USERS)]

    async def until(self, stop: Event) -> list[Values]:
        """Milliseconds each query took, by blocks."""
        dues, took, running = list[float](), list[float](), set()

        async def one(due: float, context: UserContext) -> None:
            query = RecallQuery("a", context, RequestContext(now=0), RECALLED, LONG)
            (outcome,) = await self._stage.call([query], LONG)
            assert outcome.value is not None
            took.append(1000 * (time.monotonic() - due))
            dues.append(due)

        due = time.monotonic()
        while not stop.is_set():
            due += self._random.exponential(1 / self._rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            context = self._users[self._random.integers(USERS)]
            running.add(asyncio.create_task(one(due, context)))
        await asyncio.gather(*running)
        return blocks(dues, took)

    async def during(self, seconds: float) -> list[Values]:
        """Nothing else happens."""
        stop = Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        return await self.until(stop)

    async def beside(self) -> list[Values]:
        """The other release is loaded and unloaded."""
        stop = Event()

        def work() -> None:
            self.slots.load("b")
            self.slots.unload("b")
            stop.set()

        in_background("work", work)
        return await self.until(stop)


async def _measure(asking: _Asking, rounds: int) -> None:
    calm, loading = list[list[Values]](), list[list[Values]]()
    await asking.during(WARM)
    for _ in range(rounds):
        begin = time.monotonic()
        loading.append(await asking.beside())
        calm.append(await asking.during(time.monotonic() - begin))
    for name, windows in (("nothing", calm), ("loading", loading)):
        every = np.concatenate([values for one in windows for values in one])
        shares = ", ".join(f"P{p:g} {np.percentile(every, p):.2f}" for p in (50, 90, 99, 99.9))
        print(f"{name}: {len(every)} queries, {shares}, at most {every.max():.1f} ms")
    for percentile in (50, 99):
        more, least, most = (100 * one - 100 for one in ratio(loading, calm, percentile))
        print(f"P{percentile} {more:+.0f} % ({least:+.0f} to {most:+.0f})")


if __name__ == "__main__":
    typer.run(main)
