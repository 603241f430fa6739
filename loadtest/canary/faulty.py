"""Releases that are worse than the one they are made of, each in one way; they verify and load."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import onnx

from loadtest.canary.graphs import EXACT, FIRST, Change, changed, failing_at, shuffled_by, with_work
from models.export.onnx import write_golden
from models.registry import GRAPHS
from models.schema import layout
from models.schema.manifest import Manifest, hash_files
from models.schema.parameters import Parameters
from models.schema.strings import StringColumn
from models.schema.user_tower import Feed
from services.inference.session import OnnxModel

RANK = GRAPHS["rank"]
MODULUS = 50  # one request of so many fails
KEPT = 0.04  # of the items, which are not blocked: some 8 of 200 candidates
PROBE_LAYERS, PROBES = 40, 30
BUSY = 1.15  # what a layer takes in a service that does other things, to what it takes in a loop
SHORTEST = 1e-6  # seconds a layer takes at least: a pause of the machine must not say less
INPUT = "in_"


@contextmanager
def _copied(release: Path, folder: Path) -> Iterator[Path]:
    """A copy that may be changed; then whole, as the release `folder`, which is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        made = Path(temporary) / "release"
        shutil.copytree(release, made)
        yield made
        manifest = replace(
            Manifest.read(release),
            id=folder.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            files=hash_files(made),
        )
        manifest.write(made)
        manifest.verify(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def identical(release: Path, folder: Path) -> Path:
    """The same under another id."""
    with _copied(release, folder):
        pass
    return folder


def slow(release: Path, folder: Path, seconds: float) -> Path:
    """Rank takes `seconds` longer for as many candidates as a golden query has, here and now."""
    return _with_graph(release, folder, with_work(_layers(release, seconds)))


def failing(release: Path, folder: Path) -> Path:
    """Rank fails for one request of MODULUS, not for a golden one."""
    return _with_graph(release, folder, failing_at(_free_residue(release), MODULUS))


def shuffled(release: Path, folder: Path, seed: int = 1) -> Path:
    """Rank gives the scores of a list's candidates to others of them."""
    return _with_graph(release, folder, shuffled_by(seed))


def short(release: Path, folder: Path, kept: float = KEPT, seed: int = 1) -> Path:
    """Rerank may show few of the items: lists are shorter than asked for."""
    with _copied(release, folder) as made:
        ids = list(StringColumn.open(made / layout.CATALOG_IDS))
        blocked = np.random.default_rng(seed).random(len(ids)) >= kept
        blocks = tuple(name for name, out in zip(ids, blocked.tolist(), strict=True) if out)
        parameters = Parameters.read(made)
        replace(parameters, rerank=replace(parameters.rerank, blocks=blocks)).write(made)
    return folder


def _with_graph(release: Path, folder: Path, change: Change) -> Path:
    """With another graph of rank, and what it gives for the golden queries."""
    with _copied(release, folder) as made:
        path = made / RANK.path
        onnx.save(changed(onnx.load(path), change), path)
        feed = golden_feed(made)
        write_golden(made / RANK.golden, feed, RANK.output, OnnxModel(path).run(feed)[RANK.output])
    return folder


def _free_residue(release: Path) -> int:
    """One that no golden query has."""
    feed = golden_feed(release)
    first = feed["recall"][feed["slots"][:, :FIRST]]
    # As the graph has it; neighbours are left out, for sums in another order.
    taken = np.floor(np.abs(first).sum(axis=(1, 2), dtype=np.float64) * EXACT).astype(np.int64)
    near = {int(one + off) % MODULUS for one in taken for off in range(-3, 4)}
    free = set(range(MODULUS)) - near
    if not free:
        raise ValueError(f"{release}: its golden queries have every residue")
    return min(free)


def golden_feed(release: Path) -> Feed:
    """What rank was fed when the release was made."""
    with np.load(release / RANK.golden, allow_pickle=False) as stored:
        inputs = [name for name in stored.files if name.startswith(INPUT)]
        return {name.removeprefix(INPUT): stored[name] for name in inputs}


def _layers(release: Path, seconds: float) -> int:
    """How many layers take so long for the candidates of one golden query."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "graph.onnx"
        onnx.save(changed(onnx.load(release / RANK.path), with_work(PROBE_LAYERS)), path)
        graphs = OnnxModel(release / RANK.path), OnnxModel(path)
    feed = golden_feed(release)
    queries = len(feed["slots"])
    plain, more = (_timed(graph, feed) for graph in graphs)
    layer = max((more - plain) / queries / PROBE_LAYERS, SHORTEST)
    return max(1, round(seconds / layer / BUSY))


def _timed(graph: OnnxModel, feed: Feed) -> float:
    """Seconds that one run takes; the median of many."""
    found = []
    for _ in range(PROBES):
        start = time.perf_counter()
        graph.run(feed)
        found.append(time.perf_counter() - start)
    return median(found)
