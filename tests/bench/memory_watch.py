"""Memory of the processes of a stack while something happens to it, from /metrics."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.e2e.stack import RunningStack, children_of, name

RESIDENT = re.compile(r"^(?:recstack_)?process_resident_memory_bytes\S* (\S+)$", re.MULTILINE)
PORT = re.compile(r"METRICS_PORT=(\d+)")
MIB = 2**20

Memory = tuple[float, float, float]  # MiB before, most, after


class Watch:
    """Samples each second."""

    def __init__(self, stack: RunningStack) -> None:
        self._urls = dict(metrics_urls(stack))
        self._samples: dict[str, list[float]] = {part: [] for part in self._urls}
        self.sample()

    def sample(self) -> None:
        for part, url in self._urls.items():
            try:
                text = httpx.get(url, timeout=2.0, trust_env=False).text
            except httpx.HTTPError:
                continue  # it is busy: the next second
            if found := RESIDENT.search(text):
                self._samples[part].append(float(found[1]) / MIB)

    def mark_after(self) -> None:
        """The last sample."""
        self.sample()

    def of_all(self) -> dict[str, Memory]:
        """By service."""
        taken = {part: samples for part, samples in self._samples.items() if samples}
        return {part: (all_[0], max(all_), all_[-1]) for part, all_ in taken.items()}


@contextmanager
def watched(stack: RunningStack) -> Iterator[Watch]:
    """Watches until the context ends."""
    watch, over = Watch(stack), threading.Event()

    def go_on() -> None:
        while not over.wait(1.0):
            watch.sample()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def metrics_urls(stack: RunningStack) -> Iterator[tuple[str, str]]:
    """Of each child that was told a port for metrics."""
    for pid, command in children_of(stack.process.pid):
        with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
            ports = PORT.findall(file.read())
        if ports:
            yield f"{name(command)} {pid}", f"http://127.0.0.1:{ports[0]}/metrics"
