"""Items that go with the user's last ones (Sarwar et al. 2001)."""

from collections.abc import Sequence

from models.schema.item_cf import ItemCf
from services.domain.live import Live
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery
from services.recall.histories import Histories
from services.recall.tables import Tables


class ItemCfChannel:
    """CandidateSource: neighbours of the user's newest events, weighted by recency."""

    name = "item_cf"

    def __init__(self, histories: Histories, neighbours: ItemCf) -> None:
        self._histories = histories
        self._neighbours = neighbours

    @staticmethod
    def open(tables: Tables) -> "ItemCfChannel":
        return ItemCfChannel(tables.histories, tables.neighbours)

    def fetch(
        self, queries: Sequence[RecallQuery], limits: Sequence[int], live: Live
    ) -> list[Fetched]:
        """Nothing for a user without an engagement with an item of the release."""
        return [
            Fetched(*self._neighbours.fetch(history, limit))
            for history, limit in zip(self._histories.of(queries), limits, strict=True)
        ]
