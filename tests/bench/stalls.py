"""How long a release that is loaded, and unloaded, keeps what serves from running.

    sudo python -m tests.bench.stalls [--service recall]

Opens two wide releases in one process, as a service does: one at the start, the other in the
background, while a thread that wants to run every half millisecond notes how late it is: that is
what an event loop waits for the interpreter. Where it may, the process takes real-time priority,
so that other work on the machine does not count. It needs a core of its own for each of its two
threads. `new items` are items that the release does not have: recall encodes them when it has
loaded one.
"""

import gc
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

import numpy as np
import typer

from models.schema import layout
from services.gateway.release import GatewayRelease
from services.inference.background import give_back, in_background, paced
from services.inference.slots import ReleaseSlots
from services.inference.store import ReleaseStore
from services.items.record import ItemRecord
from services.prerank.pipeline import open_prerank
from services.rank.pipeline import open_rank
from services.recall.live_state import SHARE
from services.recall.model import RecallModel
from services.recall.pipeline import open_recall
from services.recall.settings import RecallSettings
from services.rerank.pipeline import open_rerank
from services.rerank.settings import RerankSettings
from services.statistics.snapshot import Snapshot
from tests.bench.wide_release import widened
from tests.e2e.stack import ROOT

TICK = 0.0005  # seconds
LATE = 0.001  # from here on it is a stall
OPEN: dict[str, Callable[[Path], Any]] = {
    "gateway": GatewayRelease,
    "recall": partial(open_recall, settings=RecallSettings()),
    "prerank": open_prerank,
    "rank": open_rank,
    "rerank": partial(open_rerank, settings=RerankSettings()),
}


def main(
    service: Annotated[str, typer.Option(help="One of them; empty: all.")] = "",
    items: Annotated[int, typer.Option(min=1)] = 100_000,
    new_items: Annotated[int, typer.Option(min=0)] = 10_000,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    releases: Annotated[str, typer.Option(help="Where the current one is widened.")] = "",
) -> None:
    """Measure and print."""
    gc.freeze()  # as at the start of a service
    print("real-time priority" if real_time(1) else "usual priority: other work counts too")
    store = ReleaseStore(releases or str(ROOT / "var" / "releases"))
    trained = store.fetch(store.current())
    copies = -(-items // len(np.load(trained / layout.CATALOG_KEYS)))
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # nobody else's turn is waited for
        place = Path(folder) / "releases"
        for number, name in enumerate(("a", "b")):
            widened(trained, copies, place / name, seed=number)
        for name in [service] if service else OPEN:
            slots = ReleaseSlots(ReleaseStore(str(place)), OPEN[name])
            slots.load("a")
            _measure(name, slots, new_items, rounds)


def _measure(name: str, slots: ReleaseSlots[Any], new_items: int, rounds: int) -> None:
    table = {record.key: record for record in _new(new_items)}
    found: dict[str, list[Stalls]] = {"nothing": [], "load": [], "new items": [], "unload": []}
    for _ in range(rounds):
        found["nothing"].append(_beside(lambda: time.sleep(1.0)))
        found["load"].append(_beside(lambda: slots.load("b")))
        if isinstance(model := slots.get("b"), RecallModel) and table:
            found["new items"].append(_beside(partial(_renewed, model, table)))
        model = None
        last = [slots.unload("b")]
        found["unload"].append(_beside(lambda last=last: _let_go(last)))  # type: ignore[misc]
    for what, runs in found.items():
        if runs:
            print(f"{name:8s} {what:10s} {_described(runs)}", flush=True)


@dataclass(slots=True)
class Stalls:
    """What the ticking thread saw beside a work: `late` and `collections` are seconds each."""

    late: list[float] = field(default_factory=list)
    collections: list[float] = field(default_factory=list)
    seconds: float = 0.0
    computed: float = 0.0


def _beside(work: Callable[[], object]) -> Stalls:
    found, stop = Stalls(), Event()
    gc.callbacks.append(collected := partial(_collected, found.collections))
    ticking = Thread(target=_tick, args=(found.late, stop))
    ticking.start()
    ended, begin = Event(), time.perf_counter()

    def timed() -> None:
        before = time.thread_time()
        work()
        found.computed = time.thread_time() - before
        ended.set()

    in_background("work", timed)
    ended.wait()
    found.seconds = time.perf_counter() - begin
    stop.set()
    ticking.join()
    gc.callbacks.remove(collected)
    return found


def _tick(late: list[float], stop: Event) -> None:
    real_time(2)
    while not stop.is_set():
        due = time.perf_counter() + TICK
        time.sleep(TICK)
        if (waited := time.perf_counter() - due) >= LATE:
            late.append(waited)


def _collected(found: list[float], phase: str, info: dict[str, int]) -> None:
    if phase == "start":
        found.append(-time.perf_counter())
    elif found:
        found[-1] += time.perf_counter()


def _renewed(model: RecallModel, table: dict[int, ItemRecord]) -> None:
    """As recall does with a release that is new to it."""
    with paced(SHARE):
        model.items.forget()
        model.items.apply(dict(table), 1)
        model.items.live(Snapshot(0))


def _let_go(last: list[Any]) -> None:
    last.clear()
    give_back()


def _new(count: int) -> list[ItemRecord]:
    words = "some words that say what it is " * 3
    return [
        ItemRecord(f"new-{i}", f"Title {i}", text=words, born=1, put_at=1) for i in range(count)
    ]


def _described(runs: list[Stalls]) -> str:
    longest = [1000 * max(run.late, default=0.0) for run in runs]
    total = [1000 * sum(run.late) for run in runs]
    collecting = [1000 * max(run.collections, default=0.0) for run in runs]
    return (
        f"{np.median([run.seconds for run in runs]):5.1f} s, "
        f"{1000 * np.median([run.computed for run in runs]):4.0f} ms computed; stalls over "
        f"{1000 * LATE:g} ms: longest {np.median(longest):.1f} (at most {max(longest):.1f}) ms, "
        f"in all {np.median(total):.1f} (at most {max(total):.1f}) ms; "
        f"longest collection of garbage {max(collecting):.1f} ms"
    )


def real_time(priority: int) -> bool:
    """The thread that calls it goes before other work on the machine; whether it may."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (AttributeError, PermissionError):  # not Linux, or not root
        return False
    return True


if __name__ == "__main__":
    typer.run(main)
