"""The files of a release."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from models.data.dataset import Tables
from models.export import index, onnx
from models.export.catalog import write_catalog
from models.prerank.light import LightScorer
from models.rank.din import RankTower
from models.recall.popular import ranking
from models.recall.two_tower import ContentTower, TwoTower
from models.registry import GRAPHS
from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.parameters import Parameters
from models.schema.prerank import PrerankEncoder
from models.schema.rank import RankEncoder
from models.schema.user_tower import Feed, UserTowerEncoder
from models.training.rank import Ranker
from models.training.recall import Recall
from services.domain.arrays import F32
from services.domain.context import RequestContext, UserContext
from services.domain.stages import PrerankQuery, RankQuery

GOLDEN_QUERIES = 8


@dataclass(frozen=True)
class Examples:
    """Real queries: graphs are checked on them, and the first of them become golden."""

    prerank: Sequence[PrerankQuery]
    rank: Sequence[RankQuery]


def write_base(folder: Path, tables: Tables, schema: FeatureSchema, parameters: Parameters) -> F32:
    """Writes what encoders need before any model: catalog, schema, parameters.

    Returns:
        Content features of items, float32 [n, f].
    """
    folder.mkdir(parents=True, exist_ok=True)
    schema.write(folder)
    parameters.write(folder)
    return write_catalog(folder, tables, schema)


def write_recall(folder: Path, recall: Recall, kind: str, contexts: Sequence[UserContext]) -> None:
    """Writes tables, index and towers of recall beside what `write_base` wrote.

    Args:
        kind: of the index.
        contexts: of users; the towers are checked on them.

    Raises:
        ExportError: when a graph differs from torch.
    """
    (folder / "recall").mkdir(exist_ok=True)
    np.save(folder / layout.USER_TOWER_ITEMS, recall.table)
    np.save(folder / layout.VECTORS, recall.vectors)
    index.build(recall.vectors, kind, folder / layout.INDEX)
    rows, scores = ranking(recall.popularity)
    tables = {
        layout.ITEM_CF_ROWS: recall.item_cf[0],
        layout.ITEM_CF_SCORES: recall.item_cf[1],
        layout.POPULAR_ROWS: rows,
        layout.POPULAR_SCORES: scores,
        **recall.tables,
    }
    for name, table in tables.items():
        np.save(folder / name, table)
    _write_towers(folder, recall.tower, contexts)


def _write_towers(folder: Path, tower: TwoTower, contexts: Sequence[UserContext]) -> None:
    encoder, now = UserTowerEncoder.open(folder), RequestContext(now=0)
    content = np.load(folder / layout.CATALOG_FEATURES)
    modules = {
        "user_tower": tower.users,
        "content_tower": ContentTower(tower.items),
    }
    every = {
        "user_tower": encoder.feed(contexts, [now] * len(contexts)),
        "content_tower": {"features": content[: len(contexts)]},
    }
    few = contexts[:GOLDEN_QUERIES]
    golden = {
        "user_tower": encoder.feed(few, [now] * len(few)),
        "content_tower": {"features": content[:GOLDEN_QUERIES]},
    }
    _write_graphs(folder, modules, every, golden)


def write_scorers(
    folder: Path, recall: Recall, prerank: LightScorer, ranker: Ranker, examples: Examples
) -> None:
    """Writes tables and graphs of prerank and rank beside those of recall.

    Raises:
        ExportError: when a graph differs from torch.
    """
    for name in ("prerank", "rank"):
        (folder / name).mkdir(exist_ok=True)
    np.save(folder / layout.PRERANK_ITEMS, recall.statics)
    items = ranker.table(recall.table, recall.spectral, recall.statics)
    np.save(folder / layout.RANK_ITEMS, items)
    modules: dict[str, nn.Module] = {
        "prerank": prerank,
        "rank_tower": RankTower(recall.tower.items.project, ranker.items, recall.spectral.shape[1]),
        "rank": ranker.din,
    }
    few = Examples(examples.prerank[:GOLDEN_QUERIES], examples.rank[:GOLDEN_QUERIES])
    _write_graphs(folder, modules, feeds(folder, examples), feeds(folder, few))


def feeds(folder: Path, examples: Examples) -> dict[str, Feed]:
    """One feed a graph of the scorers from the encoders of the release in `folder`."""
    content = np.load(folder / layout.CATALOG_FEATURES)
    return {
        "rank_tower": {"features": content[: len(examples.rank)]},
        "prerank": PrerankEncoder.open(folder).feed(examples.prerank),
        "rank": RankEncoder.open(folder).feed(examples.rank),
    }


def _write_graphs(
    folder: Path,
    modules: Mapping[str, nn.Module],
    every: Mapping[str, Feed],
    golden: Mapping[str, Feed],
) -> None:
    """Exports modules by name, checks each against torch and stores golden tensors."""
    (folder / "golden").mkdir(exist_ok=True)
    for name, module in modules.items():
        graph = GRAPHS[name]
        path = folder / graph.path
        onnx.export(module, golden[name], path, graph.output)
        variants = [golden[name], every[name], *onnx.variants(golden[name])]
        expected = onnx.check(module, path, variants)[0]
        onnx.write_golden(folder / graph.golden, golden[name], graph.output, expected)


def set_current(releases: Path, release: str) -> None:
    """Points the text file `current` at a release, atomically."""
    temporary = releases / f".current-{os.getpid()}"
    temporary.write_text(release + "\n")
    temporary.replace(releases / "current")
