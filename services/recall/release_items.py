"""The item table as one release sees it: what is new to it, what changed, what may not be shown."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema
from services.domain.arrays import F32, I32, U64, Bools
from services.domain.inline import InlineItems
from services.domain.live import STATISTICS, Changed, FreshItems, Live, Takedowns
from services.inference.background import give_way
from services.items.record import ItemRecord
from services.recall.content_tower import ContentTower
from services.statistics.snapshot import Snapshot

_NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A new item, encoded."""

    record: ItemRecord
    features: F32
    vector: F32


class ReleaseItems:
    """Keeps the changes of the item table, and makes live states of them. One thread at a time.

    Attributes:
        left_out: new items that are too many to be kept.
    """

    def __init__(self, catalog: Catalog, tower: ContentTower | None, most: int) -> None:
        """`tower`: without one there are no new items. `most`: new items kept, the newest."""
        self._catalog = catalog
        self._tower = tower
        self._most = most
        self._fresh: dict[int, _Fresh] = {}
        self._changed: dict[int, ItemRecord] = {}  # by row
        self._until: dict[int, int] = {}  # by key
        self._parts = FreshItems(), Changed(), Takedowns()
        self._next = _NEVER  # when the next item expires
        self.left_out = 0

    @staticmethod
    def open(folder: Path, catalog: Catalog, schema: FeatureSchema, most: int) -> "ReleaseItems":
        """Nothing changed yet."""
        return ReleaseItems(catalog, ContentTower.open(folder, schema), most)

    def forget(self) -> None:
        """Forgets all changes; those that are taken next are the whole table."""
        self._fresh.clear()
        self._changed.clear()
        self._until.clear()
        self._next = 0

    def apply(self, changes: dict[int, ItemRecord | None], now: int) -> None:
        """Takes changes: the record of each key; None: the table has nothing of it any more.

        `now`: unix seconds; items expire by it.
        """
        keys = np.fromiter(changes, np.uint64, len(changes))
        rows = self._catalog.rows_of(keys).tolist()
        new: dict[int, ItemRecord] = {}
        for (key, record), row in zip(changes.items(), rows, strict=True):
            give_way()
            self._until_of(key, record)
            if row >= 0:
                self._change(row, record)
            elif record is not None and record.put_at and record.shown(now):
                new[key] = record
            else:
                self._fresh.pop(key, None)
        self._encode(new)
        if changes or self.due(now):
            self._parts = self._assembled(now)

    def due(self, now: int) -> bool:
        """Whether an item has expired since the last changes were taken."""
        return self._next <= now

    def live(self, snapshot: Snapshot) -> Live:
        """The live state, with the statistics of a snapshot."""
        fresh, changed, takedowns = self._parts
        statistics = np.empty((0, len(STATISTICS)), np.float32)
        if len(snapshot.keys):
            rows, known = self._rows_of(snapshot.keys, fresh)
            size = len(self._catalog) + len(fresh)
            statistics = np.zeros((size, len(STATISTICS)), np.float32)
            statistics[rows] = snapshot.values[known]
        trending, known = self._rows_of(snapshot.trending_keys, fresh)
        return Live(
            fresh,
            statistics,
            trending,
            snapshot.trending_scores[known].astype(np.float32, copy=False),
            takedowns,
            changed,
        )

    def _until_of(self, key: int, record: ItemRecord | None) -> None:
        if record is not None and (record.hidden or record.deleted):
            self._until[key] = 0
        elif record is not None and record.expires_at:
            self._until[key] = record.expires_at
        else:
            self._until.pop(key, None)

    def _change(self, row: int, record: ItemRecord | None) -> None:
        """Notes an item of the release whose labels are other than the release's."""
        put = record is not None and record.put_at > 0
        if record is not None and put and self._differs(row, record):
            self._changed[row] = record
        else:
            self._changed.pop(row, None)

    def _differs(self, row: int, record: ItemRecord) -> bool:
        same = set(record.categories) == set(self._catalog.categories(row))
        return not same or set(record.tags) != set(self._catalog.tags(row))

    def _encode(self, new: dict[int, ItemRecord]) -> None:
        if self._tower is None or not new:
            return
        features, vectors = self._tower.encode(list(new.values()))
        for i, (key, record) in enumerate(new.items()):
            give_way()
            self._fresh[key] = _Fresh(record, features[i], vectors[i])

    def _assembled(self, now: int) -> tuple[FreshItems, Changed, Takedowns]:
        gone = [key for key, item in self._fresh.items() if not item.record.shown(now)]
        for key in gone:
            del self._fresh[key]
        fresh = self._fresh_items()
        keys = np.fromiter(self._until, np.uint64, len(self._until))
        until = np.fromiter(self._until.values(), np.int64, len(self._until))
        self._next = int(until[until > now].min(initial=_NEVER))
        rows, known = self._rows_of(keys, fresh)
        order = np.argsort(rows)
        changed = self._changed.values()
        return (
            fresh,
            Changed(
                np.fromiter(self._changed, np.int32, len(self._changed)),
                tuple(tuple(record.categories) for record in changed),
                tuple(tuple(record.tags) for record in changed),
            ),
            Takedowns(rows[order], until[known][order]),
        )

    def _fresh_items(self) -> FreshItems:
        """The newest of the new items, by key."""
        newest = sorted(self._fresh, key=lambda key: (-self._fresh[key].record.born, key))
        keys = sorted(newest[: self._most])
        self.left_out = len(newest) - len(keys)
        if not keys:
            return FreshItems()
        items = [self._fresh[key] for key in keys]
        records = [item.record for item in items]
        return FreshItems(
            InlineItems(
                tuple(record.item_id for record in records),
                np.stack([item.vector for item in items]),
                np.stack([item.features for item in items]),
            ),
            np.array(keys, np.uint64),
            tuple(tuple(record.categories) for record in records),
            tuple(tuple(record.tags) for record in records),
            np.array([record.born for record in records], np.int64),
        )

    def _rows_of(self, keys: U64, fresh: FreshItems) -> tuple[I32, Bools]:
        """Rows int32 [k] of those keys that are in the release or new, and which those are [n]."""
        rows = self._catalog.rows_of(keys)
        known = rows >= 0
        if len(fresh):
            at = np.minimum(np.searchsorted(fresh.keys, keys), len(fresh) - 1)
            newer = ~known & (fresh.keys[at] == keys)
            rows[newer] = -1 - at[newer]
            known |= newer
        return rows[known], known
