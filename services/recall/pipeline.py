"""What recall is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.item_cf import ItemCf
from models.schema.manifest import Manifest, ReleaseError
from models.schema.parameters import Parameters
from models.schema.user_tower import UserTowerEncoder
from services.chassis.log import get_logger
from services.domain.arrays import F32
from services.domain.protocols import CandidateSource, Filter
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


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that there is code for; it runs when the release's manifest names it.

    Attributes:
        open: makes it from the folder and the tables of a release.
        runner: where it runs.
    """

    name: str
    open: Callable[[Path, Tables], CandidateSource]
    runner: type[ThreadRunner] | type[InlineRunner]


def _two_tower(folder: Path, tables: Tables) -> CandidateSource:
    tower = open_checked(folder, layout.USER_TOWER, layout.GOLDEN_USER_TOWER)
    return TwoTower(UserTowerEncoder.open(folder), tower, tables.index)


def _item_cf(_folder: Path, tables: Tables) -> CandidateSource:
    return ItemCfChannel(tables.catalog, tables.neighbours, tables.parameters.history_length)


def _popular(folder: Path, _tables: Tables) -> CandidateSource:
    return Popular.open(folder)


# popular cannot fail and fills up for the others.
CHANNELS = (
    Channel(TwoTower.name, _two_tower, ThreadRunner),
    Channel(ItemCfChannel.name, _item_cf, ThreadRunner),
    Channel(Popular.name, _popular, InlineRunner),
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
    names = Manifest.read(folder).channels
    runners = _runners(folder, tables, names)
    sizes = FetchSizes(
        quotas=np.array([tables.parameters.quotas[name] for name in names], np.float32),
        fills=np.isin(names, FILLS),
        seen_margin=settings.seen_margin,
        filtered=settings.filtered_fetch,
        everything=len(tables.catalog),
    )
    return RecallModel(
        channels=runners,
        filters=filters(tables.catalog),
        sizes=sizes,
        timing=Timing(settings.channel_timeout, settings.time_share),
        item_count=len(tables.catalog),
        similar=SimilarModel(tables.catalog, tables.vectors, tables.index, tables.neighbours),
    )


def _runners(folder: Path, tables: Tables, names: Sequence[str]) -> tuple[Runner, ...]:
    """The channels with these names, in this order; the others are neither opened nor started."""
    known = {channel.name: channel for channel in CHANNELS}
    if unknown := [n for n in names if n not in known or n not in tables.parameters.quotas]:
        raise ReleaseError(
            f"the release has channels without code or quota: {', '.join(unknown)}; "
            f"there are {', '.join(known)}"
        )
    for name in known.keys() - set(names):
        get_logger("recall").warning("channel is not in the release", channel=name)
    chosen = [known[name] for name in names]
    return tuple(channel.runner(channel.open(folder, tables)) for channel in chosen)


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
        mapped(folder / layout.VECTORS),
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
