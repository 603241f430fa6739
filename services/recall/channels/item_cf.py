"""Items that go with the user's last ones (Sarwar et al. 2001)."""

from collections.abc import Sequence

from models.schema.catalog import Catalog
from models.schema.history import encode_histories
from models.schema.item_cf import ItemCf
from services.domain.protocols import Fetched
from services.domain.stages import RecallQuery


class ItemCfChannel:
    """CandidateSource: neighbours of the user's newest events, weighted by recency."""

    name = "item_cf"

    def __init__(self, catalog: Catalog, neighbours: ItemCf, length: int) -> None:
        """`length`: how many of the newest events count."""
        self._catalog = catalog
        self._neighbours = neighbours
        self._length = length

    def fetch(self, queries: Sequence[RecallQuery], limits: Sequence[int]) -> list[Fetched]:
        """Nothing for a user without an engagement with an item of the release."""
        histories = [query.context.history for query in queries]
        rows = encode_histories(histories, self._catalog, self._length).rows
        return [
            Fetched(*self._neighbours.fetch(history, limit))
            for history, limit in zip(rows, limits, strict=True)
        ]
