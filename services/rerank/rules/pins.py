"""Items at a fixed position."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.stages import RerankQuery, Slate
from services.rerank.rules.notes import Notes, pinned


@dataclass(frozen=True, slots=True)
class Pin:
    """An item and its place.

    Attributes:
        row: the item's row in the release; it need not have been a candidate.
        key: the item's key.
        categories: names of the item's categories.
        position: its place in the list, from 1.
    """

    row: int
    key: int
    categories: frozenset[str]
    position: int


class Pins:
    """Puts each pinned item at its position, or at the end of a list too short for it.

    The operator's word is stronger than diversity and the window rule, the request's is stronger
    still: an item that it excludes, or that is not of the categories it asks for, is not pinned.
    """

    name = "pins"

    def __init__(self, pins: Sequence[Pin]) -> None:
        self._pins = sorted(pins, key=lambda pin: pin.position)

    def apply(self, slate: Slate, query: RerankQuery) -> tuple[Slate, Notes]:
        pins = [pin for pin in self._pins if pin.position <= query.k and _wanted(pin, query)]
        if not pins:
            return slate, ()
        rows, scores = slate.rows.tolist(), slate.scores.tolist()
        for pin in pins:
            if pin.row in rows:
                at = rows.index(pin.row)
                del rows[at], scores[at]
        for pin in pins:
            rows.insert(pin.position - 1, pin.row)
            scores.insert(pin.position - 1, 0.0)
        notes = pinned(self.name, [pin.row for pin in pins], query)
        return Slate(np.array(rows, np.int32), np.array(scores, np.float32)), notes


def _wanted(pin: Pin, query: RerankQuery) -> bool:
    request = query.request
    if request.categories and pin.categories.isdisjoint(request.categories):
        return False
    return not np.any(request.exclude == np.uint64(pin.key))
