"""What the gateway holds of a release: the catalog, the popular list, blocks and pins."""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest
from models.schema.parameters import Parameters
from services.domain.arrays import F32, I32, U64
from services.domain.hard_rules import blocked_rows
from services.domain.ids import item_keys
from services.operator_rules.rules import effective_rules

CACHED_ITEMS = 65_536


@dataclass(frozen=True, slots=True)
class ItemText:
    """What clients read of an item."""

    item_id: str
    title: str
    categories: tuple[str, ...]


class GatewayRelease:
    """A release as the gateway reads it.

    Attributes:
        id: of the release.
        channels: names of the recall channels; the position is the bit.
        tasks: names of the ranker's tasks.
        catalog: its items.
        keys: uint64 [n], key by row.
        popular_rows: int32 [p], most popular first; popular_scores: float32 [p].
        blocked: int32 [m], rows that are never shown.
        pinned: uint64 [m], keys of the items that rerank pins.
    """

    def __init__(self, folder: Path, rules_file: Path | None = None) -> None:
        """Opens the release in `folder`.

        Args:
            folder: of the release.
            rules_file: the operator's rules that rerank has too; blocks and pins are read here.

        Raises:
            RulesError: the file cannot be read or is wrong.
        """
        manifest = Manifest.read(folder)
        self.id = manifest.id
        self.channels = manifest.channels
        self.tasks = manifest.tasks
        schema = FeatureSchema.read(folder)
        self.catalog = Catalog(folder, schema.categories, schema.tags)
        self.keys: U64 = np.asarray(self.catalog.keys)
        self.popular_rows: I32 = np.load(folder / layout.POPULAR_ROWS)
        self.popular_scores: F32 = np.load(folder / layout.POPULAR_SCORES)
        rules = effective_rules(Parameters.read(folder).rerank, rules_file)
        self.blocked = blocked_rows(rules.blocks, self.catalog.rows_of)
        self.pinned = item_keys(rules.pins)
        # Of its parts, not of itself: a release that is unloaded is gone at once.
        self.text = lru_cache(CACHED_ITEMS)(partial(_text, self.catalog))
        self.channel_names = lru_cache(4096)(partial(_channel_names, self.channels))

    def __len__(self) -> int:
        return len(self.keys)


def _text(catalog: Catalog, row: int) -> ItemText:
    """Id, title and categories of an item."""
    return ItemText(catalog.ids[row], catalog.titles[row], catalog.categories(row))


def _channel_names(channels: tuple[str, ...], mask: int) -> tuple[str, ...]:
    """Names of the channels of a bitmask."""
    return tuple(name for bit, name in enumerate(channels) if mask >> bit & 1)
