"""Items that are never shown."""

from services.domain.arrays import I32
from services.domain.hard_rules import allowed
from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, removed


class Blocks:
    """Removes the blocked items."""

    name = "blocks"

    def __init__(self, rows: I32) -> None:
        """`rows`: the blocked items, int32 [m]."""
        self._rows = rows

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        if not len(self._rows):
            return slate, ()
        keep = allowed(slate.rows, self._rows)
        notes = removed(self.name, slate.rows[~keep], query)
        return Slate(slate.rows[keep], slate.scores[keep]), notes
