"""The files of a release."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from models.data.dataset import Tables
from models.export import index, onnx
from models.export.catalog import write_catalog
from models.prerank.light import LightScorer
from models.recall.popular import ranking
from models.registry import GRAPHS
from models.schema import layout
from models.schema.features import FeatureSchema
from models.schema.parameters import Parameters
from models.schema.prerank import PrerankEncoder
from models.schema.rank import RankEncoder
from models.schema.user_tower import Feed, UserTowerEncoder
from models.training.candidates import CHANNELS, Recall
from models.training.rank import Ranker
from services.domain.arrays import F32
from services.domain.context import RequestContext, UserContext
from services.domain.stages import PrerankQuery, RankQuery

GOLDEN_QUERIES = 8


@dataclass(frozen=True)
class Examples:
    """Real queries: graphs are checked on them, and the first of them become golden."""

    prerank: Sequence[PrerankQuery]
    rank: Sequence[RankQuery]

    @property
    def contexts(self) -> list[UserContext]:
        return [query.context for query in self.prerank]

    @property
    def requests(self) -> list[RequestContext]:
        return [query.request for query in self.prerank]


def write_base(folder: Path, tables: Tables, schema: FeatureSchema, parameters: Parameters) -> F32:
    """Writes what encoders need before any model: catalog, schema, parameters.

    Returns:
        Content features of items, float32 [n, f].
    """
    folder.mkdir(parents=True, exist_ok=True)
    schema.write(folder)
    parameters.write(folder)
    return write_catalog(folder, tables, schema)


def write_models(folder: Path, recall: Recall, ranker: Ranker, kind: str) -> None:
    """Writes tables and index. `kind`: of the index."""
    for name in ("recall", "prerank", "rank", "golden"):
        (folder / name).mkdir(exist_ok=True)
    np.save(folder / layout.USER_TOWER_ITEMS, recall.table)
    np.save(folder / layout.VECTORS, recall.vectors)
    index.build(recall.vectors, kind, folder / layout.INDEX)
    np.save(folder / layout.ITEM_CF_ROWS, recall.item_cf[0])
    np.save(folder / layout.ITEM_CF_SCORES, recall.item_cf[1])
    rows, scores = ranking(recall.popularity)
    np.save(folder / layout.POPULAR_ROWS, rows)
    np.save(folder / layout.POPULAR_SCORES, scores)
    np.save(folder / layout.PRERANK_ITEMS, recall.statics)
    np.save(folder / layout.RANK_ITEMS, ranker.table(recall.statics))


def write_graphs(
    folder: Path, recall: Recall, prerank: LightScorer, ranker: Ranker, examples: Examples
) -> None:
    """Exports the graphs, checks each against torch and stores golden tensors.

    Raises:
        ExportError: when a graph differs.
    """
    modules: dict[str, nn.Module] = {
        "user_tower": recall.tower.users,
        "prerank": prerank,
        "rank": ranker.din,
    }
    few = Examples(examples.prerank[:GOLDEN_QUERIES], examples.rank[:GOLDEN_QUERIES])
    golden = feeds(folder, few)
    every = feeds(folder, examples)
    for name, graph in GRAPHS.items():
        path = folder / graph.path
        onnx.export(modules[name], golden[name], path, graph.output)
        variants = [golden[name], every[name], *onnx.variants(golden[name])]
        expected = onnx.check(modules[name], path, variants)[0]
        onnx.write_golden(folder / graph.golden, golden[name], graph.output, expected)


def feeds(folder: Path, examples: Examples) -> dict[str, Feed]:
    """One feed a graph from the encoders of the release in `folder`."""
    count = len(CHANNELS)
    return {
        "user_tower": UserTowerEncoder.open(folder).feed(examples.contexts, examples.requests),
        "prerank": PrerankEncoder.open(folder, count).feed(examples.prerank),
        "rank": RankEncoder.open(folder, count).feed(examples.rank),
    }


def set_current(releases: Path, release: str) -> None:
    """Points the text file `current` at a release, atomically."""
    temporary = releases / f".current-{os.getpid()}"
    temporary.write_text(release + "\n")
    temporary.replace(releases / "current")
