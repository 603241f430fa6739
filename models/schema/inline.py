"""Rows of a batch of candidate lists, inline items included."""

from collections.abc import Sequence

import numpy as np

from services.domain.arrays import F32, I64
from services.domain.candidates import Candidates
from services.domain.inline import NO_INLINE, InlineItems


def rows_of(lists: Sequence[Candidates]) -> I64:
    """Rows of all candidates of all queries, int64 [N]; row -1-i is the i-th of `inline_of`."""
    if not lists:
        return np.empty(0, np.int64)
    rows = np.concatenate([candidates.rows for candidates in lists]).astype(np.int64)
    sizes = [len(candidates.inline) for candidates in lists]
    if any(sizes):
        before = np.cumsum([0, *sizes[:-1]])
        lengths = [len(candidates) for candidates in lists]
        rows -= np.where(rows < 0, np.repeat(before, lengths), 0)
    return rows


def inline_of(lists: Sequence[Candidates]) -> InlineItems:
    """The inline items of all queries in one, in the order of the queries."""
    found = [candidates.inline for candidates in lists if len(candidates.inline)]
    if not found:
        return NO_INLINE
    return InlineItems(
        tuple(item for inline in found for item in inline.ids),
        np.concatenate([inline.vectors for inline in found]),
        np.concatenate([inline.features for inline in found]),
    )


def typical(statics: F32) -> F32:
    """What static features an item without any is given: the median of each column, float32 [g].

    Zeros would say that the item was offered for as long as the others and nobody wanted it.
    """
    if not len(statics):
        return np.zeros(statics.shape[1], np.float32)
    return np.median(statics, axis=0).astype(np.float32)
