"""The items of a request: rows of the release, items newer than it, and what was put of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.domain.arrays import I32, U64, Bools
from services.domain.ids import item_key
from services.domain.inline import NO_INLINE, InlineItems
from services.gateway.release import GatewayRelease, ItemText
from services.items.record import ItemRecord
from services.items.table import ItemTable


@dataclass(frozen=True, slots=True)
class ItemView:
    """Names and states of items; row -1-i is the i-th inline item.

    Attributes:
        release: that answers.
        table: what was put, hidden, expired and deleted meanwhile.
        inline: items that the release does not have.
    """

    release: GatewayRelease
    table: ItemTable
    inline: InlineItems = NO_INLINE

    def beside(self, inline: InlineItems) -> "ItemView":
        """The same with the inline items of a request."""
        return replace(self, inline=inline) if len(inline) else self

    def keys(self, rows: I32) -> U64:
        """Item keys of rows, uint64 [n]."""
        found = np.asarray(self.release.keys[np.maximum(rows, 0)])
        newer = rows < 0
        if newer.any():
            found[newer] = self.inline.keys[-1 - rows[newer]]
        return found

    def row_of(self, item_id: str) -> int | None:
        """The row of an item; None when neither the release nor the inline items have it."""
        row = int(self.release.catalog.rows_of(np.array([item_key(item_id)], np.uint64))[0])
        if row >= 0:
            return row
        return -1 - self.inline.ids.index(item_id) if item_id in self.inline.ids else None

    def known(self, keys: U64) -> Bools:
        """Which keys are of the release or were put and not deleted, bool [n]."""
        known = self.release.catalog.rows_of(keys) >= 0
        for at in np.flatnonzero(~known).tolist():
            record = self.table.get(int(keys[at]))
            known[at] = record is not None and record.put_at > 0
        return np.asarray(known)

    def text(self, row: int) -> ItemText:
        """Id, title and categories: as they were put, or else as the release has them."""
        if not len(self.table) and row >= 0:
            return self.release.text(row)
        key = int(self.release.keys[row]) if row >= 0 else item_key(self.inline.ids[-1 - row])
        record = self.table.get(key)
        if record is not None and record.put_at:
            return ItemText(record.item_id, record.title or record.item_id, record.categories)
        if row >= 0:
            return self.release.text(row)
        item_id = self.inline.ids[-1 - row]
        return ItemText(item_id, item_id, ())

    def records(self, rows: I32) -> Sequence[tuple[int, ItemRecord]]:
        """What was put of the rows' items: position among the rows, and record."""
        if not len(self.table):
            return ()
        found = enumerate(map(self.table.get, self.keys(rows).tolist()))
        return [(at, record) for at, record in found if record is not None and record.put_at]
