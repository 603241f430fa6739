"""The histories of a batch's users, encoded once for all channels that read them."""

from collections.abc import Sequence
from threading import Lock

from models.schema.catalog import Catalog
from models.schema.history import EncodedHistory, encode_histories
from services.domain.arrays import I64
from services.domain.stages import RecallQuery


class Histories:
    """What users did last, encoded. Keeps that of the batch it was asked for last."""

    def __init__(self, catalog: Catalog, length: int) -> None:
        """`length`: how many of the newest events count."""
        self._catalog = catalog
        self._length = length
        self._lock = Lock()
        self._last: tuple[Sequence[RecallQuery], EncodedHistory] | None = None

    def of(self, queries: Sequence[RecallQuery]) -> I64:
        """Rows of engagements with items of the release, newest first, -1 pads: int64 [B, L]."""
        return self.encoded(queries).rows

    def encoded(self, queries: Sequence[RecallQuery]) -> EncodedHistory:
        """Engagements with items of the release, newest first."""
        with self._lock:
            if self._last is None or self._last[0] is not queries:
                histories = [query.context.history for query in queries]
                encoded = encode_histories(histories, self._catalog, self._length)
                self._last = (queries, encoded)
            return self._last[1]
