"""What recall is made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.item_cf import ItemCf
from models.schema.manifest import Manifest, ReleaseError
from models.schema.parameters import Parameters
from models.schema.user_tower import UserTowerEncoder
from services.domain.arrays import F32
from services.domain.protocols import Filter
from services.inference.golden import open_checked
from services.recall.channels.item_cf import ItemCfChannel
from services.recall.channels.popular import Popular
from services.recall.channels.two_tower import TwoTower
from services.recall.fetch_sizes import FetchSizes
from services.recall.filters import CategoryFilter, ExcludeFilter, SeenFilter
from services.recall.index.faiss_index import SearchDepth, VectorIndex
from services.recall.model import RecallModel, Timing
from services.recall.runners import InlineRunner, Runner, ThreadRunner
from services.recall.settings import RecallSettings
from services.recall.similar import SimilarModel


@dataclass(frozen=True, slots=True)
class Tables:
    """What channels read of a release."""

    catalog: Catalog
    parameters: Parameters
    vectors: F32
    index: VectorIndex
    neighbours: ItemCf


def channels(folder: Path, tables: Tables) -> tuple[Runner, ...]:
    """The channels. `popular` cannot fail and fills up for the others."""
    return (
        ThreadRunner(
            TwoTower(
                UserTowerEncoder.open(folder),
                open_checked(folder, layout.USER_TOWER, layout.GOLDEN_USER_TOWER),
                tables.index,
            )
        ),
        ThreadRunner(
            ItemCfChannel(tables.catalog, tables.neighbours, tables.parameters.history_length)
        ),
        InlineRunner(Popular.open(folder)),
    )


FILLS = (Popular.name,)


def filters(catalog: Catalog) -> tuple[Filter, ...]:
    """What takes candidates out; an item is reported under the first that does."""
    return (SeenFilter(catalog), ExcludeFilter(catalog), CategoryFilter(catalog))


def open_recall(folder: Path, settings: RecallSettings) -> RecallModel:
    """Recall from the release in `folder`.

    Raises:
        ReleaseError: when the release does not fit together or names a channel that is not here.
    """
    tables = open_tables(folder, settings)
    runners = {runner.name: runner for runner in channels(folder, tables)}
    names = Manifest.read(folder).channels
    if unknown := [n for n in names if n not in runners or n not in tables.parameters.quotas]:
        raise ReleaseError(
            f"the release has channels without code or quota: {', '.join(unknown)}; "
            f"there are {', '.join(runners)}"
        )
    sizes = FetchSizes(
        quotas=np.array([tables.parameters.quotas[name] for name in names], np.float32),
        fills=np.isin(names, FILLS),
        seen_margin=settings.seen_margin,
        filtered=settings.filtered_fetch,
    )
    return RecallModel(
        channels=tuple(runners[name] for name in names),
        filters=filters(tables.catalog),
        sizes=sizes,
        timing=Timing(settings.channel_timeout, settings.time_share),
        item_count=len(tables.catalog),
        similar=SimilarModel(tables.catalog, tables.vectors, tables.index, tables.neighbours),
    )


def open_tables(folder: Path, settings: RecallSettings) -> Tables:
    """Opens the tables and checks that they have one row an item.

    Raises:
        ReleaseError: names the table that does not fit.
    """
    parameters = Parameters.read(folder)
    retrieval = parameters.retrieval
    depth = SearchDepth(
        settings.ef_search or retrieval.ef_search, settings.nprobe or retrieval.nprobe
    )
    tables = Tables(
        Catalog(folder, FeatureSchema.read(folder).categories),
        parameters,
        np.load(folder / layout.VECTORS, mmap_mode="r"),
        VectorIndex.open(folder / layout.INDEX, depth),
        ItemCf.open(folder, retrieval.item_cf_recency),
    )
    sizes = {
        layout.VECTORS: len(tables.vectors),
        layout.INDEX: len(tables.index),
        layout.ITEM_CF_ROWS: len(tables.neighbours.rows),
        layout.ITEM_CF_SCORES: len(tables.neighbours.scores),
    }
    for name, size in sizes.items():
        if size != len(tables.catalog):
            raise ReleaseError(f"{name} has {size} rows, the catalog {len(tables.catalog)}")
    return tables
