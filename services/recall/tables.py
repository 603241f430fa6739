"""What channels read of a release."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.schema import layout
from models.schema.arrays import mapped
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.item_cf import ItemCf
from models.schema.manifest import Manifest, ReleaseError
from models.schema.parameters import Parameters
from models.schema.user_tower import UserEncoder, UserTowerEncoder
from services.domain.arrays import F32
from services.inference.golden import open_checked
from services.recall.choices import Choices
from services.recall.histories import Histories
from services.recall.index.faiss_index import SearchDepth, VectorIndex
from services.recall.settings import RecallSettings
from services.recall.user_vectors import UserVectors


@dataclass(frozen=True)
class Tables:
    """The tables of a release that several channels read; a channel opens its own itself.

    Attributes:
        folder: the release.
        channels: names of its channels, in the order of bits and score columns.
        vectors: L2-normalised item vectors, float32 [n, d].
        neighbours: of itemCF.
    """

    folder: Path
    channels: tuple[str, ...]
    catalog: Catalog
    schema: FeatureSchema
    parameters: Parameters
    vectors: F32
    index: VectorIndex
    neighbours: ItemCf

    @cached_property
    def histories(self) -> Histories:
        """What users did last, shared by all channels that read it."""
        return Histories(self.catalog, self.parameters.history_length)

    @cached_property
    def users(self) -> UserVectors:
        """The user tower; opened when the first channel asks for it, and shared by all that do."""
        tower = open_checked(self.folder, layout.USER_TOWER, layout.GOLDEN_USER_TOWER)
        choices = Choices.open(self.folder, self.catalog, self.schema.categories)
        users = UserEncoder(self.catalog, self.schema, self.parameters.history_length)
        items = mapped(self.folder / layout.USER_TOWER_ITEMS)
        return UserVectors(self.histories, UserTowerEncoder(users, items), tower, choices)


def open_tables(folder: Path, settings: RecallSettings) -> Tables:
    """Opens the tables and checks that they have one row an item.

    Raises:
        ReleaseError: names the table that does not fit.
    """
    schema, parameters = FeatureSchema.read(folder), Parameters.read(folder)
    retrieval = parameters.retrieval
    depth = SearchDepth(
        settings.ef_search or retrieval.ef_search, settings.nprobe or retrieval.nprobe
    )
    tables = Tables(
        folder,
        tuple(Manifest.read(folder).channels),
        Catalog(folder, schema.categories, schema.tags),
        schema,
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
