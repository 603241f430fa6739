"""Items like one item: by what people take together, and by content and taste in one vector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.schema.catalog import Catalog
from models.schema.item_cf import ItemCf
from services.domain.arrays import F32, I32
from services.domain.candidates import best_first
from services.domain.inline import extended
from services.domain.live import NOTHING_LIVE, FreshItems, Live
from services.domain.outcome import Outcome, Reason
from services.domain.stages import Similar, SimilarQuery
from services.recall.index.faiss_index import VectorIndex
from services.recall.inline import ids_only


@dataclass(frozen=True, slots=True)
class SimilarModel:
    """Blends itemCF neighbours with vector neighbours.

    The score is the mean of the cosine and of the itemCF score by that of the best neighbour:
    both are at most 1, and an item that only one of them knows still has the other's half. A new
    item has no neighbours but those of its vector.
    """

    catalog: Catalog
    vectors: F32
    index: VectorIndex
    neighbours: ItemCf

    async def run(
        self, queries: Sequence[SimilarQuery], live: Live = NOTHING_LIVE
    ) -> Sequence[Outcome[Similar]]:
        """INVALID for an item that neither the release nor the item table has."""
        keys = np.array([query.key for query in queries], np.uint64)
        rows = self.catalog.rows_of(keys).tolist()
        return [self._answer(r, q, live) for r, q in zip(rows, queries, strict=True)]

    def _answer(self, row: int, query: SimilarQuery, live: Live) -> Outcome[Similar]:
        if row < 0:
            if (place := _place(live.fresh, query.key)) is None:
                message = f"key: release {query.release} has no item with key {query.key}"
                return Outcome.failed(Reason.INVALID, message)
            row = -1 - place
        rows, scores = self._scored(row, query.limit + 1, live)
        order = best_first(scores, query.limit)
        own, inline = ids_only(rows[order], live.fresh)
        return Outcome.of(Similar(own, scores[order], inline))

    def _scored(self, row: int, limit: int, live: Live) -> tuple[I32, F32]:
        """Items by each measure, and all new ones, but for what is hidden; in no order."""
        fresh = live.fresh.items.vectors
        vector = extended(self.vectors, fresh, np.array([row]))[0]
        if not vector.any():  # a new item of which the release knows nothing is like no other
            return np.empty(0, np.int32), np.empty(0, np.float32)
        history = np.array([row]) if row >= 0 else np.empty(0, np.int64)
        together, strengths = self.neighbours.fetch(history, limit)
        near, _ = self.index.search(vector[None], limit)
        known = np.setdiff1d(np.union1d(near[0], together), [-1])
        rows = np.concatenate([known, -1 - np.arange(len(fresh))]).astype(np.int32)
        rows = rows[(rows != row) & ~live.takedowns.gone(rows, now=0)]
        scores = extended(self.vectors, fresh, rows) @ vector
        return rows, (scores + _share(rows, together, strengths)) / 2


def _place(fresh: FreshItems, key: int) -> int | None:
    """Where a new item is among them."""
    places = np.flatnonzero(fresh.keys == np.uint64(key))
    return int(places[0]) if len(places) else None


def _share(rows: I32, together: I32, strengths: F32) -> F32:
    """Score of each row among the neighbours by that of the best one; 0 for the others."""
    shares = np.zeros(len(rows), np.float32)
    if len(together):
        order = np.argsort(together)
        at = np.searchsorted(together, rows, sorter=order).clip(max=len(together) - 1)
        here = together[order[at]] == rows
        shares[here] = strengths[order[at]][here] / strengths[0]
    return shares
