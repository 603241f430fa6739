"""Items that are never shown."""

import numpy as np

from services.domain.arrays import I32, U64
from services.domain.hard_rules import allowed
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, removed


class Blocks:
    """Removes the blocked items, those newer than the release by their keys."""

    name = "blocks"

    def __init__(self, rows: I32, keys: U64) -> None:
        """The blocked items: `rows` int32 of those in the release, `keys` uint64 of all."""
        self._rows = rows
        self._keys = keys

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if not len(self._keys):
            return slate, ()
        newer = np.flatnonzero(np.isin(query.inline.keys, self._keys))
        keep = allowed(slate.rows, np.append(self._rows, -1 - newer))
        notes = removed(self.name, slate.rows[~keep], query)
        return Slate(slate.rows[keep], slate.scores[keep]), notes
