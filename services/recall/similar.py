"""Items like one item: by what people take together, and by content and taste in one vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.schema.catalog import Catalog
from models.schema.item_cf import ItemCf
from services.domain.arrays import F32, I32
from services.domain.candidates import best_first
from services.domain.outcome import Outcome, Reason
from services.domain.stages import Similar, SimilarQuery
from services.recall.index.faiss_index import VectorIndex


@dataclass(frozen=True, slots=True)
class SimilarModel:
    """Blends itemCF neighbours with vector neighbours.

    The score is the mean of the cosine and of the itemCF score by that of the best neighbour:
    both are at most 1, and an item that only one of them knows still has the other's half.
    """

    catalog: Catalog
    vectors: F32
    index: VectorIndex
    neighbours: ItemCf

    async def run(self, queries: Sequence[SimilarQuery]) -> Sequence[Outcome[Similar]]:
        """INVALID for an item the release does not have."""
        rows = self.catalog.rows_of(np.array([query.key for query in queries], np.uint64))
        return [self._answer(int(r), q) for r, q in zip(rows, queries, strict=True)]

    def _answer(self, row: int, query: SimilarQuery) -> Outcome[Similar]:
        if row < 0:
            message = f"key: release {query.release} has no item with key {query.key}"
            return Outcome.failed(Reason.INVALID, message)
        near, _ = self.index.search(self.vectors[row : row + 1], query.limit + 1)
        together, strengths = self.neighbours.fetch(np.array([row]), query.limit + 1)
        rows = np.union1d(near[0], together)
        rows = rows[(rows >= 0) & (rows != row)].astype(np.int32)
        scores = (self.vectors[rows] @ self.vectors[row] + _share(rows, together, strengths)) / 2
        order = best_first(scores, query.limit)
        return Outcome.of(Similar(rows[order], scores[order]))


def _share(rows: I32, together: I32, strengths: F32) -> F32:
    """Score of each row among the neighbours by that of the best one; 0 for the others."""
    shares = np.zeros(len(rows), np.float32)
    if len(together):
        order = np.argsort(together)
        at = np.searchsorted(together, rows, sorter=order).clip(max=len(together) - 1)
        here = together[order[at]] == rows
        shares[here] = strengths[order[at]][here] / strengths[0]
    return shares


class RecallSlots(Protocol):
    """The loaded releases of recall, each with its similar items."""

    def get(self, release: str) -> "WithSimilar | None": ...

    def ids(self) -> tuple[str, ...]: ...


class WithSimilar(Protocol):
    """A recall model."""

    @property
    def similar(self) -> SimilarModel: ...


class SimilarSlots:
    """The loaded releases of recall, as the similar stage uses them."""

    def __init__(self, slots: RecallSlots) -> None:
        self._slots = slots

    def get(self, release: str) -> SimilarModel | None:
        model = self._slots.get(release)
        return None if model is None else model.similar

    def ids(self) -> tuple[str, ...]:
        return self._slots.ids()
